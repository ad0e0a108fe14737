"""Films: loops of all their frames, whatever the images."""

import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pbt_gan.errors import ConfigError
from pbt_gan.reporting import animation

FRAMES = np.random.default_rng(0).integers(0, 256, (5, 9, 9, 3), np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_a_film_is_a_loop_of_all_frames_enlarged(suffix, channels):
    data = animation.animation(FRAMES[..., :channels], suffix)
    with Image.open(io.BytesIO(data)) as film:
        assert getattr(film, "n_frames", 1) == 5
        assert film.info["loop"] == 0
        assert film.size == (135, 135)


def test_webp_keeps_every_pixel():
    with Image.open(io.BytesIO(animation.animation(FRAMES, ".webp"))) as film:
        film.seek(2)
        assert np.array_equal(np.asarray(film.convert("RGB"))[7::15, 7::15], FRAMES[2])


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_a_film_of_odd_size_is_an_mp4():
    assert animation.animation(FRAMES, ".mp4")[4:8] == b"ftyp"


def test_what_ffmpeg_says_is_told(monkeypatch):
    def refuse(command, **options):
        raise subprocess.CalledProcessError(1, command, stderr=b"no such codec")

    monkeypatch.setattr(subprocess, "run", refuse)
    with pytest.raises(ConfigError, match=r"no such codec\. Name a \.gif"):
        animation.animation(FRAMES, ".mp4")


def test_a_film_that_needs_what_is_not_there_is_refused_before_it_is_computed(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    animation.check_suffix(Path("x.gif"))
    with pytest.raises(ConfigError, match="needs ffmpeg"):
        animation.check_suffix(Path("x.mp4"))
