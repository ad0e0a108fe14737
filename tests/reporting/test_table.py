import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from pbt_gan.core.records import Exploit, Report
from pbt_gan.reporting.table import Population, cells, header, quantile, render


def test_a_row_holds_the_latest_and_the_best_score_and_the_last_donor(synthetic):
    records = synthetic.records(6, 5)
    population = Population.of(records)
    for member, row in population.rows.items():
        scores = [r.score for r in records if isinstance(r, Report) and r.member == member]
        donors = [r.donor for r in records if isinstance(r, Exploit) and r.recipient == member]
        assert (row.score, row.best) == (scores[-1], max(scores))
        assert row.donor == (donors[-1] if donors else None)


def test_members_are_ranked_best_first_and_diverged_ones_last(synthetic):
    scores = [2.0, math.nan, 3.0, math.inf]
    rows = Population.of(synthetic.records(4, 1, score=lambda member, interval: scores[member])).ranked()
    assert [row.member for row in rows] == [2, 0, 3, 1]


def test_a_changed_member_shows_the_hyperparameters_that_it_goes_on_with(synthetic):
    records = synthetic.records(6, 2)
    change = next(record for record in records if isinstance(record, Exploit))
    population = Population.of(records[: records.index(change) + 1])
    assert population.rows[change.recipient].hyperparams == change.after


def test_every_row_has_a_cell_for_every_column(synthetic):
    rows = Population.of(synthetic.records(6, 4)).ranked()
    assert {len(line) for line in cells(rows)} == {len(header(rows))}


def test_hyperparameters_are_shown_as_text_and_never_as_markup(synthetic):
    records = synthetic.with_values(synthetic.records(1, 1), net="[bold]x[/nope]")
    console = Console(width=120)
    with console.capture() as capture:
        console.print(render(Population.of(records).ranked()))
    assert "[bold]x[/nope]" in capture.get()


def test_the_best_of_a_large_population_are_shown(synthetic):
    rows = Population.of(synthetic.records(30, 1)).ranked()
    console = Console(width=120)
    with console.capture() as capture:
        console.print(render(rows, 5))
    text = capture.get()
    assert all(f"m{row.member:02d} " in text for row in rows[:5])
    assert "and 25 more that rank lower" in text


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.floats(0, 1))
def test_a_quantile_of_finite_scores_is_the_usual_one(scores, share):
    assert math.isclose(quantile(scores, share), float(np.quantile(scores, share)), rel_tol=1e-9, abs_tol=1e-6)


@given(st.lists(st.floats(), min_size=1, max_size=30))
def test_a_quantile_with_diverged_members_is_never_above_that_of_the_healthy_ones(scores):
    healthy = [score for score in scores if math.isfinite(score)]
    median = quantile(scores, 0.5)
    assert math.isnan(median) or median <= quantile(healthy, 0.5)
