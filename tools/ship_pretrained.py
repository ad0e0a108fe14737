"""Make of a finished run one that comes with the package: `pretrained:NAME`.

Usage: python tools/ship_pretrained.py RUN NAME [--data PATH]

Writes `src/pbt_gan/pretrained/NAME`: the run's folder without checkpoints, in their place the generator of its best
member in 16 bits, and a card whose numbers are those that `pbt-gan evaluate pretrained:NAME` measures. With --data, or
where the data is at hand by its name, the card also says what takes the real images. Of the same run the same bytes
come out, on the same machine and versions. Nothing of the machine but its processor is written.
"""

import argparse
import json
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pbt_gan.config import toml
from pbt_gan.core.records import Json
from pbt_gan.errors import ConfigError, PbtGanError, RunFolderError
from pbt_gan.interfaces import RunContext, RunView
from pbt_gan.reporting.filmstrip import FRAMES
from pbt_gan.reporting.images import reals_path, sample_path
from pbt_gan.reporting.metrics import MetricsTable
from pbt_gan.reporting.tensorboard import TensorBoard
from pbt_gan.reporting.text import number
from pbt_gan.runs.card import nameless
from pbt_gan.runs.evaluating import Evaluation, beside_kept, evaluate
from pbt_gan.runs.export import export
from pbt_gan.runs.folder import scorers
from pbt_gan.runs.lone import FILE
from pbt_gan.runs.pretrained import CARD, PAGE, SCHEME, shipped_folder
from pbt_gan.runs.report import write_results
from pbt_gan.runs.result import Run
from pbt_gan.runs.trust import code_in
from pbt_gan.store import journal
from pbt_gan.store.reader import read_run

MOST_BYTES = 6 * 10**6
"""Of the generator."""

MOST_BYTES_IN_ALL = 8 * 10**6

QUICK = 1_000
"""Images for the numbers that need no data: a test measures them again."""

LICENCE = "Apache-2.0, as pbt-gan"
SEED = 0

_TIMES = ("started", "processor", "cores", "at_s", "busy_s", "waiting_s", "cost_s", "worker", "devices")
"""What is kept of what the journal says of time and machine."""


class Data(NamedTuple):
    """Where a generator's images come from."""

    shows: str
    source: str
    licence: str


KNOWN: Mapping[str, Data] = {
    "digits": Data(
        "handwritten digits",
        "Alpaydin and Kaynak 1998, doi:10.24432/C50P49, by scikit-learn",
        "CC BY 4.0",
    ),
    "fashion-mnist": Data("clothes and shoes", "Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747, by Zalando", "MIT"),
    "mnist": Data("handwritten digits", "LeCun, Cortes and Burges 1998", "CC BY-SA 3.0"),
    "cifar-10": Data(
        "ten kinds of things and animals", "Krizhevsky 2009, Learning Multiple Layers of Features", "none stated"
    ),
}
"""What anybody can get: a run on other images could be neither replayed nor judged elsewhere."""


def ship(source: Path, name: str, data: Path | None = None, folder: Path | None = None) -> Path:
    """Write a run that comes with the package, in the place of one of the same name.

    Args:
        source: the run's folder.
        name: what it is to be called.
        data: where its real images lie, for what cannot be measured without them.
        folder: of such runs; None: the package's.

    Raises:
        ConfigError: it has no name, data that not everybody has, or code of its own; or it is too large.
        RunFolderError: it has not finished.
    """
    if not name.replace("-", "").isalnum() or not name.isascii():
        raise ConfigError(f"NAME = {name!r}: use letters, digits and hyphens.")
    place = (folder or shipped_folder()) / name
    view = read_run(source)
    _check(view)
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / name
        _write_run(source, made)
        _write_generator(source, made, name)
        card, shown = _carded(made, data)
        (made / CARD).write_text(f"{json.dumps(card, indent=1, allow_nan=False)}\n", encoding="utf-8")
        (made / PAGE).write_text(page(name, card, shown), encoding="utf-8")
        _check_size(made)
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(made, place)
    return place


def _check(view: RunView) -> None:
    if view.ending != "finished":
        raise RunFolderError(f"{view.folder} is {view.ending}; ship a run that has finished.")
    data = nameless(view.config).get("task", {}).get("data")
    if data not in KNOWN:
        raise ConfigError(f"{view.folder} was trained on {data}, which not everybody has: choose {', '.join(KNOWN)}.")
    if code := code_in({key: value for key, value in view.config.items() if key != "listeners"}):
        raise ConfigError(f"{view.folder} needs code of its own, {next(iter(code.values()))}, which is not shipped.")


def _write_run(source: Path, made: Path) -> None:
    """Write what a run's folder shows, made anew from a journal that tells nothing of the machine."""
    first, *rest = journal.read(journal.path_of(source)).entries
    made.mkdir()
    written = journal.Journal.create(journal.path_of(made), _bare(first))
    written.append(map(_bare, rest), durable=True)
    written.close()
    shutil.copytree(scorers(source), scorers(made))
    view = read_run(made)
    (made / "samples").mkdir()
    for path in _samples(source, Run.of(view)):
        shutil.copyfile(path, made / "samples" / path.name)
    (made / "config.toml").write_bytes(toml.written(view.config))
    write_results(view).unlink()  # `pbt-gan report` writes the page again: it holds the plots once more
    context = RunContext(made, view.config, view.cards, view.records, reals=None, total_orders=0)
    MetricsTable().start(context)
    events = TensorBoard(lambda: float(rest[-1].get("time", {}).get("at_s", 0)))
    events.start(context)
    events.close(view.ending)


def _bare(entry: Json) -> Json:
    """Return an entry of a journal without checkpoints, paths and names of machines."""
    kept = {key: nameless(value) for key, value in entry.items() if key != "places"}
    if entry["type"] == "commit":
        kept["checkpoints"] = {}
    if isinstance(entry.get("time"), Mapping):
        kept["time"] = {key: value for key, value in kept["time"].items() if key in _TIMES}
    return kept


def _samples(source: Path, run: Run) -> Iterator[Path]:
    """Yield the grids that are kept: the film of the best member's line, the last of each other member, real images."""
    best, last = run.best, run.history.last
    assert best is not None
    line = run.history.ancestry(best.member, best.interval)
    places = np.unique(np.linspace(0, len(line) - 1, FRAMES).round().astype(int))
    shown = {(line[place].member, line[place].interval) for place in places}
    shown |= {(member, report.interval) for member, report in last.items()}
    yield from (path for place in sorted(shown) if (path := sample_path(source, *place)).exists())
    yield reals_path(source)


def _write_generator(source: Path, made: Path, name: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        view = read_run(source)
        out = Path(scratch) / FILE
        found = export(Run.of(view), view, "safetensors", member="best", out=out, licence=LICENCE, half=True)
        shutil.copyfile(found.weights, made / FILE)
        shutil.copyfile(found.card, made / CARD)


def _carded(made: Path, data: Path | None) -> tuple[dict[str, Any], list[Evaluation]]:
    """Return a generator's card with what is known of its data and how good it is, and what was measured."""
    run, view = Run.open(made), read_run(made)
    card = json.loads((made / CARD).read_bytes())
    source, history, machine = KNOWN[card["data"]["place"]], run.history, view.run.get("time", {})
    trained = f"{number(history.member_steps)} steps of {number(len(history.births))} members together"
    card |= {
        "about": f"{source.shows}, {card['resolution']}×{card['resolution']}; {trained}",
        "data": {**card["data"], **source._asdict()},
        "scorers": {
            path.stem: sha256(path.read_bytes()).hexdigest() for path in sorted(scorers(made).glob("*.safetensors"))
        },
        "seed": run.config["seed"],
        "trained_on": f"{machine.get('processor', 'an unknown processor')}, {machine.get('cores', '?')} cores",
    }
    found = {"without_data": beside_kept(run, "best", QUICK, SEED)}
    beside_all = evaluate(made, data=data, seed=SEED)
    if beside_all.neighbours is not None:  # else its data is not here
        found["with_data"] = beside_all
    card["evaluation"] = {"seed": SEED, **{key: _plain(each, made) for key, each in found.items()}}
    return card, list(found.values())


def _plain(found: Evaluation, made: Path) -> dict[str, Any]:
    plain = json.dumps(found.plain(), allow_nan=False)
    return dict(json.loads(plain.replace(str(made), f"{SCHEME}{made.name}")))


def page(name: str, card: Mapping[str, Any], shown: Sequence[Evaluation]) -> str:
    """Return a card as text."""
    data, member, called = card["data"], card["member"], f"{SCHEME}{name}"
    size, kind = card["resolution"], "grey" if card["channels"] == 1 else "colour"
    return "\n".join(
        [
            f"{called}: {data['shows']}, {kind}, {size}×{size} pixels",
            "",
            f"  pbt-gan sample {called} --out grid.png",
            f'  pbt_gan.load_generator("{called}").sample(64)',
            "",
            *_filled(
                f"Member {member['member']} at step {member['step']:,}, of a run of {card['about'].split('; ')[1]}, "
                f"seed {card['seed']}, trained on {card['trained_on']}. Net {card['net']['net']}, {card['latent_dim']} "
                "latent numbers; weights in 16 bits. Settings: config.toml; all that the run did: journal.jsonl; "
                "lineage and schedule: card.json."
            ),
            "",
            f"Data: {data['source']}.",
            f"sha256 {data['fingerprint']}",
            f"Licence of the data: {data['licence']}.",
            f"Licence of the weights: {card['licence']}.",
            "",
            *_filled(
                "How good it is, with 95\u00a0% intervals for other images of the same generator. "
                f"`pbt-gan evaluate {called} --samples {QUICK}` measures again what needs no data, and without "
                "--samples what does."
            ),
            *_scores(shown),
            "",
            *_filled(
                "Not good for: images of another kind or size; images of a class that is asked for, if it knows none; "
                "training others in the place of real images, of whose variety it lacks some (recall, coverage); a "
                "comparison with the literature, whose scores are others (IS, FID)."
            ),
            "",
            "The schedule that led to it:",
            *_rows(card["schedule"]),
            "",
        ]
    )


def _filled(text: str) -> list[str]:
    return textwrap.wrap(text, 100, break_long_words=False, break_on_hyphens=False)


def _rows(schedule: Sequence[Any]) -> Iterator[str]:
    """Yield at most a dozen rows of a schedule, evenly spread with the first and the last."""
    for place in np.unique(np.linspace(0, len(schedule) - 1, min(12, len(schedule))).round().astype(int)):
        step, values = schedule[place]
        told = ", ".join(f"{key} {number(value)}" for key, value in sorted(values.items()))
        yield f"  from step {step:,}: {told}"


def _scores(shown: Sequence[Evaluation]) -> Iterator[str]:
    for found in shown:
        yield ""
        for judgement in found.judgements:
            count = max(each.images for each in judgement.measurements.values())
            yield f"{count:,} images of seed {SEED} beside {found.against}."
            yield from _filled(f"By {judgement.look.says}:")
            for each in judgement.measurements.values():
                low, high = map(number, each.interval)
                yield f"  {each.short:<18}  {number(each.value):>9}  {f'{low} … {high}':>22}  {each.better} is better"


def _check_size(made: Path) -> None:
    size = (made / FILE).stat().st_size
    if size > MOST_BYTES:
        raise ConfigError(f"The generator takes {size:,} bytes, more than {MOST_BYTES:,}: train a narrower one.")
    whole = sum(path.stat().st_size for path in made.rglob("*"))
    if whole > MOST_BYTES_IN_ALL:
        raise ConfigError(f"The run takes {whole:,} bytes, more than {MOST_BYTES_IN_ALL:,}.")


def main() -> int:
    """Ship what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", metavar="RUN", type=Path)
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--data", metavar="PATH", type=Path)
    given = parser.parse_args()
    try:
        place = ship(given.run, given.name, given.data)
    except PbtGanError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return error.exit_code
    for path in sorted(place.iterdir()):
        size = sum(each.stat().st_size for each in (path.rglob("*") if path.is_dir() else [path]))
        print(f"{size:>10,}  {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
