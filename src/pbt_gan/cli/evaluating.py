"""`evaluate`: scores of anybody's images."""

import json
from pathlib import Path

from rich.table import Table
from rich.text import Text

from pbt_gan import files
from pbt_gan.errors import ConfigError
from pbt_gan.gan.scores.evaluation import Judgement, Measurement
from pbt_gan.gan.scores.neighbours import NEIGHBOUR_IMAGES
from pbt_gan.reporting.images import grid
from pbt_gan.reporting.text import number
from pbt_gan.runs.evaluating import Evaluation, evaluate
from pbt_gan.runs.places import Moved
from pbt_gan.terminal import console, put


def show(
    images: str,
    against: str | None,
    moved: Moved,
    *,
    samples: int | None,
    reals: int,
    member: str,
    inception: Path | None,
    seed: int,
    neighbours: Path | None,
    trust: bool,
    as_json: bool,
) -> None:
    """Measure images, print what came out, and draw the nearest real ones if asked for."""
    if neighbours is not None and neighbours.suffix != ".png":
        raise ConfigError(f"--neighbours {neighbours}: it is a picture; name a .png file.")
    found = evaluate(
        images,
        against,
        samples=samples,
        reals=reals,
        member=member,
        inception=inception,
        seed=seed,
        data=moved.data,
        task_file=moved.task_file,
        trust=trust,
    )
    if neighbours is not None:
        if found.neighbours is None:
            raise ConfigError("--neighbours: the real images are not here; say where they lie, --data PATH.")
        files.make_folder(neighbours.parent)
        files.write(neighbours, grid(found.neighbours))
    if as_json:
        put(json.dumps(found.plain(), indent=2, allow_nan=False))
        return
    _print(found)
    if neighbours is not None:
        said = (
            f"\n{neighbours}: images, and below each row their nearest real ones, from the nearest pair to the furthest"
        )
        console().print(said, soft_wrap=True)


def _print(found: Evaluation) -> None:
    out = console()
    out.print(Text(f"{found.images}, beside {found.against}", "bold", overflow="fold"))
    for judgement in found.judgements:
        out.print(Text(f"\nBy {judgement.look.says}, from {judgement.reals:,} real images", overflow="fold"))
        out.print(_table(judgement))
    for remark in (*found.remarks, *_remarks(found)):
        out.print(Text(f"· {remark}", "dim"))


def _table(judgement: Judgement) -> Table:
    measured = judgement.measurements.values()
    table = Table(box=None, pad_edge=False, header_style="bold")
    beside = any(each.real is not None for each in measured)
    for heading in ("", "value", "95 % interval", *(["unseen real"] if beside else []), "better", "images"):
        table.add_column(heading, justify="left" if heading in ("", "better") else "right")
    for each in measured:
        real = [number(each.real) if each.real is not None else ""] if beside else []
        low, high = map(number, each.interval)
        table.add_row(*map(Text, (each.short, number(each.value), f"{low} … {high}", *real, each.better, _count(each))))
    return table


def _count(measured: Measurement) -> str:
    many = f"{measured.images:,}"
    at_a_time = measured.at_a_time
    return many if at_a_time is None or at_a_time == measured.images else f"{many}, {at_a_time:,} at a time"


def _remarks(found: Evaluation) -> list[str]:
    """Return what the numbers need to be read."""
    scores = found.scores.values()
    told = ["intervals are for other images of the same kind; the real ones stay"]
    biased = [
        f"{each.short} {'high' if each.bias > 0 else 'low'} by {number(abs(each.bias))}"
        for each in scores
        if each.bias is not None and abs(each.bias) > each.error
    ]
    if biased:
        told.append(f"of ever more images they would be others; of these they read {', '.join(biased)}")
    if (copied := found.judgements[-1].memorisation) is not None:
        few = min(each.at_a_time for each in scores if each.at_a_time is not None)
        if few < NEIGHBOUR_IMAGES:
            told.append(f"of {few:,} images recall reads high and coverage low, beside that of {NEIGHBOUR_IMAGES:,}")
        left_out, unseen = "of the real images themselves, each left out in turn", "real images that are unseen"
        told.append(f"COPIED compares with {copied.unseen:,} {left_out if copied.left_out else unseen}")
    if all(judgement.look.kind != "inception" for judgement in found.judgements):
        told.append("none of these is IS, FID or KID; those need --inception FILE")
    return told
