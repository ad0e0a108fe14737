import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest, truncnorm

from pbt_gan.errors import ConfigError
from pbt_gan.gan.portable.latents import circuit, spherical, truncated

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.floats(1e-3, 20))
def test_truncated_latents_stay_within_and_keep_their_order(seed: int, most: float) -> None:
    z = np.random.default_rng(seed).standard_normal(50).astype(np.float32)
    cut = truncated(z, most)
    assert np.abs(cut).max() <= np.float32(most)
    assert (np.diff(cut[np.argsort(z)]) >= 0).all()


def test_truncated_latents_have_the_truncated_distribution() -> None:
    z = np.random.default_rng(0).standard_normal(4_000).astype(np.float32)
    assert kstest(truncated(z, 0.7), truncnorm(-0.7, 0.7).cdf).pvalue > 0.01


@pytest.mark.parametrize("most", [0.0, -1.0, float("nan"), float("inf")])
def test_a_truncation_that_leaves_nothing_or_all_is_refused(most: float) -> None:
    with pytest.raises(ConfigError, match="above 0"):
        truncated(np.zeros(3, np.float32), most)


@given(seeds, st.integers(2, 64))
def test_the_spherical_way_joins_its_ends_and_keeps_to_the_sphere(seed: int, size: int) -> None:
    one, other = np.random.default_rng(seed).standard_normal((2, size)).astype(np.float32)
    other *= np.linalg.norm(one) / np.linalg.norm(other)
    way = spherical(one, other, np.linspace(0, 1, 9))
    np.testing.assert_allclose(way[[0, -1]], [one, other], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(way, axis=1), np.linalg.norm(one), rtol=1e-3)
    steps = np.linalg.norm(np.diff(way, axis=0), axis=1)
    np.testing.assert_allclose(steps, steps.mean(), rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0, 0.0])
def test_between_latents_on_one_line_the_way_is_straight(factor: float) -> None:
    z = np.array([1.0, 2.0], np.float32)
    np.testing.assert_allclose(spherical(z, factor * z, np.array([0.5])), [(1 + factor) / 2 * z], atol=1e-6)


@given(seeds, st.integers(1, 6), st.integers(1, 40))
def test_a_circuit_has_as_many_frames_as_asked_for_and_is_closed(seed: int, stations: int, frames: int) -> None:
    own = np.random.default_rng(seed).standard_normal((stations, 8)).astype(np.float32)
    way = circuit(own, frames)
    assert way.shape == (frames, 8)
    np.testing.assert_allclose(way[0], own[0], atol=1e-5)
    if frames % stations == 0:
        np.testing.assert_allclose(way[:: frames // stations], own, atol=1e-5)
