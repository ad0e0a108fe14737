"""Choices that were made by a trial, remembered from run to run."""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pbt_gan import files
from pbt_gan.errors import ConfigError, StorageError
from pbt_gan.places import cache_folder


def remembered(name: str, circumstances: Mapping[str, Any], choose: Callable[[], int]) -> int:
    """Return the number that was chosen under the same circumstances before, else choose and remember it."""
    digest = hashlib.sha256(json.dumps(circumstances, sort_keys=True, default=str).encode()).hexdigest()
    with suppress(OSError, ValueError, KeyError, TypeError, ConfigError):
        return int(json.loads(_path(name, digest).read_text())[name])
    number = choose()
    with suppress(StorageError, ConfigError):  # it is tried again then
        path = _path(name, digest)
        files.make_folder(path.parent)
        files.write(path, json.dumps({name: number, **circumstances}, default=str).encode(), durable=False)
    return number


def _path(name: str, digest: str) -> Path:
    """Return where a choice is kept; ConfigError: nobody's home is known."""
    return cache_folder() / f"{name}-{digest[:32]}.json"
