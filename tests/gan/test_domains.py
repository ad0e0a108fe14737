import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.explore import FACTORS
from pbt_gan.core.rng import stream
from pbt_gan.gan.domains import DOMAINS, domain
from pbt_gan.gan.settings import Scalars

TWICE = (0.5, 2.0)


def test_every_number_of_a_member_has_a_domain_that_is_sound_and_begins_at_its_default():
    assert list(DOMAINS) == list(Scalars.model_fields)
    for name, own in DOMAINS.items():
        own.check(name)
        assert own.init == Scalars.model_fields[name].default


def moves(name, value, factors=TWICE):
    """Return where a number goes to from a value."""
    own = domain(name, value)
    return {own.perturb(value, factors, stream(seed)) for seed in range(30)}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("lr_g", 1e-3, {5e-4, 2e-3}),
        ("lr_d", 8e-2, {4e-2, 1e-1}),
        ("beta1", 0.5, {1 / 3, 2 / 3}),  # the odds are doubled
        ("beta2", 0.99, {0.98, 0.995}),  # what it lacks to 1 is
        ("n_critic", 5, {4, 6}),
        ("ema_half_life_kimg", 10.0, {5.0, 20.0}),
        ("label_smoothing", 0.1, {0.05, 0.15}),
        ("gp_weight", 10.0, {5.0, 20.0}),
        ("r1_weight", 1.0, {0.5, 2.0}),
        ("augment_p", 0.3, {0.2, 0.4}),
        ("augment_p", 1.0, {0.9}),
        ("instance_noise", 0.05, {0.025, 0.1}),
    ],
)
def test_a_number_moves_as_the_literature_moves_it(name, value, expected):
    assert sorted(moves(name, value)) == pytest.approx(sorted(expected))


@pytest.mark.parametrize("name", ["beta2", "gp_weight", "ema_half_life_kimg", "instance_noise"])
def test_weights_and_half_lives_move_by_twice_and_half_whatever_the_rates_do(name):
    value = domain(name, DOMAINS[name].middle()).middle()
    assert moves(name, value, FACTORS) == moves(name, value, TWICE)


@given(st.integers(1, 10), st.integers(0, 2**32 - 1))
def test_the_number_of_discriminator_updates_moves_by_one_and_stays_between_1_and_10(value, seed):
    moved = domain("n_critic", value).perturb(value, FACTORS, stream(seed))
    assert moved in {value - 1, value + 1} & set(range(1, 11))
