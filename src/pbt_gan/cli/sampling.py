"""`sample`: images of a trained generator, as pictures, arrays, sheets and films."""

import io
import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pbt_gan import files
from pbt_gan.errors import ConfigError
from pbt_gan.gan.data.classes import Labels
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
    from pbt_gan.gan.portable.latents import Latents

COUNT = 64
"""Images, where nobody says how many."""

LEG = 16
"""Frames from one latent to the next."""

MOST_FRAMES = 10_000

MOST_ROWS = 1_000
"""Of a sheet with a row a class."""

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
    classes: str | None = None  # to be found by the run's classifier: "all", or names and numbers
    asked: tuple[str, ...] = ()  # of a generator that knows classes: names and numbers; "all" among them stands for all

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
        return not (self.truncation is not None or self.latents or self.interpolate or self.classes or self.asked)

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
        if self.classes is not None and self.asked:
            raise ConfigError(
                "--class asks a generator for classes, --classes has the run's classifier find some; give one."
            )
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


def sample(source: Path, moved: Moved, member: str, wish: Wish, *, trust: bool) -> None:
    """Draw what is wished for from a run or an exported file, write it, and say what it is."""
    wish.check()
    exported = not holds_run(source) and (source.is_file() or (source / "card.json").is_file())
    run = None if exported else Run.open(source, data=moved.data, task_file=moved.task_file, trust=trust)
    member = member if run is None else run.whole(member)
    whose = f"the generator of {source}" if run is None else _whose(run, member)
    if run is not None and wish.is_plain and run.config["task"]["name"] != "gan":  # whatever it is
        drawn = _Drawn(run.sample(wish.count or COUNT, member=member, seed=wish.seed or 0))
    else:
        generator = load_generator(source, member) if run is None else run.generator(member)
        if wish.classes is not None:
            if generator.num_classes:
                raise ConfigError(
                    f"--classes finds classes among images of a generator that knows none, and that of {source} knows "
                    f"{generator.num_classes}: ask it for them, --class all."
                )
            if run is None or run.folder is None:
                raise ConfigError(f"{source} holds no classifier that could tell classes; name the run itself.")
            shown = _sheet(run.folder, generator, wish)
            console().print(f"{number(shown.images)} images of {whose}, in {wish.out}; {shown.told}", soft_wrap=True)
            return
        drawn = _drawn(generator, wish, _asked(generator, wish, source))
    _save(wish, drawn)
    what = "frames of a way through the latents" if wish.interpolate else "images"
    if len(drawn.rows) == 1:
        what = f"{what} of class {drawn.rows[0]}"
    told = "; a row a class" if wish.suffix == ".png" and len(drawn.rows) > 1 else ""
    console().print(f"{number(len(drawn.images))} {what} of {whose}, in {wish.out}{told}", soft_wrap=True, markup=False)


class _Drawn(NamedTuple):
    """Images, and what they were asked to show."""

    images: Images
    labels: Labels | None = None  # [N]; None: the generator knows no classes
    rows: tuple[
        str, ...
    ] = ()  # names of the classes that were asked for, each with equally many images, one after another


def _asked(generator: "Generator", wish: Wish, source: Path) -> list[int]:
    """Return the classes that are asked for by `--class`, each once."""
    known = generator.recipe.classes
    if wish.asked and not len(known):
        raise ConfigError(
            f"--class {wish.asked[0]}: the generator of {source} was trained without classes (task.conditional is "
            "false). --classes all sorts its images by what the run's classifier sees."
        )
    named = [*range(len(known))] if "all" in wish.asked else [known.number(name) for name in wish.asked]
    asked = list(dict.fromkeys(named))
    if wish.suffix == ".png" and len(asked) > MOST_ROWS:
        raise ConfigError(f"--class: a sheet of more than {MOST_ROWS:,} rows is not made; name some of the classes.")
    if wish.interpolate and len(known) and len(asked) != 1:
        raise ConfigError("--interpolate goes through the latents of one class; name it: --class NAME.")
    return asked


def _drawn(generator: "Generator", wish: Wish, asked: list[int]) -> _Drawn:
    known, rows = generator.recipe.classes, tuple(map(generator.recipe.classes.name, asked))
    if wish.latents is None and not wish.interpolate and not asked:
        count = wish.count or COUNT
        images = generator.sample(count, seed=wish.seed or 0, truncation=wish.truncation)
        return _Drawn(images, known.labels(count) if len(known) else None)
    z = _latents(generator, wish, max(1, len(asked)))
    if not asked:
        return _Drawn(generator.draw(z), known.labels(len(z)) if len(known) else None)
    labels = np.repeat(np.array(asked, np.int64), len(z))
    return _Drawn(generator.draw(np.tile(z, (len(asked), 1)), labels), labels, rows)


def _latents(generator: "Generator", wish: Wish, rows: int) -> "Latents":
    """Return the latents of each of so many rows, which together have as many images as are wished for."""
    from pbt_gan.gan.portable.latents import circuit, read_latents

    count = wish.count and max(1, wish.count // rows)
    if wish.latents is not None:
        z = read_latents(wish.latents, generator.latent_dim)
        frames = count or (LEG * len(z) if wish.interpolate else len(z))
    else:
        frames = count or max(1, COUNT // rows)
        z = generator.latents(-(-frames // LEG) if wish.interpolate else frames, wish.seed or 0, wish.truncation)
    return circuit(z, min(frames, MOST_FRAMES)) if wish.interpolate else z[:frames]


def _save(wish: Wish, drawn: _Drawn) -> None:
    from pbt_gan.reporting.animation import animation
    from pbt_gan.reporting.images import grid, picture, sheet

    images, labels = drawn.images, drawn.labels
    if not wish.suffix:
        files.make_folder(wish.path)
        names = [f"{place:06d}.png" for place in range(len(images))]
        for name, image in zip(names, images, strict=True):
            files.write(wish.path / name, picture(image), durable=False)
        if labels is not None:  # so that `--data` finds them again
            listed = json.dumps({"labels": list(zip(names, labels.tolist(), strict=True))})
            files.write(wish.path / "dataset.json", listed.encode(), durable=False)
        return
    if wish.suffix == ".png" and len(drawn.rows) > 1:
        data = sheet(dict(zip(drawn.rows, np.split(images, len(drawn.rows)), strict=True)))
    elif wish.suffix == ".png":
        data = grid(images, LEG if wish.interpolate else None)
    elif wish.suffix == ".npz":
        buffer = io.BytesIO()
        arrays = {"images": images} if labels is None else {"images": images, "labels": labels}
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
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
    images = _drawn(generator, replace(wish, count=pool), []).images
    seen = classes_seen(run, images)
    named = (wish.classes or "all").split(",")
    wanted = range(len(seen.known)) if named == ["all"] else [seen.known.number(name.strip()) for name in named]
    wanted = list(dict.fromkeys(wanted))
    each = max(1, count // len(wanted))
    rows = {seen.known.name(label): images[seen.classes == label][:each] for label in wanted}
    _write(wish.path, sheet(rows))
    short = [f"{len(found)} of class {name}" for name, found in rows.items() if len(found) < each]
    among = f", but among {number(len(images))} there were only {', '.join(short)}" if short else ""
    told = (
        f"a row a class, as the run's classifier sees them (accuracy {number(seen.accuracy)}), the first {each}{among}"
    )
    return _Shown(sum(map(len, rows.values())), told)


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
