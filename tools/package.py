"""Build the sdist and the wheel, and use the wheel as somebody would who has nothing else.

Usage: python tools/package.py FOLDER [TAG]

FOLDER holds the two files afterwards. With TAG, the version must be the tag's: `v0.1.0` for 0.1.0. Needs `build`.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import venv
import zipfile
from email import message_from_bytes
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "pbt_gan"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RELEASE = f"pbt_gan-{PROJECT['version']}"
TINY = ["--population=2", "--steps=4", "--set=pbt.ready_interval=2", "--set=task.width=2"]


def main(folder: Path, tag: str) -> None:
    """Build, look inside, install, use."""
    require(not tag or tag == f"v{PROJECT['version']}", f"the tag is {tag}, the version {PROJECT['version']}")
    wheel = build(folder)
    check_sdist(folder / f"{RELEASE}.tar.gz")
    check_wheel(wheel)
    with tempfile.TemporaryDirectory(prefix="package-") as outside:
        use(install(wheel, Path(outside) / "environment"), Path(outside))
    print(f"{wheel.name} was installed into an empty environment, and works there")


def build(folder: Path) -> Path:
    """Make the sdist, and the wheel from what the sdist holds; return the wheel."""
    shutil.rmtree(folder, ignore_errors=True)
    call(sys.executable, "-m", "build", "--outdir", folder, ROOT)
    return folder / f"{RELEASE}-py3-none-any.whl"


def check_sdist(path: Path) -> None:
    """Look for what a packager needs besides the code. That it builds is shown by the wheel, which comes from it."""
    with tarfile.open(path) as archive:
        names = {name.removeprefix(f"{RELEASE}/") for name in archive.getnames()}
    wanted = {"LICENSE", "README.md", "CHANGELOG.md", "CITATION.cff", "constraints.txt", "pyproject.toml"}
    require(wanted <= names, f"the sdist lacks {wanted - names}")


def check_wheel(path: Path) -> None:
    """Compare the wheel with the checkout: presets, classifiers and py.typed are in it, and nothing else is."""
    with zipfile.ZipFile(path) as archive:
        inside = {name for name in archive.namelist() if not name.startswith(f"{RELEASE}.dist-info/")}
        metadata = message_from_bytes(archive.read(f"{RELEASE}.dist-info/METADATA"))
        require(f"{RELEASE}.dist-info/licenses/LICENSE" in archive.namelist(), "the wheel lacks its licence")
    files = {path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    wanted = {path.relative_to(PACKAGE.parent).as_posix() for path in files}
    require(inside == wanted, f"wheel and checkout differ in {sorted(inside ^ wanted)}")
    for field, value in (
        ("Name", PROJECT["name"]),
        ("Version", PROJECT["version"]),
        ("Summary", PROJECT["description"]),
        ("License-Expression", PROJECT["license"]),
        ("Requires-Python", PROJECT["requires-python"]),
        ("Description-Content-Type", "text/markdown"),
        ("Keywords", ",".join(PROJECT["keywords"])),
    ):
        require(metadata[field] == value, f"{field} is {metadata[field]!r} in the wheel, not {value!r}")
    require(metadata.get_all("Classifier") == PROJECT["classifiers"], "the wheel has other classifiers")


def install(wheel: Path, folder: Path) -> Path:
    """Install the wheel and what it needs into an empty environment; return where its commands are.

    It is this environment's pip that installs, and nothing is compiled ahead: that halves the time.
    """
    venv.create(folder, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(folder / "bin" / "python")]
    call(*pip, "install", "--quiet", "--no-compile", "--constraint", ROOT / "constraints.txt", wheel)
    call(*pip, "check")
    return folder / "bin"


def use(commands: Path, folder: Path) -> None:
    """Call what was installed, from a folder that is not the checkout."""
    command = commands / "pbt-gan"
    require(PROJECT["version"] in call(command, "--version", cwd=folder), "--version says another version")
    require("train" in call(command, "--help", cwd=folder), "--help does not name the commands")
    listed = call(command, "presets", cwd=folder)
    for preset in PACKAGE.glob("presets/*.toml"):
        require(preset.stem in listed, f"the preset {preset.stem} is not listed")
    call(command, "sample", "pretrained:digits", "--out", "grid.png", cwd=folder)
    # The classifiers of `digits` come with the package: training copies them, and would otherwise train its own.
    call(command, "train", "digits", *TINY, "--out", "run", cwd=folder)
    for name in ("report.html", "journal.jsonl"):
        require((folder / "run" / name).stat().st_size > 0, f"the run has no {name}")
    for role in ("select", "held-out"):
        shipped = (PACKAGE / "scorers" / f"digits-{role}.safetensors").read_bytes()
        require(shipped in [path.read_bytes() for path in (folder / "run" / "scorers").iterdir()], f"no {role} scorer")


def call(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command, showing what it says, and return its output; end if it fails."""
    print("$", *command, flush=True)
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, cwd=cwd, env=clean, stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout, end="", flush=True)
    require(done.returncode == 0, f"{command[0]} ended with {done.returncode}")
    return done.stdout


def require(holds: bool, otherwise: str) -> None:
    """End with a line that says what is wrong, unless all is well."""
    if not holds:
        sys.exit(f"make package: {otherwise}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2] if len(sys.argv) > 2 else "")
