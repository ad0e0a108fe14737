"""What is shown of a population that shrinks and grows: real runs of the paper's toy, in memory."""

import csv
import io
import math
from dataclasses import replace
from itertools import pairwise

import pytest
from rich.console import Console

import pbt_gan
from pbt_gan.core.lineage import History
from pbt_gan.core.records import Birth, Report, Retire
from pbt_gan.interfaces import RunContext, RunView
from pbt_gan.reporting import plots
from pbt_gan.reporting.comparison_picture import curves
from pbt_gan.reporting.comparison_table import comparison_rows
from pbt_gan.reporting.metrics import MetricsTable
from pbt_gan.reporting.pace import Pace
from pbt_gan.reporting.page import write_page
from pbt_gan.reporting.progress import Progress
from pbt_gan.reporting.summary import Summary
from pbt_gan.reporting.table import Population, render

SHAPES = {
    "shrinks": [[0, 8], [0.2, 4], [0.4, 1]],
    "grows": [[0, 2], [0.3, 6]],
    "both": [[0, 4], [0.3, 1], [0.7, 3], [0.8, 1]],
    "constant": [[0, 3]],
}


def trained(population, **settings):
    settings = {"budget_steps": 400, "ready_interval": 10, "mode": "sync", **settings}
    return pbt_gan.run("quadratic", quiet=True, population=population, **settings)


@pytest.fixture(scope="module")
def both():
    return trained(SHAPES["both"])


def context(run, records=(), workers=2):
    pbt = run.config["pbt"]
    phases = [(pbt["population_size"], 0), *((phase["members"], phase["begins"]) for phase in pbt["phases"])]
    ends = [*(begins for _, begins in phases[1:]), pbt["total_steps"]]
    steps = sum(members * (end - begins) for (members, begins), end in zip(phases, ends, strict=True))
    return RunContext(None, run.config, {}, records, None, steps // pbt["score_interval"], workers)


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_bar_ends_full_and_its_length_never_changes(shape, mode):
    run = trained(SHAPES[shape], mode=mode)
    orders = sum(isinstance(record, Report) for record in run.records())
    pace = Pace(context(run), 0.0)
    for record in run.records():
        pace.add(record, 1.0)
        assert (pace.total, pace.done) <= (orders, orders)
    assert pace.done == pace.total
    assert pace.left_s(1.0) == pytest.approx(0)


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize(
    ("policy", "settings"),
    [
        ("hyperband", {"population_size": 4}),
        ("two-stage", {"population": [[0, 4], [0.5, 1]]}),
        ("mf-pbt", {"population_size": 8}),
        ("fire", {"population_size": 4}),
    ],
)
def test_every_policy_of_the_package_spends_what_the_bar_says(policy, settings, mode):
    run = pbt_gan.run(
        "quadratic", quiet=True, policy=policy, budget_steps=400, ready_interval=10, mode=mode, **settings
    )
    pace = Pace(context(run, run.records()), 0.0)
    assert pace.done == pace.total


def test_a_run_that_goes_on_is_counted_from_where_it_was(both):
    for cut in (0, 7, 20, len(both.records())):
        pace = Pace(context(both, both.records()[:cut]), 0.0)
        assert pace.left_s(0.0) is None
        for record in both.records()[cut:]:
            pace.add(record, 1.0)
        assert pace.done == pace.total


def test_a_line_alone_is_not_expected_to_use_two_workers():
    run = trained([[0, 4], [0.5, 1]], budget_steps=160)
    assert (run.config["pbt"]["phases"], run.config["pbt"]["total_steps"]) == ([{"begins": 20, "members": 1}], 100)
    pace = Pace(context(run, workers=2), 0.0)
    for number, record in enumerate([record for record in run.records() if isinstance(record, Report)][:8], 1):
        pace.add(record, number / 2)  # two orders a second, one on each worker
    assert pace.left_s(4.0) == pytest.approx(8.0)  # eight more, one after another


def test_the_pace_is_that_of_late():
    run = trained([[0, 1]], budget_steps=1_000)
    pace = Pace(context(run), 0.0)
    reports = [record for record in run.records() if isinstance(record, Report)]
    for number, report in enumerate(reports[:20], 1):
        pace.add(report, 10.0 * number)
    assert pace.left_s(200.0) == pytest.approx(800)
    for number, report in enumerate(reports[20:80], 1):
        pace.add(report, 200.0 + number)
    assert pace.left_s(260.0) == pytest.approx(20)


def test_a_terminal_shows_the_living_and_how_many_have_retired(both):
    console = Console(width=120)
    with console.capture() as capture:
        console.print(render(Population.of(both.records()).ranked()))
    *lines, last = capture.get().splitlines()
    history = both.history
    assert len(lines) == 1 + len(history.living)
    assert last.strip() == f"{len(history.retirements)} retired"


def test_lines_tell_the_place_of_the_living_and_their_median(both, monkeypatch):
    monkeypatch.setattr("pbt_gan.reporting.progress._LINE_S", 0.0)
    output = io.StringIO()
    listener = Progress(Console(file=output, width=200))
    listener.start(context(both))
    for record in both.records():
        listener.record(record, None)
    listener.close("finished")
    *_, last, _ = output.getvalue().splitlines()
    total, steps = context(both).total_orders, both.config["pbt"]["total_steps"]
    assert last.startswith(f"{total}/{total} orders | step {steps} | 1 living | best ")


def test_a_born_member_s_row_names_its_parent_and_its_place(both):
    births = [record for record in both.records() if isinstance(record, Birth) and record.sources]
    population = Population()
    for record in both.records():
        population.add(record)
        if record in births:
            row = population.rows[record.member]
            assert row.donor is not None
            assert row.donor.checkpoint == record.sources["*"]
            assert (row.place, row.step, row.interval) == (record.trained_steps, record.step, 0)
    assert births


def test_the_living_come_first_and_those_who_left_say_why(both):
    rows = Population.of(both.records()).ranked()
    assert [row.retired for row in rows] == sorted(row.retired for row in rows)
    reasons = {record.member: record.reason for record in both.records() if isinstance(record, Retire)}
    assert {row.member: row.reason for row in rows if row.retired} == reasons


def test_last_scores_are_those_of_the_living(both):
    history, summary = both.history, Summary.of(both.history)
    (survivor,) = history.living.values()
    assert (summary.members, summary.living) == (6, 1)
    assert summary.final_median == summary.final_best == survivor.score
    assert summary.member_steps == history.member_steps == 10 * len(history.reports)


def test_populations_of_other_shapes_are_compared_at_equal_steps_of_all_members(both):
    constant = trained(SHAPES["constant"], budget_steps=390)
    for run in (both, constant):
        curve = curves(run.history)
        assert curve["steps"][-1] == run.history.member_steps
        assert all(a < b for a, b in pairwise(curve["steps"]))
        assert curve["best"][-1] == run.best.score
        assert curve["median"][-1] == Summary.of(run.history).final_median
    rows = {title: cells for title, *cells in comparison_rows({"a": both.history, "b": constant.history}, {})}
    assert rows["of them to the end"] == ["1", "3"]
    assert rows["steps of all members"] == ["400", "390"]


def test_what_was_in_force_begins_at_a_birth(both):
    history = both.history
    for member, birth in history.births.items():
        places, levels = plots._held(history, "h0", history.by_member[member], as_text=False)
        assert (places[0], levels[0]) == (birth.trained_steps, birth.hyperparams["h0"])


def test_a_branch_is_drawn_from_its_parent_on(both):
    history = both.history
    for member, birth in history.births.items():
        before = plots._of_the_parent(history, history.by_member[member][0])
        assert [report.checkpoint for report in before[-1:]] == [*birth.sources.values()]


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["both", "grows"])
def test_every_picture_can_be_drawn(shape):
    history = trained(SHAPES[shape]).history
    assert all((plots.scores(history), plots.schedules(history), plots.lineage(history)))


@pytest.mark.slow
def test_a_population_of_whom_all_have_retired_can_be_drawn(both):
    gone = [Retire(member, len(both.history.by_member[member]), "") for member in both.history.living]
    history = History.of([*both.records(), *gone])
    assert history.last_best is None
    assert math.isnan(Summary.of(history).final_median)
    assert all((plots.scores(history), plots.schedules(history), plots.lineage(history)))


@pytest.mark.slow
def test_the_page_says_who_retired_where_and_why(both, tmp_path):
    view = RunView(tmp_path, {"config": both.config, "name": "both", "cards": {}}, tuple(both.records()), "finished")
    text = write_page(view).read_text()
    assert "4, then 1, then 3, then 1 members, 400 steps of all together" in text
    for record in both.records():
        if isinstance(record, Retire):
            assert f'class="faded" title="{record.reason}"' in text
    assert text.count("<td>at ") == len(both.history.retirements)


def test_a_born_member_s_rows_stand_at_its_places_in_the_table_of_metrics(both, tmp_path):
    MetricsTable().start(replace(context(both, both.records()), folder=tmp_path))
    rows = list(csv.DictReader((tmp_path / "metrics.csv").read_text().splitlines()))
    for member, birth in both.history.births.items():
        own = [int(row["trained_steps"]) for row in rows if int(row["member"]) == member]
        assert own == [birth.trained_steps + 10 * number for number in range(1, len(own) + 1)]
