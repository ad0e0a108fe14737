"""Scorers in the user's cache, by what made them: a second run of the same images trains none."""

import hashlib
import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pbt_gan import files
from pbt_gan.errors import ConfigError, StorageError
from pbt_gan.gan.data import Dataset
from pbt_gan.gan.data.cache import trim
from pbt_gan.gan.scores.naming import Role
from pbt_gan.gan.scores.recipes import RECIPES, whole_effort
from pbt_gan.gan.settings import TRAINED, Rung
from pbt_gan.places import cache_folder

FORM = 1
"""Of what is kept, and of how it is made: another number, and all scorers are made anew."""

_DIGEST_BYTES = 32
_log = logging.getLogger(__name__)


def find(dataset: Dataset, role: Role, rung: Rung) -> bytes | None:
    """Return the content of a scorer's file; None: it is not kept, or damaged, which is as if it were not."""
    with suppress(OSError, ConfigError):
        path = _path(dataset, role, rung)
        content = path.read_bytes()
        digest, data = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if hashlib.sha256(data).digest() == digest:
            with suppress(OSError):
                path.touch()  # what was used last is kept longest
            return data
    return None


def keep(dataset: Dataset, role: Role, rung: Rung, data: bytes) -> None:
    """Keep a scorer for the next run of these images, if the disk lets it."""
    try:
        path = _path(dataset, role, rung)
        files.make_folder(path.parent)
        files.write(path, hashlib.sha256(data).digest() + data, durable=False)
        trim(in_use=path)
    except (StorageError, ConfigError) as error:
        _log.info("Scorers are made anew in each run: %s", error)


def _path(dataset: Dataset, role: Role, rung: Rung) -> Path:
    digest = hashlib.sha256(json.dumps(_made_by(dataset, role, rung), sort_keys=True).encode()).hexdigest()
    return cache_folder() / "scorers" / f"{digest[:32]}.scorer"


def _made_by(dataset: Dataset, role: Role, rung: Rung) -> Mapping[str, Any]:
    """Return all that a scorer depends on."""
    unseen = dataset.unseen
    return {
        "form": FORM,
        "data": dataset.fingerprint,
        "unseen": unseen and hashlib.sha256(unseen.images.data).hexdigest(),
        "recipe": RECIPES[role] if rung in TRAINED else RECIPES[role].seed,
        "rung": rung,
        "effort": whole_effort(rung),
        "torch": version("torch"),
        "numpy": version("numpy"),
    }
