"""Selection under noise: what ranks, how certain that is, and what a copy needs in its favour."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.population import Member, PopulationView
from pbt_gan.core.rng import stream
from pbt_gan.core.selection import Selection, usual_error
from pbt_gan.errors import ConfigError

LINES = st.lists(st.lists(st.floats(), min_size=1, max_size=8), min_size=1, max_size=8)


def population(*lines, errors=None, step=None):
    members = [
        Member(2 * n, {}, len(scores), step or 10 * len(scores), 10 * len(scores), tuple(scores), f"m{n}",
               score_error=errors[n] if errors else None)
        for n, scores in enumerate(lines)
    ]  # fmt: skip
    return PopulationView.of(members)


def seen(view, **options):
    selection = Selection(**options)
    selection.check()
    return selection.seen(view, score_interval=10, total_steps=1_000)


def ranking(found):
    return [member.id // 2 for member in found.ranked.ranking]


@pytest.mark.slow
@given(LINES, st.sampled_from(["latest", "mean", "final"]), st.integers(3, 10))
def test_a_selection_ranks_the_same_members_and_the_diverged_last(lines, by, last):
    view = population(*lines)
    found = seen(view, by=by, last=last)
    assert sorted(ranking(found)) == list(range(len(lines)))
    assert found.ranked.healthy == view.healthy
    for member in found.ranked.ranking:
        assert found.ranked.at(found.ranked.rank(member)) == member
        assert found.original(member) is view.members[member.id]
        assert member.healthy == view.members[member.id].healthy or math.isinf(member.score)


def test_by_the_latest_score_a_view_stays_what_it_is():
    view = population([1.0, 2.0], [5.0, 1.0])
    assert seen(view).ranked is view


def test_the_mean_is_of_the_last_scores_since_a_line_diverged():
    view = population([9.0, 1.0, 2.0, 3.0], [1.0, math.nan, 4.0, 2.0], [2.0], [1.0, 1.0, math.nan])
    found = seen(view, by="mean", last=3)
    assert [found.ranked.members[2 * n].score for n in range(3)] == [2.0, 3.0, 2.0]
    assert ranking(found) == [3, 0, 2, 1]  # of equals the larger id ranks above, as ever


def test_the_end_of_a_line_is_read_off_the_logarithm_of_its_age():
    rising = [math.log(age) for age in (10, 20, 30, 40)]
    found = seen(population(rising, [4.0] * 4), by="final", last=4)
    assert found.ranked.members[0].score == pytest.approx(math.log(1_000))
    assert found.ranked.members[2].score == pytest.approx(4.0)
    assert ranking(found) == [1, 0]  # by the latest score as well as in the end, though not by its rise
    steep = [10 * score for score in rising]
    assert ranking(seen(population(steep, [40.0] * 4), by="final", last=4)) == [1, 0] != [0, 1]


def test_a_line_too_young_for_a_trend_lets_all_be_ranked_by_what_they_have():
    view = population([1.0, 2.0, 3.0, 4.0], [3.5, 3.6])
    assert seen(view, by="final").ranked is view


@pytest.mark.parametrize("by", ["latest", "mean", "final"])
def test_the_error_of_what_ranks_is_that_of_repeated_lines(by):
    rng = stream(0, "lines")
    lines = rng.normal(size=(300, 6)) * 0.5 + np.arange(6)
    found = seen(population(*lines.tolist(), errors=[0.5] * 300), by=by, last=5)
    scores = [member.score for member in found.ranked.members.values()]
    assert found.error(found.ranked.at(0)) == pytest.approx(np.std(scores), rel=0.1)


def test_an_error_that_the_task_tells_goes_before_the_estimate():
    found = seen(population([1.0, 2.0, 1.0, 2.0], [1.0, 3.0, 2.0, 4.0], errors=[None, 0.25]), min_gap=1.0)
    first, second = found.measured.members[0], found.measured.members[2]
    assert found.error(second) == 0.25
    assert found.error(first) == pytest.approx(usual_error([first.scores, second.scores])) != 0.25


def test_without_a_minimum_gap_every_donor_is_ahead():
    found = seen(population([2.0], [2.0]))
    assert found.ahead(found.measured.at(1), found.measured.at(0), 0)


def test_a_donor_is_ahead_by_more_than_so_many_errors_of_the_difference():
    view = population([0.0], [1.0], errors=[0.3, 0.4])
    found = seen(view)
    assert found.ahead(view.at(1), view.at(0), 1.99)
    assert not found.ahead(view.at(1), view.at(0), 2.0)
    assert not found.ahead(view.at(0), view.at(1), 0.1)


def test_where_nothing_is_known_of_errors_nobody_is_ahead_but_of_the_diverged():
    view = population([0.0], [100.0], [math.nan])
    found = seen(view)
    worst, donor = view.at(1), view.at(2)
    assert not found.ahead(donor, worst, 1.0)
    assert found.ahead(donor, view.at(0), 1.0)


@pytest.mark.parametrize("slope", [0.0, 3.0])
def test_second_differences_measure_the_error_whatever_the_trend(slope):
    lines = stream(1, "lines").normal(size=(60, 6)) * 0.2 + slope * np.arange(6)
    assert usual_error(lines.tolist()) == pytest.approx(0.2, rel=0.15)


def test_a_few_kinks_hardly_change_the_error():
    lines = stream(2, "lines").normal(size=(60, 6)) * 0.2
    lines[:6, 3:] += 5.0  # copied a far better one
    assert usual_error(lines.tolist()) == pytest.approx(0.2, rel=0.2)


def test_lines_of_two_scores_say_nothing_about_errors():
    assert math.isnan(usual_error([[1.0, 2.0], [3.0], [1.0, math.nan, 2.0]]))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"by": "final", "last": 2}, "last = 2"),
        ({"by": "mean", "last": 0}, "last = 0"),
        ({"last": 100}, "last = 100"),
        ({"min_gap": -1.0}, "min_gap"),
        ({"min_gap": math.inf}, "min_gap"),
        ({"warmup": 1.0}, "warmup"),
        ({"min_age": -5}, "min_age"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(options, told):
    with pytest.raises(ConfigError, match=told):
        Selection(**options).check()
