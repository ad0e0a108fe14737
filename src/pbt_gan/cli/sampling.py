"""`sample`: images of a trained generator, as pictures, arrays, sheets and films."""

import io
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pbt_gan import files
from pbt_gan.errors import ConfigError
from pbt_gan.interfaces import Images
from pbt_gan.places import expanded
from pbt_gan.reporting.text import member_name, number
from pbt_gan.runs import average
from pbt_gan.runs.folder import holds_run
from pbt_gan.runs.generator import load_generator
from pbt_gan.runs.places import Moved
from pbt_gan.runs.result import Run
from pbt_gan.terminal import console

if TYPE_CHECKING:
    from pbt_gan.gan.portable.generator import Generator

COUNT = 64
"""Images, where nobody says how many."""

LEG = 16
"""Frames from one latent to the next."""

MOST_FRAMES = 10_000

POOL = 10
"""Images that are drawn for each one of a sheet: classes are found, not asked for."""

_STILL = (".png", ".npz")


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is asked for; None: nothing was said."""

    out: str  # a path; a folder if it has no suffix, ends in a slash or is one
    count: int | None = None
    seed: int | None = None
    truncation: float | None = None
    latents: Path | None = None
    interpolate: bool = False
    classes: str | None = None  # "all", or numbers

    @property
    def path(self) -> Path:
        """Where to write."""
        return expanded(self.out)

    @cached_property
    def suffix(self) -> str:
        """Of a file; nothing: a folder is meant."""
        return "" if self.out.endswith("/") or self.path.is_dir() else self.path.suffix

    @property
    def is_plain(self) -> bool:
        """Whether any task that makes images can fulfil it."""
        return not (self.truncation is not None or self.latents or self.interpolate or self.classes)

    def check(self) -> None:
        """Raise ConfigError if it cannot be fulfilled, whatever the generator."""
        from pbt_gan.reporting import animation

        if self.suffix not in ("", *_STILL, *animation.SUFFIXES):
            raise ConfigError(
                f"--out {self.out}: name a .png file (one picture), an .npz file (an array `images`), a folder (no "
                "suffix: a PNG each), or with --interpolate a .gif, .webp or .mp4 file."
            )
        if self.suffix in animation.SUFFIXES and not self.interpolate:
            raise ConfigError(f"--out {self.out} is a film; add --interpolate, or name a .png file for one picture.")
        animation.check_suffix(self.path)
        if self.classes is not None and (self.suffix != ".png" or self.interpolate):
            raise ConfigError(
                "--classes makes a sheet with a row a class: name a .png file, and leave --interpolate out."
            )
        if self.latents is not None:
            idle = {"--seed": self.seed, "--truncation": self.truncation}
            for option in (name for name, value in idle.items() if value is not None):
                raise ConfigError(f"{option} has no effect beside --latents, which says all of them. Leave it out.")
        if self.interpolate and (self.count or 0) > MOST_FRAMES:
            raise ConfigError(f"--count {self.count}: a way of more than {MOST_FRAMES:,} frames is not made.")
        if not self.suffix and self.path.is_dir() and any(self.path.iterdir()):
            raise ConfigError(f"--out {self.out} is a folder that is not empty; name a new one for the pictures.")


def sample(source: Path, moved: Moved, member: str, wish: Wish) -> None:
    """Draw what is wished for from a run or an exported file, write it, and say what it is."""
    wish.check()
    exported = not holds_run(source) and (source.is_file() or (source / "card.json").is_file())
    run = None if exported else Run.open(source, data=moved.data, task_file=moved.task_file)
    whose = f"the generator of {source}" if run is None else _whose(run, member)
    if run is not None and wish.is_plain:  # whatever the task
        images = run.sample(wish.count or COUNT, member=member, seed=wish.seed or 0)
    else:
        generator = load_generator(source, member) if run is None else run.generator(member)
        if wish.classes is not None:
            if run is None or run.folder is None:
                raise ConfigError(f"{source} holds no classifier that could tell classes; name the run itself.")
            shown = _sheet(run.folder, generator, wish)
            console().print(f"{number(shown.images)} images of {whose}, in {wish.out}; {shown.told}", soft_wrap=True)
            return
        images = _drawn(generator, wish)
    _save(wish, images)
    what = "frames of a way through the latents" if wish.interpolate else "images"
    console().print(f"{number(len(images))} {what} of {whose}, in {wish.out}", soft_wrap=True)


def _drawn(generator: "Generator", wish: Wish) -> Images:
    if wish.latents is None and not wish.interpolate:
        return generator.sample(wish.count or COUNT, seed=wish.seed or 0, truncation=wish.truncation)
    from pbt_gan.gan.portable.latents import circuit, read_latents

    if wish.latents is not None:
        z = read_latents(wish.latents, generator.latent_dim)
        frames = wish.count or (LEG * len(z) if wish.interpolate else len(z))
    else:
        frames = wish.count or COUNT
        z = generator.latents(-(-frames // LEG), wish.seed or 0, wish.truncation)
    if not wish.interpolate:
        return generator.draw(z[:frames])
    return generator.draw(circuit(z, min(frames, MOST_FRAMES)))


def _save(wish: Wish, images: Images) -> None:
    from pbt_gan.reporting.animation import animation
    from pbt_gan.reporting.images import grid, picture

    if not wish.suffix:
        files.make_folder(wish.path)
        for place, image in enumerate(images):
            files.write(wish.path / f"{place:06d}.png", picture(image), durable=False)
        return
    if wish.suffix == ".png":
        data = grid(images, LEG if wish.interpolate else None)
    elif wish.suffix == ".npz":
        buffer = io.BytesIO()
        np.savez_compressed(buffer, images=images)
        data = buffer.getvalue()
    else:
        data = animation(images, wish.suffix)
    _write(wish.path, data)


class _Shown(NamedTuple):
    images: int  # on a sheet
    told: str  # about them


def _sheet(run: Path, generator: "Generator", wish: Wish) -> _Shown:
    """Write a sheet with a row a class. The nets know of none: the run's classifier says which image shows what."""
    from pbt_gan.reporting.images import sheet
    from pbt_gan.runs.classes import classes_seen

    count = wish.count or COUNT
    pool = min(POOL * count, MOST_FRAMES) if wish.latents is None else None
    images = _drawn(generator, replace(wish, count=pool))
    seen = classes_seen(run, images)
    wanted = _classes(wish.classes or "all", seen.known)
    each = max(1, count // len(wanted))
    rows = {str(label): images[seen.classes == label][:each] for label in wanted}
    _write(wish.path, sheet(rows))
    short = [f"{len(found)} of class {label}" for label, found in rows.items() if len(found) < each]
    among = f", but among {number(len(images))} there were only {', '.join(short)}" if short else ""
    told = (
        f"a row a class, as the run's classifier sees them (accuracy {number(seen.accuracy)}), the first {each}{among}"
    )
    return _Shown(sum(map(len, rows.values())), told)


def _classes(text: str, count: int) -> list[int]:
    """Return the classes that are named: `all`, or numbers such as `0,3,7`."""
    if text == "all":
        return list(range(count))
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and len(part) < 6 and int(part) < count for part in parts):
        raise ConfigError(f"--classes {text}: write all, or numbers from 0 to {count - 1} such as 0,{count - 1}.")
    return list(dict.fromkeys(map(int, parts)))


def _write(path: Path, data: bytes) -> None:
    files.make_folder(path.parent)
    files.write(path, data)


def _whose(run: Run, member: str) -> str:
    if member == average.NAME and run.folder is not None:
        card = average.card(run.folder, run.history)
        names = ", ".join(each["checkpoint"] for each in card["ingredients"])
        return f"the average of {names}, score {number(card['scores']['average']['score'])}"
    report = run.member(member)
    return f"{member_name(report.member)} at step {number(report.step)}, score {number(report.score)}"
