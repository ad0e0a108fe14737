"""Reports need not have the same metrics: a task may measure one now and then, and a member that diverged has none."""

import csv
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.records import Birth, Report
from pbt_gan.interfaces import RunContext
from pbt_gan.reporting.comparison_table import comparison_rows
from pbt_gan.reporting.log import line
from pbt_gan.reporting.metrics import MetricsTable
from pbt_gan.reporting.page import write_page
from pbt_gan.reporting.summary import Summary
from pbt_gan.reporting.table import Population, cells, header
from pbt_gan.reporting.tensorboard import scalars
from pbt_gan.runs.result import Run
from pbt_gan.studies.experiment.outcome import Outcome
from pbt_gan.studies.experiment.sheets import figures_of, figures_sheet, gains, gains_sheet, seeds_sheet
from pbt_gan.studies.experiment.statistics import Gain
from pbt_gan.studies.experiment.timeline import timeline

NUMBERS = st.one_of(st.just(math.nan), st.floats(-100, 100))
METRICS = st.dictionaries(st.sampled_from(("loss", "held_out_x", "held_out_y", "accuracy")), NUMBERS)
HYPERPARAMS = st.dictionaries(st.sampled_from(("lr", "kind")), st.sampled_from((0.1, 3, "adam", True)))
CARDS = {"held_out_y": {"name": "distance", "better": "lower"}, "never_there": {"better": "lower"}}


@st.composite
def runs(draw):
    """Runs of two members with two intervals, or of one of each."""
    size = draw(st.integers(1, 2))
    reports = [
        Report(
            member,
            interval,
            interval,
            interval,
            draw(NUMBERS),
            draw(METRICS),
            draw(HYPERPARAMS),
            f"{member}-{interval}",
            images=0,
        )
        for interval in range(1, size + 1)
        for member in range(size)
    ]
    return Run({}, [*(Birth(member, {}, "drawn") for member in range(size)), *reports], "finished", cards=CARDS)


@given(runs())
def test_every_number_of_every_report_is_in_the_table_of_metrics_and_in_tensorboard(tmp_path_factory, run):
    folder = tmp_path_factory.mktemp("run", numbered=True)
    MetricsTable().start(RunContext(folder, {}, CARDS, run.records(), None, 4))
    rows = list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))
    assert len(rows) == len(run.history.reports)
    for row, report in zip(rows, run.history.reports, strict=True):
        assert len({len(each) for each in rows}) == 1
        logged = dict(scalars(report))
        for name in ("loss", "held_out_x", "held_out_y", "accuracy"):
            assert row.get(name, "") == str(report.metrics.get(name, ""))
            assert (f"metrics/{name}" in logged) == (name in report.metrics)
        assert line(report)


@given(runs(), runs())
def test_tables_have_a_cell_for_every_column_whatever_was_reported(run, other):
    rows = Population.of(run.records()).ranked()
    assert {len(header(rows))} == {len(line) for line in cells(rows)}
    assert {len(row) for row in comparison_rows({"a": run.history, "b": other.history}, CARDS)} == {3}
    assert set(Summary.of(run.history).held_out) <= {"held_out_x", "held_out_y"}


@given(st.lists(st.tuples(runs(), runs(), runs()), min_size=1, max_size=3))
def test_an_experiment_compares_what_both_arms_have_measured(seeds):
    outcomes = {
        arm: [Outcome.of((arm, seed), timeline(run[place].journal), CARDS) for seed, run in enumerate(seeds)]
        for place, arm in enumerate(("a", "b", "c"))
    }
    found = gains(outcomes, "a", CARDS)
    assert set(found) <= set(figures_of(outcomes))
    for figure, of_arms in found.items():
        for arm, gained in of_arms.items():
            both = sum(
                figure in x.figures and figure in y.figures for x, y in zip(outcomes["a"], outcomes[arm], strict=True)
            )
            assert isinstance(gained, Gain)
            assert gained.pairs == both > 0
    for sheet in (figures_sheet(outcomes, CARDS), gains_sheet(found, "a", CARDS), seeds_sheet(outcomes, CARDS)):
        assert {len(row) for row in sheet.rows} <= {len(sheet.header)}
        assert sheet.markdown()


@pytest.mark.slow
def test_a_held_out_metric_and_a_hyperparameter_that_only_later_reports_have_are_in_the_page(synthetic, tmp_path):
    reports = [
        Report(0, 1, 1, 1, math.nan, {}, {}, "a", 0),
        Report(0, 2, 2, 2, 5.0, {"held_out_x": 4.25}, {"lr": 0.125}, "b", 0),
    ]
    view, other = (
        synthetic.view(folder, records)
        for folder, records in (
            (tmp_path, [Birth(0, {}, "drawn"), *reports]),
            (tmp_path / "other", synthetic.records(2, 2)),
        )
    )
    page = write_page(view, other).read_text()
    assert "could not be drawn" not in page
    assert "4.250" in page
    assert "<th>lr</th>" in page
