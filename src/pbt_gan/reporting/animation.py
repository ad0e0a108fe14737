"""Images one after another, as a loop that moves: GIF and WebP, and MP4 where ffmpeg is installed."""

import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
from PIL import Image

from pbt_gan.errors import ConfigError
from pbt_gan.interfaces import Images
from pbt_gan.reporting.images import enlargement

SUFFIXES = (".gif", ".webp", ".mp4")

FRAME_MS = 60
"""How long a frame is seen."""

LEAST = 128
"""Frames are enlarged by a whole factor until they are at least this many pixels high."""

_LONGEST_S = 600
"""That ffmpeg may take."""


def animation(frames: Images, suffix: str) -> bytes:
    """Return frames uint8[N, H, W, C] as the content of a file that loops.

    Args:
        frames: at least 1.
        suffix: one of `SUFFIXES`.

    Raises:
        ConfigError: it takes ffmpeg, and there is none, or it refuses.
    """
    scale = enlargement(frames.shape[1], LEAST)
    large = frames.repeat(scale, axis=1).repeat(scale, axis=2)
    if suffix == ".mp4":
        return _film(np.broadcast_to(large, (*large.shape[:3], 3)))
    pictures = [Image.fromarray(frame[..., 0] if frame.shape[2] == 1 else frame) for frame in large]
    buffer = io.BytesIO()
    lossless = {"lossless": True} if suffix == ".webp" else {}
    pictures[0].save(
        buffer, suffix[1:], save_all=True, append_images=pictures[1:], duration=FRAME_MS, loop=0, **lossless
    )
    return buffer.getvalue()


def check_suffix(out: Path) -> None:
    """Raise ConfigError if a file of that name takes what is not there; before anything is computed for it."""
    if out.suffix == ".mp4" and shutil.which("ffmpeg") is None:
        raise ConfigError(
            f"--out {out}: an .mp4 needs ffmpeg, which is not on PATH. Name a .gif or .webp file instead."
        )


def _film(frames: Images) -> bytes:
    height, width = frames.shape[1:3]
    command = ["ffmpeg", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"]
    command += ["-r", f"{1000 / FRAME_MS:.3f}", "-i", "pipe:0", "-pix_fmt", "yuv420p"]
    command += ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2"]  # that pixel format takes even sizes only
    command += [
        "-movflags",
        "frag_keyframe+empty_moov",
        "-f",
        "mp4",
        "pipe:1",
    ]  # into a pipe, which cannot be gone back in
    try:
        done = subprocess.run(command, input=frames.tobytes(), capture_output=True, check=True, timeout=_LONGEST_S)
    except subprocess.SubprocessError as error:
        said = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip() or error
        raise ConfigError(f"ffmpeg made no film: {said}. Name a .gif or .webp file instead.") from error
    return done.stdout
