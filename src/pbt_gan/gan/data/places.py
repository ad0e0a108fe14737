"""Where what can be fetched or made again is kept between runs."""

import os
from pathlib import Path

from pbt_gan.places import expanded


def cache_folder() -> Path:
    """Return the user's cache folder for this package, which need not be there yet.

    `$PBT_GAN_CACHE`, or `pbt-gan` in `$XDG_CACHE_HOME`, which is `~/.cache` where nothing is said.

    Raises:
        ConfigError: it lies in a home folder that nobody knows.
    """
    own = os.environ.get("PBT_GAN_CACHE")
    return expanded(own) if own else expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "pbt-gan"
