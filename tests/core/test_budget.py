"""Budgets, phases and turns as arithmetic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.budget import Phase, budget_of, halving, member_steps, phases, total_steps


def test_the_halving_of_eight_by_hand():
    shares = halving(8, share=0.3)
    assert shares == ((0.0, 8), (0.1, 4), (0.2, 2), (0.3, 1))
    # 240 member steps a rung: 30 each of 8, 60 of 4, 120 of 2, and 1,680 of the last.
    assert phases(shares, 2_400, 10) == (Phase(0, 8), Phase(30, 4), Phase(90, 2), Phase(210, 1))
    assert total_steps(shares, 2_400, 10) == 210 + 1_680
    assert member_steps(8, phases(shares, 2_400, 10)[1:], 1_890) == 2_400


@pytest.mark.parametrize(
    ("members", "eta", "last", "sizes"), [(9, 3, 1, [9, 3, 1]), (7, 2, 2, [7, 3, 2]), (4, 2, 4, [4])]
)
def test_rungs_end_with_the_last_ones(members, eta, last, sizes):
    assert [size for _, size in halving(members, eta=eta, last=last)] == sizes


populations = st.lists(st.integers(1, 40), min_size=1, max_size=6).flatmap(
    lambda sizes: st.lists(st.integers(1, 9), min_size=len(sizes), max_size=len(sizes)).map(
        lambda widths: [(sum(widths[:place]) / sum(widths), size) for place, size in enumerate(sizes)]
    )
)


@given(populations, st.integers(1_000, 10**6), st.sampled_from([1, 10, 50]))
def test_a_plan_spends_its_budget_but_for_less_than_a_round_of_scores(shares, budget_steps, unit):
    begun, total = phases(shares, budget_steps, unit), total_steps(shares, budget_steps, unit)
    places = [phase.begins for phase in begun] + [total]
    assert places == sorted(set(places))
    assert all(place % unit == 0 for place in places)
    spent = member_steps(begun[0].members, begun[1:], total)
    least = sum(phase.members * unit for phase in begun)  # one order each
    assert spent <= max(budget_steps, least) + least
    assert spent > budget_steps - begun[-1].members * unit


@given(populations, st.integers(1_000, 10**6))
def test_a_budget_and_the_length_of_a_line_say_the_same(shares, budget_steps):
    total = total_steps(shares, budget_steps, 1)
    assert budget_of(shares, total) == pytest.approx(budget_steps, rel=0.1, abs=200)
