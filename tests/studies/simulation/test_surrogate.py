from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.rng import stream
from pbt_gan.studies.simulation import recordings, surrogate
from pbt_gan.studies.simulation.recordings import HELD_OUT, LOG_LR_D, LOG_LR_G, SCORE, STEP
from pbt_gan.studies.simulation.surrogate import HIGHEST, LOWEST, UNIT, level_of, made_of, score_of

RATES = st.floats(-6, -1).map(lambda power: 10.0**power)
SEEDS = st.integers(0, 2**32)


def life(found, rates, *, seed=None):
    """Return the values of a member at every UNIT steps, without chance if there is no seed."""
    rng = stream(0 if seed is None else seed, "life")
    member, values = found.begin(rng), []
    for lr_g, lr_d in rates:
        draw = 0.0 if seed is None else float(rng.standard_normal())
        member = found.moved(member, lr_g, lr_d, UNIT, draw)
        values.append(score_of(member.level))
    return np.array(values)


@given(st.floats(LOWEST, HIGHEST))
def test_a_level_is_a_score_on_another_scale(score):
    assert score_of(level_of(score)) == pytest.approx(score, abs=1e-9)


@given(st.floats(LOWEST, HIGHEST), st.floats(LOWEST, HIGHEST))
def test_a_higher_score_is_a_higher_level(one, other):
    assert (one < other) <= (level_of(one) <= level_of(other))


@pytest.mark.slow
@given(st.lists(st.tuples(RATES, RATES, st.integers(1, 500)), min_size=1, max_size=5), SEEDS)
def test_whatever_a_member_is_trained_with_its_scores_are_finite_and_between_the_ends(orders, seed):
    found, rng = surrogate.digits(), stream(seed, "orders")
    state = found.begin(rng)
    for lr_g, lr_d, steps in orders:
        state = found.trained(state, {"lr_g": lr_g, "lr_d": lr_d}, steps, rng)
        measured = found.measured(state, rng)
        assert LOWEST - 1e-9 <= measured.value <= HIGHEST + 1e-9
        assert all(np.isfinite(score) and score >= LOWEST for score in (measured.score, measured.held_out))
    assert state.age == sum(steps for _, _, steps in orders)


@pytest.mark.slow
@given(RATES, RATES, st.integers(0, 30), st.floats(-0.01, 0.01))
def test_rates_that_are_nearly_the_same_do_nearly_the_same(lr_g, lr_d, before, shift):
    found = surrogate.digits()
    member = found.begin(stream(0, "life"))
    for _ in range(before):
        member = found.moved(member, lr_g, lr_d, UNIT)
    here, near = (found.moved(member, lr, lr_d, UNIT).level for lr in (lr_g, lr_g * 10**shift))
    assert abs(here - near) < 0.1


@pytest.mark.slow
@given(RATES, RATES)
def test_an_order_in_parts_leads_nearly_where_the_whole_does(lr_g, lr_d):
    found = surrogate.digits()
    member = found.begin(stream(0, "life"))
    for _ in range(5):
        member = found.moved(member, lr_g, lr_d, UNIT)
    halves = found.moved(found.moved(member, lr_g, lr_d, UNIT // 2), lr_g, lr_d, UNIT // 2)
    whole = found.moved(member, lr_g, lr_d, UNIT)
    assert halves.age == whole.age
    assert halves.size_g == pytest.approx(whole.size_g)
    assert abs(halves.level - whole.level) < 0.3


@pytest.mark.parametrize("score", [2.0, 5.0, 7.5])
def test_both_measurements_have_the_noise_that_was_recorded_and_do_not_know_of_each_other(score):
    found = surrogate.digits()
    rows = np.concatenate(list(recordings.digits().values()))
    near = np.abs((rows[:, SCORE] + rows[:, HELD_OUT]) / 2 - score) < 0.3
    recorded = (rows[near, SCORE] - rows[near, HELD_OUT]).std() / np.sqrt(2)
    member = replace(found.begin(stream(0, "life")), level=level_of(score))
    repeated = [found.measured(member, stream(seed, "noise")) for seed in range(2_000)]
    measured = np.array([(each.score, each.held_out) for each in repeated])
    assert {each.error for each in repeated} == {repeated[0].error}
    assert repeated[0].error == pytest.approx(recorded, rel=0.35)
    high = measured.min(axis=1) > LOWEST  # below it is nothing
    assert measured[high].std(axis=0) == pytest.approx([recorded] * 2, rel=0.35)
    assert abs(np.corrcoef(measured[high].T)[0, 1]) < 0.1


def test_a_member_that_was_trained_with_rates_too_high_comes_along_slower_than_a_new_one():
    good = [(2e-3, 2e-3)] * 10
    fresh = life(surrogate.digits(), good)[-1]
    wrecked = life(surrogate.digits(), [(1e-1, 1e-1)] * 4 + good)[-1]
    assert wrecked < fresh - 2


def test_rates_near_the_middle_reach_more_than_those_far_away():
    ends = {rate: life(surrogate.digits(), [(rate, rate)] * 40)[-1] for rate in (1e-5, 1e-4, 2e-3)}
    assert ends[1e-5] < ends[1e-4] < ends[2e-3]
    assert 7.5 < ends[2e-3] < 8.3


@pytest.mark.slow
def test_curves_that_were_held_back_are_foretold():
    curves = recordings.digits()
    held_back = {name: curve for name, curve in curves.items() if int(name[1:]) % 4 == 0}
    found = made_of({name: curve for name, curve in curves.items() if name not in held_back})
    errors: dict[str, list[float]] = {"w": [], "c": [], "s": []}
    for name, curve in held_back.items():
        member = found.begin(stream(0, "life"))
        for row in curve[curve[:, STEP] <= 6_000]:
            while member.age < row[STEP]:
                member = found.moved(member, 10 ** row[LOG_LR_G], 10 ** row[LOG_LR_D], UNIT)
            errors[name[0]].append(abs(score_of(member.level) - (row[SCORE] + row[HELD_OUT]) / 2))
    medians = {kind: np.median(found) for kind, found in errors.items()}
    assert medians["c"] < 0.4
    assert medians["s"] < 0.3
    assert medians["w"] < 0.8


def test_recorded_curves_are_whole():
    curves = recordings.digits()
    assert {kind: sum(name[0] == kind for name in curves) for kind in "wcs"} == {"w": 40, "c": 32, "s": 8}
    for curve in curves.values():
        assert (np.diff(curve[:, STEP]) > 0).all()
        assert np.isfinite(curve).all()
        assert (curve[:, [SCORE, HELD_OUT]] >= LOWEST).all()
        assert ((curve[:, [LOG_LR_G, LOG_LR_D]] >= -6) & (curve[:, [LOG_LR_G, LOG_LR_D]] <= -1)).all()
