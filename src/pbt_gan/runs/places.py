"""Where the files lie that a configuration names, and where they lie now.

A place is an absolute path (`/data/images.npz`) or a reference into a file (`/home/me/task.py:Classifier`). A run notes
each of them relative to its own folder too: what was moved together with the run is found again.
"""

import filecmp
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pbt_gan.config.source import data_place, merged
from pbt_gan.config.tasks import BUILT_IN_DATA, FETCHED_DATA
from pbt_gan.errors import ConfigError, RunFolderError

Table = Mapping[str, Any]

_DATA = "task.data"
_TASK = "task.name"
_OWN = ("generator", "discriminator", "net", "loss")  # of the task `gan`
_CODE = (
    _TASK,
    *(f"task.{name}" for name in _OWN),
    "pbt.policy.name",
    "pbt.exploit.name",
    "pbt.explore.name",
    "stop.rule",
    "listeners",
)
"""What a run cannot do without; a task of one's own may have other paths among its arguments."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Where somebody says that a run's files lie now; None: where they were."""

    data: Path | str | None = None
    task_file: Path | str | None = None

    def __bool__(self) -> bool:
        return self.data is not None or self.task_file is not None


UNMOVED = Moved()


def noted(config: Table, folder: Path) -> dict[str, str]:
    """Return what a run notes of its places: each path that is there, and the same relative to the run's folder."""
    paths = (place[0] for _, text in _texts(config) if (place := _place(text)) is not None)
    return {str(path): os.path.relpath(path, folder.resolve()) for path in paths if path.exists()}


def located(config: Table, notes: Table, folder: Path, moved: Moved) -> dict[str, Any]:
    """Return a run's configuration with its places as they are now.

    Args:
        config: as the run has it.
        notes: what it has noted of its places.
        folder: where the run lies now.
        moved: where its files are said to be. What lay beside one of these is looked for beside it.

    Raises:
        ConfigError: there is nothing of the kind that is said to lie elsewhere.
    """
    said = _said(config, moved)
    if moved.data is not None and _is_fetched(config):  # it had no place: whose copy it is makes no difference
        config = merged(config, {"task": {"data": str(_data(moved.data))}})

    def now(path: Path) -> Path:
        if path in said:
            return said[path]
        beside = (Path(os.path.normpath(new.parent / os.path.relpath(path, old.parent))) for old, new in said.items())
        noted = notes.get(str(path))
        candidates = [path, *beside, *([folder.resolve() / noted] if isinstance(noted, str) else [])]
        return next((each.resolve() for each in candidates if each.exists()), path)

    found: dict[str, Any] = _each(config, lambda text: _replaced(text, now))
    return found


def followed(before: Any, after: Any, fingerprint: Table, key: str = "") -> Any:
    """Return a configuration in which those places are taken from another one that are the same thing, moved.

    Data is the same if its fingerprint is, which is compared later. Other files are, if the old one is gone or has the
    same content.
    """
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return {
            name: followed(value, after[name], fingerprint, f"{key}.{name}".strip(".")) if name in after else value
            for name, value in before.items()
        }
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [followed(*pair, fingerprint, key) for pair in zip(before, after, strict=True)]
    if isinstance(before, str) and isinstance(after, str):
        proven = key == _DATA and "data" in fingerprint
        return after if _is_moved(_place(before), _place(after), proven) else before
    return before


def check_places(config: Table) -> None:
    """Raise RunFolderError if a file is gone that a run cannot do without; says how to tell where it lies now."""
    for key, text in _texts(config):
        place = _place(text)
        if place is None or place[0].exists() or key not in (_DATA, *_CODE):
            continue
        path, attribute = place
        options = {_DATA: "--data PATH (data= in Python)", _TASK: "--task-file PATH (task_file= in Python)"}
        value = f"PATH{attribute}"
        other = f"--set {key}='[\"{value}\"]'" if key == "listeners" else f"--set {key}={value}"
        raise RunFolderError(f"{key}: {path} is not there any more. Say where it lies now: {options.get(key, other)}.")


def _said(config: Table, moved: Moved) -> dict[Path, Path]:
    """Return the old and new paths that somebody has told."""
    task = config.get("task", {})
    said = {}
    if moved.data is not None and not _is_fetched(config):
        place = _place(task.get("data"))
        if place is None:
            named = task.get("data") == BUILT_IN_DATA
            what = f"the data set {BUILT_IN_DATA}, which is built in" if named else "no setting task.data"
            raise ConfigError(f"--data {moved.data}: this run's task has {what}, and nothing that could be moved.")
        said[place[0]] = _data(moved.data)
    if moved.task_file is not None:
        place = _place(task.get("name"))
        if place is None:
            raise ConfigError(
                f"--task-file {moved.task_file}: this run's task is {task.get('name')}, not one of a file."
            )
        said[place[0]] = Path(moved.task_file).expanduser().resolve()
    return said


def _is_fetched(config: Table) -> bool:
    """Whether a run's data is a known set, by its name."""
    return config.get("task", {}).get("data") in FETCHED_DATA


def _data(place: Path | str) -> Path:
    return Path(data_place(str(place), Path.cwd()))


def _is_moved(before: tuple[Path, str] | None, after: tuple[Path, str] | None, proven: bool) -> bool:
    if before is None or after is None or before[1] != after[1]:
        return False
    old, new = before[0], after[0]
    return proven or (new.exists() and (not old.exists() or _is_equal(old, new)))


def _is_equal(old: Path, new: Path) -> bool:
    return old.is_file() and new.is_file() and filecmp.cmp(old, new, shallow=False)


def _place(text: Any) -> tuple[Path, str] | None:
    """Return a path and what is named in it (`:Classifier`, or nothing); None: the text is no place."""
    if not isinstance(text, str) or "\0" in text:
        return None
    path, colon, attribute = text.rpartition(":")
    if not path.endswith(".py"):
        path, colon, attribute = text, "", ""
    return (Path(path), colon + attribute) if Path(path).is_absolute() else None


def _replaced(text: str, now: Callable[[Path], Path]) -> str:
    place = _place(text)
    return text if place is None else f"{now(place[0])}{place[1]}"


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Return every text of a configuration with its dotted key, that of a list for all its items."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _texts(item, f"{key}.{name}".strip("."))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item, key)


def _each(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {name: _each(item, change) for name, item in value.items()}
    return [_each(item, change) for item in value] if isinstance(value, list | tuple) else value
