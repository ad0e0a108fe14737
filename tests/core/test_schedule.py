import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.lineage import Segment
from pbt_gan.core.population import Hyperparams
from pbt_gan.core.schedule import Decay, Row, Schedule, decay, replay
from pbt_gan.core.space import Choice, Float, Integer, Range, Space
from pbt_gan.errors import ConfigError

SPACE: Space = {
    "lr": Float(Range(1e-4, 1e-2), (1e-6, 1e-1), "log"),
    "depth": Integer(2, (1, 9)),
    "kind": Choice(("a", "b")),
}
OWN: Hyperparams = {"lr": 1e-2, "depth": 2, "kind": "a"}

SHAPES: list[Decay] = ["linear", "exponential", "cosine"]


def factor_at(step: int, shape: Decay) -> float:
    return float(decay(shape, ["lr"], 0.01, total_steps=1_000, every=2).at(step).values["lr"])


def test_a_row_holds_from_its_step_until_the_next_one():
    schedule = Schedule((Row(0, {"lr": 1.0}), Row(10, {"lr": 2.0}), Row(25, {"lr": 3.0})))
    assert [schedule.at(step).values["lr"] for step in (0, 9, 10, 24, 25, 1_000)] == [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]


def test_what_no_row_names_is_the_members_own():
    schedule = Schedule((Row(0, {"lr": 1e-3}),))
    assert schedule.applied(OWN, SPACE, 5) == {**OWN, "lr": 1e-3}


def test_a_relative_schedule_multiplies_and_stays_within_the_bounds():
    schedule = Schedule((Row(0, {"lr": 0.5}), Row(10, {"lr": 1e-9}), Row(20, {"lr": 1e9})), relative=True)
    values = [schedule.applied(OWN, SPACE, step)["lr"] for step in (0, 10, 20)]
    assert values == [5e-3, 1e-6, 1e-1]


@given(st.sampled_from(SHAPES), st.floats(1e-4, 0.9), st.integers(1, 50), st.integers(1, 20))
def test_a_decay_goes_down_from_near_one_to_near_its_end(shape: Decay, to: float, stairs: int, every: int):
    made = decay(shape, ["lr"], to, total_steps=stairs * every, every=every)
    factors = [float(row.values["lr"]) for row in made.rows]
    assert len(factors) == stairs
    assert factors == sorted(factors, reverse=True)
    assert all(to <= factor <= 1 for factor in factors)
    assert [row.step for row in made.rows] == [every * stair for stair in range(stairs)]
    made.check(SPACE)


def test_a_fine_decay_has_the_shape_of_its_name():
    middle = {shape: factor_at(500, shape) for shape in SHAPES}
    assert middle["linear"] == pytest.approx(0.505, abs=2e-3)
    assert middle["exponential"] == pytest.approx(0.1, abs=1e-3)
    assert middle["cosine"] == pytest.approx(0.505, abs=2e-3)
    late = {shape: factor_at(900, shape) for shape in SHAPES}
    assert late["exponential"] < late["cosine"] < late["linear"]


def test_a_replay_has_a_row_for_each_order_and_names_its_slot():
    ancestry = [
        Segment(3, 1, 0, 10, {"lr": 1e-3}, 0.5, "m03-i0001"),
        Segment(1, 2, 10, 20, {"lr": 1e-3}, 0.6, "m01-i0002"),
    ]
    rows = replay(ancestry, same_streams=True).rows
    assert [(row.step, row.slot) for row in rows] == [(0, (3, 1)), (10, (1, 2))]
    assert {row.slot for row in replay(ancestry, same_streams=False).rows} == {None}


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        (Schedule(()), "begin at step 0"),
        (Schedule((Row(5, {"lr": 1e-3}),)), "begin at step 0"),
        (Schedule((Row(0, {}), Row(9, {}), Row(3, {}))), "go up"),
        (Schedule((Row(0, {"lrr": 1e-3}),)), "which is not evolved here"),
        (Schedule((Row(0, {"lr": 7.0}),)), "lies outside of"),
        (Schedule((Row(0, {"kind": "c"}),)), "lies outside of"),
        (Schedule((Row(0, {"depth": 0.5}),), relative=True), "only real numbers"),
        (Schedule((Row(0, {"lr": -1.0}),), relative=True), "above 0"),
        (Schedule((Row(0, {"lr": float("nan")}),), relative=True), "above 0"),
        (Schedule((Row(0, {"lr": True}),), relative=True), "above 0"),
    ],
)
def test_a_schedule_that_does_not_fit_is_told(schedule: Schedule, said: str):
    with pytest.raises(ConfigError, match=said):
        schedule.check(SPACE)


def test_a_decay_may_hold_first():
    rows = decay("linear", ["lr"], 0.5, total_steps=100, every=10, hold=0.6).rows
    assert [row.values["lr"] for row in rows] == pytest.approx([1.0] * 6 + [0.9375, 0.8125, 0.6875, 0.5625])
