"""RUN/report.html: one page that needs nothing but itself, and RUN/plots/*.png."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pbt_gan import files
from pbt_gan.core.lineage import History
from pbt_gan.core.records import Report
from pbt_gan.errors import printable
from pbt_gan.interfaces import RunView
from pbt_gan.reporting import failures, markup, plots
from pbt_gan.reporting.cards import Cards, explained, short_name
from pbt_gan.reporting.comparison_picture import comparison
from pbt_gan.reporting.comparison_table import comparison_rows
from pbt_gan.reporting.divergences import divergences
from pbt_gan.reporting.fallbacks import told
from pbt_gan.reporting.filmstrip import filmstrip
from pbt_gan.reporting.images import reals_path, sample_path
from pbt_gan.reporting.summary import Summary
from pbt_gan.reporting.table import Population, cells, header
from pbt_gan.reporting.text import duration, member_name, number, started, usage
from pbt_gan.reporting.unverified import unverified

log = logging.getLogger(__name__)

MOST_PICTURE_BYTES = 1 << 26
"""Of a picture of samples that is laid into the page."""

ROWS = 200
"""How many members the page's table shows; metrics.csv has them all."""


@dataclass(frozen=True)
class _Other:
    """The run that this one is laid beside."""

    name: str  # of its folder
    history: History

    @classmethod
    def of(cls, view: RunView) -> "_Other":
        return cls(printable(view.folder.resolve().name), History.of(view.records))


def write_page(view: RunView, baseline: RunView | None = None) -> Path:
    """Draw a run's plots, write its page and return where that lies.

    Args:
        view: the run.
        baseline: another run, such as the same members without PBT, drawn in grey beside it.

    Raises:
        StorageError: the page cannot be written. A plot that cannot be drawn is a note in the page.
    """
    history = History.of(view.records)
    other = _Other.of(baseline) if baseline else None
    title = str(view.run.get("name", view.folder.name))
    parts = [
        _head(view, title, history),
        markup.headlines(_headline(history, other, view.cards)),
        _samples(view.folder, history),
    ]
    parts += _plots(view, history, other)
    parts += [_members(view, history), _diverged(history), _schedule(history)]
    parts += [_failures(view), _cards(view), _settings(view)]
    path = view.folder / "report.html"
    files.write(path, markup.page(f"{title} · pbt-gan", filter(None, parts)).encode(errors="replace"))
    return path


def _head(view: RunView, title: str, history: History) -> str:
    facts = f"{_population(view, history)}, seed {view.config.get('seed', '?')}"
    lines = [f"{facts}. Run: {view.ending}. {usage(view.usage)}".strip(), started(view.config)]
    lines = [*filter(None, lines), *map(told, view.fallbacks)]
    return "\n".join(
        [f"<h1>{markup.text(title)}</h1>", *(f'<p class="faint">{markup.text(line)}</p>' for line in lines)]
    )


def _population(view: RunView, history: History) -> str:
    """Tell how many members there were, and how long they trained."""
    steps = max((report.trained_steps for report in history.reports), default=0)
    size = len(history.births)
    members = f"{size} {'member' if size == 1 else 'members'}"
    pbt = view.config.get("pbt", {})
    if phases := pbt.get("phases", ()):
        sizes = [pbt["population_size"], *(phase["members"] for phase in phases)]
        members = f"{', then '.join(map(str, sizes))} members"
    elif not history.retirements:
        return f"{members}, {steps:,} steps each"
    return f"{members}, {history.member_steps:,} steps of all together, the longest line {steps:,}"


def _headline(history: History, other: _Other | None, cards: Cards) -> Iterator[tuple[str, str, str]]:
    best, summary = history.best, Summary.of(history)
    if best is None:
        yield "best score", "none", "no member had a finite score"
    else:
        yield (
            "best score",
            number(best.score),
            f"{member_name(best.member)} at step {best.step:,}, by the selection metric",
        )
        for metric, value in summary.held_out.items():
            yield short_name(cards, metric), number(value), f"{explained(cards, metric)}; of the same member"
    of_whom = f" of the living ({summary.living})" if history.retirements else ""
    yield "median member", number(summary.final_median), f"last scores{of_whom}"
    if other is not None:
        rival = Summary.of(other.history)
        yield (
            other.name,
            number(rival.best) if other.history.best else "none",
            f"best score; its median member {number(rival.final_median)}",
        )
    yield "copies", number(summary.exploits), "a member took another's state"
    yield "cost", duration(summary.cost_s), "device time, scoring included"


def _samples(folder: Path, history: History) -> str:
    """Lay the best member's samples beside real images; empty where the task makes no pictures."""
    best = history.best
    if best is None or not sample_path(folder, best.member, best.interval).exists():
        return ""
    name = f"{member_name(best.member)} at step {best.step:,}, score {number(best.score)}"
    shown = {f"Samples of {name}": sample_path(folder, best.member, best.interval), "Real images": reals_path(folder)}
    pictures = [_embedded(path, what) for what, path in shown.items() if path.exists()]
    return markup.section("The best member's samples", f'<div class="pair">{"".join(pictures)}</div>')


def _embedded(path: Path, what: str) -> str:
    try:
        return markup.image(files.content(path, MOST_PICTURE_BYTES), what, what)
    except OSError as error:
        return markup.section(what, note=f"This picture cannot be read: {error.strerror or error}.")


def _plots(view: RunView, history: History, other: _Other | None) -> Iterator[str]:
    """Draw and embed every plot that this run has something for."""
    if not history.reports:
        return
    folder = view.folder
    files.make_own_folder(folder / "plots")
    leaves = " A dot with a dark edge: here a member retired." if history.retirements else ""
    born = " A branch begins where a member was born of another." if len(history.births) > _at_first(history) else ""
    grey = f" Grey: the run {other.name}." if other else ""
    yield _plot(
        folder / "plots" / "scores.png",
        "Scores",
        f"One line for each member, the darker the better it ended; the ancestry of the best in orange.{grey}{leaves}"
        f"{born} Right: smoothed.",
        lambda: plots.scores(history, other.history, called=other.name) if other else plots.scores(history),
    )
    if other is not None and other.history.reports:
        both = {"this run": history, other.name: other.history}
        yield _plot(
            folder / "plots" / "comparison.png",
            f"Beside {other.name}",
            "Above by steps of all members together, below by cost in device seconds, scoring included.",
            lambda: comparison({name: [each] for name, each in both.items()}),
            _side_by_side(both, view.cards),
        )
    if any(report.hyperparams for report in history.reports):
        yield _plot(
            folder / "plots" / "schedules.png",
            "Hyperparameters",
            f"What was in force in each member; the schedule that led to the best in orange.{leaves}",
            lambda: plots.schedules(history),
        )
    yield _plot(
        folder / "plots" / "filmstrip.png",
        "Ancestry of the best member",
        "Each row is one latent vector, each column an interval. Orange: here the weights moved to another member.",
        lambda: filmstrip(history, folder),
    )
    yield _plot(
        folder / "plots" / "lineage.png",
        "Family tree",
        "A dot is a member after an interval; a line leads from its weights to those that were trained on from them."
        f"{leaves}{born}",
        lambda: plots.lineage(history),
    )


def _side_by_side(arms: Mapping[str, History], cards: Cards) -> str:
    """Set the arms' numbers beside each other."""
    return markup.table(["", *arms], comparison_rows(arms, cards))


def _plot(path: Path, title: str, note: str, draw: Callable[[], bytes | None], below: str = "") -> str:
    """Draw one plot, keep it as a file and embed it above some more markup; a failure becomes a note."""
    try:
        png = draw()
        if png is None:
            return ""
        files.write(path, png, durable=False)
        return markup.section(title, markup.image(png, title), below, note=note)
    except Exception as error:
        log.warning("The plot %s could not be drawn.", path.name, exc_info=True)
        return markup.section(title, note=f"This plot could not be drawn. {type(error).__name__}: {error}")


def _at_first(history: History) -> int:
    """Return how many members the run began with."""
    return sum(birth.trained_steps == 0 for birth in history.births.values())


def _members(view: RunView, history: History) -> str:
    rows = Population.of(view.records).ranked()
    leader = history.best.member if history.best else None
    rows.sort(key=lambda row: row.member != leader)
    note = (
        "First the member with the best score of the run, then by last score. best: the member's best score so far; "
        "donor: whom it copied last, or was born of, after which interval; step: the age of its weights."
    )
    if any(row.place != row.step for row in rows):
        note += " place: how far it is in the plan."
    if history.retirements:
        note += " Below, in grey, those who have retired, at which place in the plan, with what they had then."
    if len(rows) > ROWS:
        note += f" The first {ROWS} of {len(rows)}; metrics.csv has them all."
    if doubt := unverified(history):
        note += f" {doubt}"
    best = None if leader is None else 0
    faded = {place: row.reason for place, row in enumerate(rows) if row.retired}
    shown = rows[:ROWS]
    return markup.section("Members", markup.table(header(shown), cells(shown), best, faded), note=note)


def _diverged(history: History) -> str:
    """Tell which members diverged, why, and what became of them; empty where nobody did."""
    found = divergences(history)
    if not found:
        return ""
    note = "step: the age of the weights that were lost. then: whose state it took over, after which interval."
    if len(found) > ROWS:
        note += f" The last {ROWS} of {len(found)}."
    rows = [[member_name(each.report.member), number(each.report.step), each.why, each.then] for each in found[-ROWS:]]
    return markup.section("Members that diverged", markup.table(["member", "step", "why", "then"], rows), note=note)


def _schedule(history: History) -> str:
    """Tell the best member's hyperparameters step by step, to train with them again."""
    best: Report | None = history.best
    if best is None or not best.hyperparams:
        return ""
    names = sorted(best.hyperparams)
    rows = [
        [number(step), *(number(values.get(name, "")) for name in names)]
        for step, values in history.schedule(best.member, best.interval)
    ]
    return markup.section("The schedule that led to the best member", markup.table(["from step", *names], rows))


def _failures(view: RunView) -> str:
    """Tell what failed on the way; empty where nothing did."""
    if not (said := failures.rows(view.records)):
        return ""
    return markup.section(
        "Failures",
        markup.table(["kind", "how often", "the last one"], said),
        note="An order that fails is given again; how often, and what then, depends on its kind.",
    )


def _cards(view: RunView) -> str:
    if not view.cards:
        return ""
    cards = [markup.folded(name, markup.facts(card)) for name, card in view.cards.items()]
    return markup.section("Metrics", *cards, note="How each number was measured.")


def _settings(view: RunView) -> str:
    parts = {"Configuration": "config", "Versions": "versions", "Fingerprints": "fingerprint", "Machine": "time"}
    tables = [markup.folded(title, markup.facts(view.run[key])) for title, key in parts.items() if view.run.get(key)]
    return markup.section("Configuration and environment", *tables)
