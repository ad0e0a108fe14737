"""Numbered folders: `runs/0001-digits`."""

import os
import re
from pathlib import Path

from pbt_gan import files
from pbt_gan.errors import RunFolderError

ROOT = Path("runs")


def new_folder(name: str, root: Path = ROOT) -> Path:
    """Make and return the next numbered folder for a run of this name.

    Raises:
        StorageError: it cannot be made.
    """
    files.make_folder(root)
    for _ in range(100):
        numbers = (re.match(r"(\d{4,})-", path.name) for path in root.iterdir())
        number = max((int(match[1]) for match in numbers if match), default=0) + 1
        folder = root / f"{number:04d}-{name}"
        with files.explained(folder):
            try:
                files.perform(os.mkdir, folder)
            except FileExistsError:
                continue  # somebody else took the number just now
        return folder
    raise RunFolderError(f"{root} gives out no number; name a folder with --out.")


def holds_run(folder: Path) -> bool:
    """Whether a run has begun here."""
    return (folder / "journal.jsonl").exists()


def scorers(folder: Path) -> Path:
    """Return where a run keeps what its task prepared."""
    return folder / "scorers"
