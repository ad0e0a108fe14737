"""Checkpoints on disk: immutable files, each believed only with the digest that the journal has of it.

The folder may be a link to another disk where others' files lie: only what this run wrote is ever removed or replaced.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from pbt_gan import files
from pbt_gan.errors import DamageError, StorageError

Encoder = Callable[[], bytes | memoryview]

_SUFFIX = ".safetensors"


def folder_of(run: Path) -> Path:
    """Return where a run keeps its checkpoints."""
    return run / "checkpoints"


def path_of(run: Path, key: str) -> Path:
    """Return a checkpoint's file."""
    return folder_of(run) / f"{key}{_SUFFIX}"


def read(run: Path, key: str, digest: str) -> bytes:
    """Return a checkpoint's bytes.

    Raises:
        DamageError: the file is missing, or not what was written.
    """
    path = path_of(run, key)
    try:
        with files.opened(path) as file:
            data = file.read()
    except FileNotFoundError as error:
        raise DamageError(f"{path} is missing, though the journal names it. Restore it from a copy.") from error
    except OSError as error:
        raise DamageError(f"Cannot read {path}: {error.strerror or error}.") from error
    if _digest(data) != digest:
        raise DamageError(f"{path} is damaged: its bytes are not those that were written. Restore it from a copy.")
    return data


def write(run: Path, encoded: Mapping[str, Encoder], safe: Mapping[str, str]) -> dict[str, str]:
    """Write those that are not safe on disk yet; return the digest of each.

    Raises:
        StorageError: the disk refused, or there is a file of another run where one should go.
    """
    digests = {}
    for key, encode in encoded.items():
        digest = safe.get(key)
        if digest is None:
            data = encode()
            digest = _digest(data)
            if not _is_there(run, key, digest):
                files.write(path_of(run, key), data)
        digests[key] = digest
    return digests


def remove(run: Path, keys: Iterable[str]) -> None:
    """Remove checkpoints that this run has written."""
    for key in keys:
        files.remove(path_of(run, key))


def remove_leftovers(run: Path, named: Mapping[str, str | None], kept: Iterable[str]) -> None:
    """Remove what a run that was cut off has left behind.

    Args:
        run: the run's folder.
        named: every checkpoint that its journal ever named, with its digest if it was committed.
        kept: those that are needed.
    """
    for key in named.keys() - set(kept):
        path = path_of(run, key)
        if path.is_file() and _is_own(run, path, named[key]):
            files.remove(path)


def _is_own(run: Path, path: Path, digest: str | None) -> bool:
    """Whether a file is what this run wrote; what was never committed is known by its place alone."""
    return not _is_link(run) if digest is None else _digest(path.read_bytes()) == digest


def _is_there(run: Path, key: str, digest: str) -> bool:
    """Whether a file that is there already is just what would be written, in a folder that may be shared.

    Raises:
        StorageError: it is something else.
    """
    path = path_of(run, key)
    if not (_is_link(run) and path.exists()):
        return False
    if _digest(path.read_bytes()) == digest:
        return True
    error = StorageError(
        f"{path} is there already, and not what this run would write: does another run use the folder that "
        f"{folder_of(run)} leads to? Give each a folder of its own; what this run left when it was cut off can go."
    )
    error.exit_code = 2
    raise error


def _is_link(run: Path) -> bool:
    return folder_of(run).is_symlink()


def _digest(data: bytes | memoryview) -> str:
    return hashlib.sha256(data).hexdigest()
