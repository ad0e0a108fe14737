"""Paths as people write them, made absolute, and the folder for what can be made again."""

import os
import sys
from pathlib import Path

from pbt_gan.errors import ConfigError


def expanded(path: str) -> Path:
    """Return a path in which `~` and `~name` stand for somebody's home.

    Raises:
        ConfigError: nobody knows where that is.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ConfigError(f"{path}: there is no home folder of that name; write the whole path.") from None


def placed(path: str, folder: Path) -> Path:
    """Return a path as an absolute one without links; a relative one lies in `folder`.

    Raises:
        ConfigError: nobody knows where its home folder is, or its links lead in a circle.
    """
    return resolved(folder / expanded(path))


def resolved(path: Path) -> Path:
    """Return a path as an absolute one without links.

    Raises:
        ConfigError: its links lead in a circle.
    """
    try:
        return path.resolve()
    except (RuntimeError, OSError, ValueError) as error:  # RuntimeError: what Python before 3.13 says of a circle
        why = "its links lead in a circle" if isinstance(error, RuntimeError) else getattr(error, "strerror", error)
        raise ConfigError(f"{path} leads nowhere: {why}. Check the path.") from None


def state_folder() -> Path:
    """Return the folder in which this package keeps what cannot be made again; it need not be there.

    That is `pbt-gan` in `$XDG_STATE_HOME`, or in `~/.local/state`.

    Raises:
        ConfigError: nobody knows where the home folder is.
    """
    return expanded(os.environ.get("XDG_STATE_HOME") or "~/.local/state").absolute() / "pbt-gan"


def cache_folder() -> Path:
    """Return the folder in which this package keeps what can be made again; it need not be there.

    `$PBT_GAN_CACHE`, else `pbt-gan` in `$XDG_CACHE_HOME`, else in the system's own folder for caches.

    Raises:
        ConfigError: nobody knows where the home folder is.
    """
    if own := os.environ.get("PBT_GAN_CACHE"):
        return expanded(own).absolute()
    usual = "~/Library/Caches" if sys.platform == "darwin" else "~/.cache"
    return expanded(os.environ.get("XDG_CACHE_HOME") or usual).absolute() / "pbt-gan"
