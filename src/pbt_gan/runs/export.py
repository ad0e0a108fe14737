"""A generator leaves the house: its weights or program, a loader, a card and a page, side by side."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pbt_gan import files
from pbt_gan.errors import ConfigError, RunFolderError
from pbt_gan.gan.portable.formats import FORMATS, find_format, loader, use
from pbt_gan.interfaces import RunView
from pbt_gan.runs.card import card_of, page
from pbt_gan.runs.generator import WEIGHTS
from pbt_gan.runs.pretrained import is_shipped, spoken
from pbt_gan.runs.result import Run


@dataclass(frozen=True, slots=True)
class Exported:
    """The files of an exported generator."""

    weights: Path
    loader: Path
    page: Path
    card: Path

    @classmethod
    def at(cls, out: Path, suffix: str) -> Self:
        """Return those of a file of weights with this suffix, or of a folder."""
        if out.suffix != suffix:
            return cls(out / f"{WEIGHTS}{suffix}", out / "load_generator.py", out / "README.md", out / "card.json")
        module = re.sub(r"\W", "_", f"load_{out.stem}", flags=re.ASCII)
        return cls(out, out.with_name(f"{module}.py"), out.with_suffix(".md"), out.with_suffix(".json"))


def export(
    run: Run, view: RunView, name: str, *, member: str, out: Path | None, licence: str | None, half: bool = False
) -> Exported:
    """Write a member's generator for others; what was exported there before in this format is replaced.

    Args:
        run: opened.
        view: the same run as it was read.
        name: of the format.
        member: as `Run.state` takes it.
        out: a folder, or a file with the format's suffix; None: `export/FORMAT` in the run's folder.
        licence: goes into the card.
        half: store weights in 16 bits; a file half as large, of which `load_generator` makes 32 again.

    Raises:
        ConfigError: there is no such format or member, the task is not the GAN, something else lies at `out`, or the
            format keeps no halves.
        RunFolderError, DamageError: as of `Run.state`.
        StorageError: the disk refused.
    """
    form = find_format(name)
    if half and name != "safetensors":
        raise ConfigError(f"--half: a program as {name} computes in the bits that it is stored in. Leave it out.")
    place = out or view.folder / "export" / name
    if out is None and is_shipped(view.folder):
        raise ConfigError(f"{spoken(view.folder)} comes with the package, where nothing is written; add --out FOLDER.")
    if out is None and (place.is_symlink() or place.parent.is_symlink()):
        raise RunFolderError(f"{place} leads out of the run's folder by a link; name a place with --out.")
    _check_suffix(place, name)
    written = Exported.at(place, form.suffix)
    _check_free(written, name)
    member = run.whole(member)
    generator = run.generator(member)
    generator = generator.half() if half else generator
    from pbt_gan.gan.portable.safetensors import recipe_card  # needs torch: after all that may be refused without

    card = {**card_of(view, run, member, licence), **recipe_card(generator)}
    data = form.encode(generator, card)
    card["file"] = {"name": written.weights.name, "format": name, "sha256": hashlib.sha256(data).hexdigest()}
    program = loader(name, generator, written.weights.name)
    text = page(card, use(name, generator), None if program is None else written.loader.stem, form.needs)
    files.make_folder(written.weights.parent)
    files.write(written.weights, data)
    if program is not None:
        files.write(written.loader, program.encode())
    files.write(written.page, text.encode(errors="replace"))
    files.write(
        written.card, f"{json.dumps(card, indent=2, allow_nan=False)}\n".encode()
    )  # last: it tells of the others
    return written


def _check_suffix(out: Path, name: str) -> None:
    """Refuse a file that is called as one of another format."""
    for other, form in FORMATS.items():
        if other != name and out.suffix == form.suffix:
            raise ConfigError(
                f"--out {out}: {form.suffix} is what --format {other} writes, and the format is {name}. "
                f"Name a folder, or a {FORMATS[name].suffix} file."
            )


def _check_free(written: Exported, name: str) -> None:
    """Refuse to write over what is no earlier export in the same format."""
    there = [path for path in (written.weights, written.loader, written.page, written.card) if path.exists()]
    if there and _format(written.card) != name:
        raise ConfigError(
            f"{there[0]} is there already, and not from an export as {name}. Choose another place with --out."
        )


def _format(card: Path) -> Any:
    """Return in which format a card says that it was exported; None: it is no such card."""
    try:
        return json.loads(card.read_bytes())["file"]["format"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
