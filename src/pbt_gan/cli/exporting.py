"""`export`: a generator for programs without this package."""

from pathlib import Path

from rich.table import Table
from rich.text import Text

from pbt_gan.runs.export import export as write
from pbt_gan.runs.places import Moved
from pbt_gan.runs.result import Run
from pbt_gan.store.reader import read_run
from pbt_gan.terminal import console

_WHAT = {
    "weights": "the generator",
    "loader": "loads it: from {} import load",
    "page": "how to use it, scores, origin",
    "card": "the same for programs",
}


def export(
    folder: Path,
    name: str,
    out: Path | None,
    moved: Moved,
    member: str,
    licence: str | None,
    *,
    half: bool,
    trust: bool,
) -> None:
    """Write a generator, and say what lies where."""
    view = read_run(folder)
    written = write(Run.of(view, moved, trust=trust), view, name, member=member, out=out, licence=licence, half=half)
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(overflow="fold")
    for part, what in _WHAT.items():
        path: Path = getattr(written, part)
        if path.exists():  # a net of one's own has no loader as safetensors
            table.add_row(Text(str(path)), Text(what.format(path.stem), "dim"))
    console().print(table)
