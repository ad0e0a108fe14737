"""Runs that come with the package: `pretrained:NAME` stands for the folder of one, wherever a run is asked for.

Such a folder is a run's, with the generator of its best member in place of checkpoints. Nothing is ever written there:
what writes into a run takes a copy (`working_copy`), or is refused (`own_run`).
"""

import json
from collections.abc import Mapping
from importlib.resources import files as package_files
from pathlib import Path

from pbt_gan import files
from pbt_gan.errors import ConfigError, DamageError, RunFolderError, instead
from pbt_gan.runs.folder import ROOT, holds_run

SCHEME = "pretrained:"
CARD, PAGE = "card.json", "card.txt"


def shipped_folder() -> Path:
    """Return where the package keeps its runs, a folder each."""
    return Path(str(package_files("pbt_gan"))) / "pretrained"


def pretrained() -> Mapping[str, str]:
    """Return the name of every run that comes with the package, and in a line what it makes."""
    return {name: _line(shipped_folder() / name) for name in _names()}


def completed(incomplete: str) -> list[str]:
    """Complete `pretrained:NAME`; nothing is offered before its first letter, where a path is as likely."""
    return [f"{SCHEME}{name}" for name in _names() if incomplete and f"{SCHEME}{name}".startswith(incomplete)]


def run_place(place: Path | str) -> Path:
    """Return a place as it was given, or the folder that `pretrained:NAME` stands for.

    Raises:
        ConfigError: no run of that name comes with the package.

    Examples:
        >>> run_place("runs/0001-digits").as_posix(), run_place("pretrained:digits").name
        ('runs/0001-digits', 'digits')
    """
    name = _name(place)
    if name is None:
        return Path(place)
    if name not in _names():
        raise ConfigError(f"{place} does not come with this package.{_instead(name)}")
    return shipped_folder() / name


def spoken(folder: Path | None) -> str:
    """Return what a run's folder is called: `pretrained:NAME` where it comes with the package, else its path."""
    if folder is None:
        return "a run in memory"
    return f"{SCHEME}{folder.name}" if is_shipped(folder) else str(folder)


def is_shipped(folder: Path) -> bool:
    """Whether a folder is one of the package's."""
    return folder.name in _names() and folder.absolute().parent == shipped_folder().absolute()


def own_run(place: Path | str) -> Path:
    """Return the folder of a run that may be written to.

    Raises:
        ConfigError: it comes with the package.
    """
    folder = run_place(place)
    if is_shipped(folder):
        raise ConfigError(
            f"{spoken(folder)} comes with the package, without the checkpoints that this needs. "
            f"`pbt-gan replay {spoken(folder)} --out RUN` trains its best member anew."
        )
    return folder


def working_copy(place: Path | str) -> Path:
    """Return a folder for what writes into a run: of one of the package that of a copy, `runs/pretrained-NAME`.

    Raises:
        ConfigError: no run of that name comes with the package.
        RunFolderError: another run lies where the copy would.
        StorageError: the disk refused.
    """
    folder = run_place(place)
    if not is_shipped(folder):
        return folder
    copy = ROOT / f"pretrained-{folder.name}"
    journal = folder / "journal.jsonl"
    if holds_run(copy):
        if (copy / journal.name).read_bytes() != journal.read_bytes():
            raise RunFolderError(
                f"{copy} is another run than {spoken(folder)}; move it away, and a copy is made there."
            )
        return copy
    for path in sorted(folder.rglob("*"), key=lambda path: (path == journal, path)):  # last: now it is a run
        if path.is_file() and "__pycache__" not in path.parts:
            files.make_folder((copy / path.relative_to(folder)).parent)
            files.write(copy / path.relative_to(folder), path.read_bytes(), durable=False)
    return copy


def card_page(folder: Path) -> str:
    """Return the card of a run of the package, as a page.

    Raises:
        DamageError: it is missing.
    """
    try:
        return (folder / PAGE).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise DamageError(f"{folder / PAGE} cannot be read; install pbt-gan again.") from error


def _name(place: Path | str) -> str | None:
    """Return what follows `pretrained:`; None: it is a path."""
    text = str(place)
    return text.removeprefix(SCHEME) if text.startswith(SCHEME) else None


def _names() -> list[str]:
    folder = shipped_folder()
    return sorted(path.name for path in folder.iterdir() if holds_run(path)) if folder.is_dir() else []


def _instead(name: str) -> str:
    known = _names()
    return instead(f"{SCHEME}{name}", [f"{SCHEME}{each}" for each in known]) if known else " Nothing does."


def _line(folder: Path) -> str:
    """Return what a card says of its run in a line; nothing where it cannot be read."""
    try:
        return str(json.loads((folder / CARD).read_bytes())["about"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""
