import math
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from pbt_gan.core.rng import stream
from pbt_gan.core.space import Choice, Float, Integer, Range, Space, check_values, draw
from pbt_gan.errors import ConfigError

SEEDS = st.integers(0, 2**32 - 1)
FACTORS = st.lists(
    st.floats(0.01, 100).filter(lambda factor: factor != 1), min_size=1, max_size=3
)  # also those far larger than a domain


@st.composite
def floats(draw):
    scale = draw(st.sampled_from(["linear", "log", "logit", "complement"]))
    low, high = {
        "linear": (-1e3, 1e3),
        "log": (1e-9, 1e3),
        "logit": (1e-6, 1 - 1e-6),
        "complement": (-1e3, 1 - 1e-6),
    }[scale]
    ends = sorted(draw(st.tuples(st.floats(low, high), st.floats(low, high))))
    assume(ends[1] - ends[0] > 1e-6 * max(map(abs, ends)))
    return Float(Range(*ends), tuple(ends), scale)


@st.composite
def integers(draw):
    low = draw(st.integers(-20, 20))
    high = draw(st.integers(low + 1, low + 40))
    return Integer(Range(low, high), (low, high))


CHOICES = st.lists(st.one_of(st.integers(), st.booleans(), st.text(max_size=3)), min_size=2, max_size=5, unique_by=repr)


@given(floats(), FACTORS, SEEDS)
def test_a_real_number_stays_within_its_bounds(domain, factors, seed):
    rng = stream(seed)
    value = domain.draw(rng)
    for _ in range(5):
        assert isinstance(value, float)
        assert domain.contains(value)
        value = domain.perturb(value, factors, rng)


@given(integers(), FACTORS, SEEDS)
def test_a_whole_number_stays_within_its_bounds_and_always_moves(domain, factors, seed):
    rng = stream(seed)
    value = domain.draw(rng)
    for _ in range(5):
        moved = domain.perturb(value, [*factors, *(1 / factor for factor in factors)], rng)
        assert type(moved) is int
        assert domain.contains(moved)
        assert moved != value
        value = moved


@given(st.one_of(floats(), integers()), st.floats(1 + 1e-9, 1e6), SEEDS)
def test_a_move_up_never_lands_below_where_it_began_and_a_move_down_never_above(domain, factor, seed):
    rng = stream(seed)
    value = domain.draw(rng)
    if isinstance(domain, Float) and domain.scale == "linear" and domain.bounds[0] <= 0:
        return  # moves by steps
    for _ in range(4):
        up = domain.perturb(value, (factor,), rng)
        assert up >= value
        down = domain.perturb(up, (1 / factor,), rng)
        assert down <= up
        value = domain.draw(rng)


@given(st.one_of(floats(), integers()), SEEDS)
def test_at_its_bounds_a_value_moves_away_from_them_and_does_not_stick(domain, seed):
    low, high = domain.bounds
    assume(high - low > 1e-6 * max(abs(low), abs(high), 1e-200))  # else a step is lost in rounding
    assert low < domain.perturb(low, (0.5, 2.0), stream(seed))
    assert domain.perturb(high, (0.5, 2.0), stream(seed)) < high


@given(CHOICES, SEEDS)
def test_a_choice_always_moves_to_another_of_its_values(values, seed):
    domain = Choice(tuple(values))
    domain.check("loss")
    rng = stream(seed)
    value = domain.draw(rng)
    moved = domain.perturb(value, (0.8, 1.2), rng)
    assert domain.contains(moved)
    assert repr(moved) != repr(value)


def test_a_choice_moves_as_often_as_its_chance_says():
    domain = Choice(("a", "b", "c"), chance=0.25)
    moved = [domain.perturb("a", (), stream(seed)) for seed in range(1_000)]
    assert 0.2 < sum(value != "a" for value in moved) / 1_000 < 0.3
    assert set(moved) == {"a", "b", "c"}


def test_a_choice_tells_a_number_from_a_truth_value():
    domain = Choice((1, True))
    assert domain.perturb(1, (), stream(0)) is True
    assert domain.perturb(True, (), stream(0)) == 1
    assert not Choice((1, 2)).contains(1.0)


@given(st.one_of(floats(), integers()), SEEDS)
def test_a_number_is_found_again_by_its_place_between_the_bounds(domain, seed):
    value = domain.draw(stream(seed))
    unit = domain.unit(value)
    assert 0 <= unit <= 1
    again = domain.from_unit(unit)
    assert type(again) is type(value)
    assert again == pytest.approx(value, rel=1e-6, abs=1e-6)
    assert [domain.from_unit(end) for end in (-1.0, 0.0, 1.0, 2.0)] == pytest.approx(
        [domain.bounds[0]] * 2 + [domain.bounds[1]] * 2
    )


@given(st.one_of(floats(), integers()), st.floats(-0.5, 1.5), st.floats(-0.5, 1.5))
def test_places_between_the_bounds_are_in_the_order_of_their_values(domain, unit, other):
    values = [domain.from_unit(place) for place in sorted((unit, other))]
    assert values == sorted(values)
    assert all(domain.contains(value) for value in values)


def test_a_place_between_the_bounds_is_one_of_the_scale():
    assert Float(1.0, (1e-4, 1.0), "log").from_unit(0.25) == pytest.approx(1e-3)
    assert Float(0.5, (0.1, 0.9), "logit").from_unit(0.5) == pytest.approx(0.5)
    assert Float(0.5, (0.0, 2.0)).unit(0.5) == 0.25
    assert [Integer(1, (1, 5)).from_unit(unit) for unit in (0.0, 0.1, 0.13, 0.5, 1.0)] == [1, 1, 2, 3, 5]


def test_a_choice_has_a_code_that_tells_a_number_from_a_truth_value():
    assert [Choice((1, True, "1", 1.0)).code(value) for value in (1, True, "1", 1.0)] == [0, 1, 2, 3]


@pytest.mark.parametrize("value", range(2, 10))
def test_a_whole_number_goes_both_ways(value):
    moved = {Integer(1, (1, 10)).perturb(value, (0.8, 1.2), stream(seed)) for seed in range(20)}
    assert min(moved) < value < max(moved)


@pytest.mark.parametrize("value", [1, 10])
def test_a_whole_number_turns_back_at_its_bounds(value):
    moved = {Integer(1, (1, 10)).perturb(value, (0.8, 1.2), stream(seed)) for seed in range(20)}
    assert moved
    assert value not in moved


def test_a_move_ends_at_the_bounds():
    assert Float(1.0, (0.1, 10.0), "log").perturb(8.0, (2.0,), stream(0)) == 10.0
    assert Float(9.0, (1.0, 10.0)).perturb(9.0, (1.5,), stream(0)) == 10.0
    assert Float(0.5, (0.01, 0.99), "logit").perturb(0.98, (9.0,), stream(0)) == 0.99
    assert Integer(1, (1, 10)).perturb(9, (2.0,), stream(0)) == 10
    assert Float(0.45, (0.0, 0.5), step=0.1).perturb(0.45, (), stream(0)) in (0.35, 0.5)


def test_a_value_stays_where_no_factor_leads_away():
    assert Float(10.0, (0.1, 10.0), "log").perturb(10.0, (2.0, 1.2), stream(0)) == 10.0
    assert Integer(1, (1, 10)).perturb(1, (0.8,), stream(0)) == 1


def test_a_number_of_log_and_linear_scale_is_multiplied():
    for scale in ("log", "linear"):
        moved = Float(1.0, (0.1, 10.0), scale).perturb(2.0, (1.5,), stream(0))
        assert moved == pytest.approx(3.0)


def test_a_number_of_logit_scale_has_its_odds_multiplied():
    assert Float(0.5, (0.01, 0.99), "logit").perturb(0.8, (0.5,), stream(0)) == pytest.approx(2 / 3)


@pytest.mark.parametrize(("factor", "expected"), [(2.0, 0.9995), (0.5, 0.998)])
def test_a_number_of_complement_scale_has_what_it_lacks_to_1_divided(factor, expected):
    moved = Float(0.9, (0.5, 0.9999), "complement").perturb(0.999, (factor,), stream(0))
    assert 1 - moved == pytest.approx(1 - expected, rel=1e-9)


def test_a_range_of_complement_scale_is_drawn_evenly_over_its_decades():
    domain = Float(Range(0.9, 0.999), (0.5, 0.9999), "complement")
    drawn = [domain.draw(stream(seed)) for seed in range(1_000)]
    assert 0.45 < sum(value > 0.99 for value in drawn) / 1_000 < 0.55


@pytest.mark.parametrize(("step", "expected"), [(None, 0.05), (0.2, 0.2)])
def test_a_number_that_may_be_0_moves_by_steps(step, expected):
    domain = Float(0.0, (0.0, 0.5), step=step)
    assert domain.perturb(0.0, (0.8, 1.2), stream(0)) == pytest.approx(expected)  # down leads nowhere
    assert {round(domain.perturb(0.25, (0.8, 1.2), stream(seed)), 9) for seed in range(20)} == {
        round(0.25 - expected, 9),
        round(0.25 + expected, 9),
    }


def test_a_domain_prefers_its_own_factors():
    assert Float(1.0, (0.1, 10.0), "log", factors=(3.0,)).perturb(1.0, (0.8, 1.2), stream(0)) == pytest.approx(3)
    assert Integer(2, (1, 100), factors=(5.0,)).perturb(2, (0.8, 1.2), stream(0)) == 10


@pytest.mark.parametrize(
    ("domain", "drawn"),
    [
        (Float(0.5, (0, 1)), {0.5}),
        (Float((0.1, 0.2), (0, 1)), {0.1, 0.2}),
        (Integer(3, (1, 5)), {3}),
        (Integer((1, 5), (1, 5)), {1, 5}),
        (Integer(Range(2, 4), (1, 5)), {2, 3, 4}),
        (Choice(("a", "b")), {"a", "b"}),
        (Choice(("a", "b", "c"), ("a", "b")), {"a", "b"}),
        (Choice(("a", "b"), "b"), {"b"}),
    ],
)
def test_a_member_begins_with_a_value_one_of_a_list_or_any_of_a_range(domain, drawn):
    assert {domain.draw(stream(seed)) for seed in range(60)} == drawn


def test_a_range_is_drawn_from_evenly_in_its_scale():
    values = [Float(Range(1e-5, 1e-1), (1e-6, 1), "log").draw(stream(seed)) for seed in range(400)]
    assert 0.4 < sum(value < 1e-3 for value in values) / 400 < 0.6
    assert min(values) >= 1e-5
    assert max(values) <= 1e-1


def test_a_space_is_drawn_in_the_order_of_its_names():
    space = {"b": Float(Range(0, 1), (0, 1)), "a": Float(Range(0, 1), (0, 1))}
    assert draw(space, stream(0)) == draw(dict(reversed(space.items())), stream(0))


any_float: Any = Float  # for what a type checker would refuse as well
any_integer: Any = Integer
any_range: Any = Range


@pytest.mark.parametrize(
    "domain",
    [
        any_float(1.0, (2.0, 1.0)),
        any_float(1.0, (1.0, 1.0)),
        any_float(1.0, (0.0, math.inf)),
        any_float(1.0, (0.0, 2.0), "log"),
        any_float(0.5, (0.0, 0.9), "logit"),
        any_float(0.5, (0.1, 1.0), "logit"),
        any_float(0.5, (0.1, 1.0), "complement"),
        any_float(3.0, (1.0, 2.0)),
        any_float(math.nan, (1.0, 2.0)),
        any_float("fast", (1.0, 2.0)),
        any_float(True, (0.0, 2.0)),
        any_float(any_range("a", "b"), (1.0, 2.0)),
        any_float(any_range(0.0, 2.0), (1.0, 2.0)),
        any_float(any_range(2.0, 1.0), (1.0, 2.0)),
        any_float((), (1.0, 2.0)),
        any_float((1.5, 3.0), (1.0, 2.0)),
        any_float(1.0, (1.0, 2.0), factors=(1.0,)),
        any_float(1.0, (1.0, 2.0), factors=()),
        any_float(1.0, (1.0, 2.0), step=0.0),
        any_integer(1, (5, 1)),
        any_integer(1, (0.5, 2)),
        any_integer(1.5, (1, 2)),
        any_integer(True, (0, 2)),
        any_integer(math.nan, (0, 2)),
        any_integer("few", (0, 2)),
        any_integer(9, (1, 5)),
        any_integer(any_range(1, 9), (1, 5)),
        any_integer(1, (1, 5), factors=(0.0,)),
        Choice(("a",)),
        Choice(("a", "a")),
        Choice(("a", "b"), "c"),
        Choice((1, 2), 1.0),
        Choice(("a", "b"), chance=0.0),
        Choice(("a", "b"), chance=1.5),
    ],
    ids=str,
)
def test_a_declaration_that_contradicts_itself_names_the_hyperparameter(domain):
    with pytest.raises(ConfigError, match=r"space\.lr\."):
        domain.check("lr")


@given(st.one_of(floats(), integers()))
def test_a_sound_declaration_passes(domain):
    domain.check("lr")


SPACE: Space = {"lr": Float(0.5, (0.0, 1.0)), "n": Integer(1, (1, 5)), "loss": Choice(("a", "b"))}


@pytest.mark.parametrize("values", [{}, {"lr": 0.5}, {"lr": 1, "n": 2, "loss": "b"}])
def test_given_values_of_the_right_type_within_bounds_pass(values):
    check_values(SPACE, values, "pbt.initial[0]")


@pytest.mark.parametrize(
    "values",
    [{"lr": 2.0}, {"lr": "a"}, {"lr": True}, {"lr": math.nan}, {"n": 1.0}, {"n": True}, {"loss": "c"}, {"m": 1}],
)
def test_given_values_of_another_name_type_or_range_are_refused(values):
    with pytest.raises(ConfigError, match=r"pbt\.initial\[0\]"):
        check_values(SPACE, values, "pbt.initial[0]")


@pytest.mark.parametrize(
    ("domain", "middle"),
    [
        (Float(Range(1e-4, 1e-2), (1e-6, 1.0), "log"), 1e-3),
        (Float(Range(0.0, 0.6), (0.0, 0.6)), 0.3),
        (Float(0.25, (0.0, 1.0)), 0.25),
        (Float((3.0, 1.0, 2.0), (0.0, 5.0)), 2.0),
        (Integer(Range(1, 5), (1, 9)), 3),
        (Integer((1, 4), (1, 9)), 1),
        (Choice(("a", "b")), "a"),
        (Choice(("a", "b"), init="b"), "b"),
    ],
)
def test_the_middle_stands_for_the_whole_of_init(domain, middle):
    assert domain.middle() == pytest.approx(middle) if isinstance(middle, float) else domain.middle() == middle
    assert domain.contains(domain.middle())


UNITS = st.floats(-6, 6)


@example(Float(Range(0.47260954424808205, 0.5625), (0.47260954424808205, 0.5625), "logit"), 3e-111, [10.0], 3325046)
@given(st.one_of(floats(), integers()), UNITS, FACTORS, SEEDS)
def test_a_shift_keeps_type_and_bounds_and_goes_its_own_way_only(domain, units, factors, seed):
    rng = stream(seed)
    value = domain.draw(rng)
    moved = domain.shifted(value, units, factors, rng)
    assert type(moved) is type(value)
    assert domain.contains(moved)
    assert moved == value or (moved > value) == (units > 0)


@pytest.mark.parametrize(
    ("domain", "value", "units", "expected"),
    [
        (Float(1.0, (1e-3, 1e3), "log"), 10.0, 1.0, 20.0),
        (Float(1.0, (1e-3, 1e3), "log"), 10.0, -0.5, 10 / 2**0.5),
        (Float(1.0, (1e-3, 1e3), "log", factors=(0.1, 10.0)), 10.0, 1.0, 100.0),
        (Float(0.5, (0.1, 0.9), "logit"), 0.5, 1.0, 2 / 3),
        (Float(0.5, (0.1, 0.9)), 0.3, 1.0, 0.6),
        (Float(0.0, (-1.0, 1.0)), 0.0, 1.5, 0.3),
        (Float(0.0, (-1.0, 1.0), step=0.05), 0.0, -2.0, -0.1),
        (Float(1.0, (1e-3, 1e3), "log"), 900.0, 1.0, 1e3),
    ],
)
def test_one_unit_of_a_shift_is_a_move_of_perturb(domain, value, units, expected):
    assert domain.shifted(value, units, (0.5, 2.0), stream(0)) == pytest.approx(expected)


@pytest.mark.parametrize(("value", "units", "mean"), [(4, 1.0, 8), (4, -1.0, 2), (1, 0.25, 1.25), (0, -0.5, -0.5)])
def test_a_whole_number_is_shifted_by_so_much_in_the_mean(value, units, mean):
    domain = Integer(1, (-10, 20))
    drawn = [domain.shifted(value, units, (0.5, 2.0), stream(seed)) for seed in range(400)]
    assert sum(drawn) / 400 == pytest.approx(mean, abs=0.1)
    assert max(drawn) - min(drawn) <= 1


def test_a_choice_is_shifted_as_often_as_the_units_say():
    domain = Choice(("a", "b", "c"))
    moved = [domain.shifted("a", 0.25, (), stream(seed)) for seed in range(1_000)]
    assert 0.2 < sum(value != "a" for value in moved) / 1_000 < 0.3
    assert set(moved) == {"a", "b", "c"}
    assert {domain.shifted("a", 1.0, (), stream(seed)) for seed in range(20)} == {"b", "c"}
    seldom = Choice(("a", "b"), chance=0.25)
    assert 0.2 < sum(seldom.shifted("a", 1.0, (), stream(seed)) == "b" for seed in range(1_000)) / 1_000 < 0.3
