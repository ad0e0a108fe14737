import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.explore import Context, perturb, perturb_or_resample, resample
from pbt_gan.core.population import Member, PopulationView
from pbt_gan.core.rng import stream
from pbt_gan.core.space import Choice, Float, Integer, Range, Space, draw
from pbt_gan.core.strategy import Rule, moved
from pbt_gan.core.tables import EXPLORE
from pbt_gan.errors import ConfigError

SPACE: Space = {
    "lr": Float(Range(1e-4, 1e-2), (1e-6, 1e-1), "log"),
    "beta1": Float(0.5, (0.01, 0.99), "logit"),
    "smoothing": Float(Range(0, 0.3), (0, 0.5)),
    "n_critic": Integer(Range(1, 5), (1, 10)),
    "loss": Choice(("hinge", "logistic", "least_squares")),
}
SEEDS = st.integers(0, 2**32 - 1)


def asked(name, values, space, rng):
    """Return what a rule makes of some values, whatever else it wants to be told."""
    member = Member(0, values, 1, 1, 1, (1.0,), "m00-i0001")
    context = Context(1, 0.5, (1.0,), member, view=PopulationView.of([member]))
    return moved(Rule(name, EXPLORE[name]), values, space, rng, context, None)[0]


@pytest.mark.parametrize("name", sorted(EXPLORE))
@given(SEEDS)
def test_no_chain_of_moves_leaves_a_type_or_its_bounds(name, seed):
    rng = stream(seed, "explore")
    values = draw(SPACE, rng)
    for _ in range(20):
        values = asked(name, values, SPACE, rng)
        assert set(values) == set(SPACE)
        assert all(SPACE[key].contains(value) for key, value in values.items())
        assert {key: type(value) for key, value in values.items()} == {
            "lr": float, "beta1": float, "smoothing": float, "n_critic": int, "loss": str,
        }  # fmt: skip


@pytest.mark.parametrize("name", sorted(EXPLORE))
def test_a_rule_leaves_its_argument_as_it_was(name):
    values = draw(SPACE, stream(0))
    before = dict(values)
    assert asked(name, values, SPACE, stream(1)) is not values
    assert values == before


@pytest.mark.parametrize("name", sorted(EXPLORE))
def test_the_result_does_not_depend_on_the_order_of_names(name):
    values = draw(SPACE, stream(0))
    backwards = dict(reversed(list(values.items()))), dict(reversed(list(SPACE.items())))
    assert asked(name, values, SPACE, stream(1)) == asked(name, *backwards, stream(1))


@pytest.mark.parametrize("name", sorted(set(EXPLORE) - {"none"}))
def test_recipients_of_one_donor_are_no_twins(name):
    values = draw(SPACE, stream(0))
    moved = [asked(name, values, SPACE, stream(0, "explore", recipient, 1)) for recipient in range(8)]
    assert len({tuple(sorted(own.items())) for own in moved}) >= 6  # one draw a donor would make it 1


def test_perturb_multiplies_by_its_factors_and_by_no_other():
    space = {"lr": SPACE["lr"]}
    moved = {perturb({"lr": 1e-3}, space, stream(seed), factors=[0.5, 2])["lr"] for seed in range(20)}
    assert sorted(moved) == pytest.approx([5e-4, 2e-3])


def test_perturb_moves_everything_always():
    values = draw(SPACE, stream(0))
    for seed in range(50):
        moved = perturb(values, SPACE, stream(seed))
        assert all(moved[name] != values[name] for name in SPACE)


def test_resample_draws_as_for_a_new_member():
    values = draw(SPACE, stream(0))
    assert resample(values, SPACE, stream(3)) == draw(SPACE, stream(3))


def test_perturb_or_resample_does_either_for_each_hyperparameter():
    space = {name: Float(0.5, (0.1, 2.0), "log") for name in "abcd"}  # a resample gives 0.5, a perturb another value
    values = dict.fromkeys(space, 1.0)
    counts = [
        sum(value == 0.5 for value in perturb_or_resample(values, space, stream(seed)).values()) for seed in range(200)
    ]
    assert 0.2 < sum(counts) / 800 < 0.3
    assert {1, 2} <= set(counts)


@pytest.mark.parametrize(("probability", "expected"), [(0, [0.8, 1.2]), (1, [0.5])])
def test_perturb_or_resample_is_either_at_the_ends_of_its_probability(probability, expected):
    space = {"lr": Float(0.5, (0.1, 2.0), "log")}
    rule = EXPLORE["perturb_or_resample"]
    drawn = {rule({"lr": 1.0}, space, stream(seed), probability=probability)["lr"] for seed in range(20)}
    assert sorted(drawn) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["perturb", "perturb_or_resample"])
@pytest.mark.parametrize("factors", [[], [1.0], [0.0, 2.0], [-1.0], [math.nan], [math.inf]])
def test_factors_that_cannot_move_anything_are_refused(name, factors):
    with pytest.raises(ConfigError, match=r"pbt\.explore\.factors"):
        EXPLORE[name](draw(SPACE, stream(0)), SPACE, stream(0), factors=factors)


@pytest.mark.parametrize("probability", [-0.1, 1.1, math.nan])
def test_a_probability_outside_of_0_and_1_is_refused(probability):
    with pytest.raises(ConfigError, match=r"pbt\.explore\.probability"):
        perturb_or_resample(draw(SPACE, stream(0)), SPACE, stream(0), probability=probability)
