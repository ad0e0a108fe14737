"""Checkpoints on disk: immutable files, each believed only with the digest that the journal has of it."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from pbt_gan import files
from pbt_gan.errors import DamageError

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
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DamageError(f"{path} is missing, though the journal names it. Restore it from a copy.") from error
    except OSError as error:
        raise DamageError(f"Cannot read {path}: {error.strerror or error}.") from error
    if hashlib.sha256(data).hexdigest() != digest:
        raise DamageError(f"{path} is damaged: its bytes are not those that were written. Restore it from a copy.")
    return data


def write(run: Path, encoded: Mapping[str, Encoder], safe: Mapping[str, str]) -> dict[str, str]:
    """Write those that are not safe on disk yet; return the digest of each.

    Raises:
        StorageError: the disk refused.
    """
    digests = {}
    for key, encode in encoded.items():
        digest = safe.get(key)
        if digest is None:
            data = encode()
            files.write(path_of(run, key), data)
            digest = hashlib.sha256(data).hexdigest()
        digests[key] = digest
    return digests


def remove_others(run: Path, keys: Iterable[str]) -> None:
    """Remove every checkpoint that is not named."""
    kept = {path_of(run, key) for key in keys}
    for path in folder_of(run).glob(f"*{_SUFFIX}"):
        if path not in kept:
            files.remove(path)
