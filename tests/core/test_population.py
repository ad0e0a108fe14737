import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.population import Member, PopulationView, rank_key

SCORES = st.lists(st.floats(), max_size=12)


def view_of(scores) -> PopulationView:
    return PopulationView.of([Member(5 * place, {}, scores=(score,)) for place, score in enumerate(scores)])


@given(SCORES)
def test_the_ranking_is_a_total_order_with_the_not_finite_first(scores):
    ranked = [member.score for member in view_of(scores).ranking]
    finite = [score for score in scores if math.isfinite(score)]
    assert ranked[len(scores) - len(finite) :] == sorted(finite)
    assert not any(map(math.isfinite, ranked[: len(scores) - len(finite)]))


@given(SCORES, st.randoms())
def test_the_ranking_does_not_depend_on_the_order_of_the_members(scores, random):
    members = list(view_of(scores).members.values())
    shuffled = random.sample(members, len(members))
    assert [m.id for m in PopulationView.of(shuffled).ranking] == [m.id for m in PopulationView.of(members).ranking]


@given(SCORES)
def test_rank_and_at_are_each_other_s_inverse(scores):
    view = view_of(scores)
    for position, member in enumerate(view.ranking):
        assert view.at(position) is member
        assert view.rank(member) == position


@given(SCORES)
def test_the_healthy_are_counted_and_rank_last(scores):
    view = view_of(scores)
    assert view.healthy == sum(map(math.isfinite, scores)) == sum(member.healthy for member in view.ranking)
    assert all(member.healthy for member in view.ranking[len(view) - view.healthy :])


def test_equal_scores_and_equally_diverged_ones_rank_by_id():
    assert rank_key(1.0, 2) < rank_key(1.0, 3)
    assert rank_key(math.inf, 2) < rank_key(-math.inf, 3) < rank_key(math.nan, 4) < rank_key(-1e308, 0)


def test_a_member_without_a_score_is_seen_but_not_ranked():
    unborn = Member(1, {})
    view = PopulationView.of([Member(0, {}, scores=(1.0,)), unborn])
    assert len(view) == 1
    assert view.members[1] is unborn
    assert math.isnan(unborn.score)
    assert not unborn.healthy


def test_the_latest_score_counts():
    assert Member(0, {}, scores=(3.0, 1.0)).score == 1.0
    assert not Member(0, {}, scores=(3.0, math.nan)).healthy


def test_a_view_cannot_be_changed():
    members: Any = view_of([1.0]).members
    with pytest.raises(TypeError):
        members[1] = Member(1, {})
