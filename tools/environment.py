"""Make or renew the virtual environment that the Makefile's targets run in.

Usage: python tools/environment.py FOLDER [EXTRA]...

It asks for nothing but the standard library, since it runs before anything is installed. An environment that is up to
date is left alone; two calls at a time wait for each other; one that was cut off half-way is made anew by the next.
"""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)


def main(folder: Path, extras: set[str]) -> None:
    """Bring `folder` to the state that pyproject.toml and constraints.txt describe, with these extras."""
    import fcntl

    stamp, unfinished = folder / ".pbt-gan.json", folder / ".pbt-gan-unfinished"
    with (ROOT / "pyproject.toml").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        described = hashlib.sha256(lock.read() + (ROOT / "constraints.txt").read_bytes()).hexdigest()
        made = json.loads(stamp.read_text()) if stamp.exists() else {"described": "", "extras": []}
        if made["described"] == described and extras <= set(made["extras"]):
            return
        extras |= set(made["extras"])
        clear = ["--clear"] if unfinished.exists() else []
        folder.mkdir(exist_ok=True)
        unfinished.touch()
        run(sys.executable, "-m", "venv", *clear, str(folder))
        unfinished.touch()  # --clear has removed it
        stamp.unlink(missing_ok=True)
        project = f"{ROOT}[{','.join(sorted(extras))}]" if extras else str(ROOT)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install"]
        print(f"Installing pbt-gan and what it needs into {folder}", flush=True)
        run(*pip, "--constraint", str(ROOT / "constraints.txt"), "--editable", project)
        # Written last: whatever was cut off before this line is done again.
        stamp.write_text(json.dumps({"described": described, "extras": sorted(extras)}))
        unfinished.unlink()


def run(*command: str) -> None:
    """Run a command and end with its exit code if it fails; it has said why itself."""
    code = subprocess.run(command, check=False).returncode
    if code:
        sys.exit(code)


if __name__ == "__main__":
    if sys.version_info < OLDEST:
        sys.exit(f"pbt-gan needs Python 3.11 or newer; this is {sys.version.split()[0]}. Try: make PYTHON=python3.12 …")
    main(Path(sys.argv[1]), set(sys.argv[2:]))
