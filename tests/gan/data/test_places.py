"""The cache folder is the user's, and can be put elsewhere."""

from pathlib import Path

import pytest

from pbt_gan.gan.data.places import cache_folder


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ({"PBT_GAN_CACHE": "/large/disk", "XDG_CACHE_HOME": "/elsewhere"}, "/large/disk"),
        ({"XDG_CACHE_HOME": "/elsewhere"}, "/elsewhere/pbt-gan"),
        ({"HOME": "/a/home"}, "/a/home/.cache/pbt-gan"),
        ({"PBT_GAN_CACHE": "~/kept", "HOME": "/a/home"}, "/a/home/kept"),
    ],
)
def test_the_nearest_word_of_the_user_counts(monkeypatch, said, place):
    for name in ("PBT_GAN_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(place)
