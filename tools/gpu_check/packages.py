"""What the check needs beside Python, torch and NumPy: brought together where there is a network, used where not."""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Collection, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

TESTS = ("pytest", "pytest-timeout", "hypothesis")
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
COMES_WITH_TORCH = re.compile(r"torch$|numpy$|triton$|nvidia-|cuda-")


def collect(folder: Path, project: Path, python: str, present: Path | None) -> None:
    """Put the wheels of all that is needed and missing on another machine into a folder.

    Args:
        folder: for the wheels.
        project: its pyproject.toml says what is needed.
        python: the version there, such as "3.12".
        present: what `pip list` says there; None: nothing but torch and NumPy.
    """
    pip = [sys.executable, "-m", "pip"]
    there = ["--only-binary=:all:", "--python-version", python, "--implementation", "cp"]
    there += [part for platform in PLATFORMS for part in ("--platform", platform)]
    with tempfile.TemporaryDirectory() as target:
        resolve = [*pip, "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-", "--target", target]
        asked = subprocess.run([*resolve, *there, *needed(project)], check=True, capture_output=True, text=True)
    wanted = missing(json.loads(asked.stdout), names_in(present.read_text(encoding="utf-8")) if present else set())
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.whl"):
        old.unlink()
    if wanted:
        subprocess.run([*pip, "download", "--quiet", "--no-deps", "--dest", str(folder), *there, *wanted], check=True)
    megabytes = sum(wheel.stat().st_size for wheel in folder.glob("*.whl")) / 1e6
    print(f"{len(wanted)} packages, {megabytes:.1f} MB, in {folder}")


def needed(project: Path) -> list[str]:
    """Return the requirements of the project and of its tests, without those that are there wherever a GPU is."""
    described = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["dependencies"]
    return [line for line in described if not COMES_WITH_TORCH.match(plain(line))] + list(TESTS)


def missing(report: Any, present: Collection[str]) -> list[str]:
    """Return what pip would install and is not there, each with its version."""
    found = [(plain(each["metadata"]["name"]), each["metadata"]["version"]) for each in report["install"]]
    return [f"{name}=={number}" for name, number in found if name not in present and not COMES_WITH_TORCH.match(name)]


def names_in(listing: str) -> set[str]:
    """Return the packages of a listing, one a line, whatever stands behind their names."""
    return {plain(line) for line in listing.splitlines() if line.strip()}


def plain(name: str) -> str:
    """Return the name that a requirement begins with, as registries write it.

    >>> plain("Typing_Extensions>=4.6; python_version < '3.13'")
    'typing-extensions'
    """
    found = re.match(r"[A-Za-z0-9._-]+", name.strip())
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""


def install(wheels: Path, folder: Path) -> None:
    """Unpack those wheels whose packages are missing here."""
    for wheel in absent(sorted(wheels.glob("*.whl"))):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)


def absent(wheels: Iterable[Path]) -> list[Path]:
    """Return those whose packages are not installed."""
    return [wheel for wheel in wheels if not _installed(plain(wheel.name.partition("-")[0]))]


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
