"""The formulas hold their mathematical properties and agree with torchmetrics."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.inception import InceptionScore
from torchmetrics.image.kid import KernelInceptionDistance

from pbt_gan.gan.scores.classifier_score import classifier_score
from pbt_gan.gan.scores.frechet import Moments, frechet_distance
from pbt_gan.gan.scores.kernel import Cloud, kernel_distance

pytestmark = [
    pytest.mark.filterwarnings("ignore:Metric .* will save all extracted features in buffer:UserWarning"),
    pytest.mark.filterwarnings("ignore:std.*degrees of freedom:UserWarning"),
]

seeds = st.integers(0, 2**32 - 1)


def normal(seed: int, count: int, dimensions: int, shift: float = 0.0, scale: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(dimensions, dimensions, generator=generator, dtype=torch.float64)
    return scale * torch.randn(count, dimensions, generator=generator, dtype=torch.float64) @ mix + shift


class Flatten(nn.Module):
    """Stands in for Inception: the images are their own features."""

    num_features = 12

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1)


def as_images(features: Tensor) -> Tensor:
    return features.reshape(-1, 3, 2, 2)


@given(seeds, st.integers(1, 60), st.integers(2, 12), st.integers(1, 3))
def test_the_classifier_score_lies_between_one_and_the_number_of_classes(seed, count, classes, splits):
    probabilities = torch.softmax(3 * normal(seed, count + 3, classes), 1)
    assert 1 - 1e-12 <= classifier_score(probabilities, splits) <= classes + 1e-12


def test_the_classifier_score_reaches_both_of_its_bounds():
    certain = torch.eye(7, dtype=torch.float64).repeat(4, 1)
    assert classifier_score(certain) == pytest.approx(7)
    assert classifier_score(torch.full((9, 7), 1 / 7)) == pytest.approx(1)
    assert classifier_score(certain[:1].repeat(5, 1)) == pytest.approx(1)


def test_the_classifier_score_of_several_splits_is_the_mean_of_its_parts():
    probabilities = torch.softmax(normal(0, 20, 5), 1)
    parts = [classifier_score(probabilities[:10]), classifier_score(probabilities[10:])]
    assert classifier_score(probabilities, splits=2) == pytest.approx(sum(parts) / 2)


def test_the_classifier_score_is_that_of_torchmetrics():
    logits = 2 * normal(1, 200, 12)
    theirs = InceptionScore(feature=Flatten(), splits=1).double()
    theirs.set_dtype(torch.float64)
    theirs.update(as_images(logits))
    assert classifier_score(torch.softmax(logits, 1)) == pytest.approx(float(theirs.compute()[0]), rel=1e-9)


@given(seeds, st.integers(2, 80), st.integers(1, 10))
def test_the_frechet_distance_of_a_set_to_itself_is_zero(seed, count, dimensions):
    moments = Moments.of(normal(seed, count, dimensions))
    assert frechet_distance(moments, moments) == pytest.approx(0, abs=1e-8 * (1 + float(moments.covariance.trace())))


@given(seeds, st.floats(-2, 2), st.floats(0.1, 3))
def test_the_frechet_distance_is_symmetric_and_never_negative(seed, shift, scale):
    one, other = Moments.of(normal(seed, 40, 6)), Moments.of(normal(seed + 1, 50, 6, shift, scale))
    there, back = frechet_distance(one, other), frechet_distance(other, one)
    assert there >= 0
    assert there == pytest.approx(back, rel=1e-7, abs=1e-8)


def test_the_frechet_distance_of_shifted_sets_is_the_squared_shift():
    features = normal(3, 100, 4)
    assert frechet_distance(Moments.of(features), Moments.of(features + 2)) == pytest.approx(4 * 2**2)


def test_the_frechet_distance_is_that_of_torchmetrics():
    real, fake = normal(4, 300, 12), normal(5, 200, 12, shift=0.5)
    theirs = FrechetInceptionDistance(feature=Flatten(), input_img_size=(3, 2, 2)).set_dtype(torch.float64)
    theirs.update(as_images(real), real=True)
    theirs.update(as_images(fake), real=False)
    ours = frechet_distance(Moments.of(real), Moments.of(fake))
    assert ours == pytest.approx(float(theirs.compute()), rel=1e-9)


@given(seeds)
def test_the_kernel_distance_of_features_in_float32_is_that_in_float64(seed):
    one, other = normal(seed, 300, 16).relu().float(), normal(seed + 1, 250, 16).relu().float()
    assert kernel_distance(Cloud.of(one), Cloud.of(other)) == pytest.approx(
        kernel_distance(Cloud.of(one.double()), Cloud.of(other.double())), rel=1e-6, abs=1e-6
    )
    # The reference may have been kept in another dtype.
    assert kernel_distance(Cloud.of(one.double()), Cloud.of(other)) == pytest.approx(
        kernel_distance(Cloud.of(one), Cloud.of(other)), rel=1e-6, abs=1e-6
    )


@given(seeds)
def test_the_kernel_distance_is_symmetric(seed):
    one, other = normal(seed, 30, 5), normal(seed + 1, 20, 5)
    assert kernel_distance(Cloud.of(one), Cloud.of(other)) == pytest.approx(
        kernel_distance(Cloud.of(other), Cloud.of(one))
    )


def test_the_kernel_distance_is_near_zero_for_one_distribution_and_grows_with_the_shift():
    generator = torch.Generator().manual_seed(6)
    one, other = torch.randn(2, 500, 8, generator=generator, dtype=torch.float64)
    distances = [kernel_distance(Cloud.of(one), Cloud.of(other + shift)) for shift in (0.0, 0.5, 1.0)]
    assert distances[0] == pytest.approx(0, abs=0.02)
    assert distances[0] < distances[1] < distances[2]


def test_the_kernel_distance_is_that_of_torchmetrics():
    real, fake = normal(7, 80, 12), normal(8, 80, 12, shift=0.3)
    theirs = KernelInceptionDistance(feature=Flatten(), subsets=1, subset_size=80).set_dtype(torch.float64)
    theirs.update(as_images(real), real=True)
    theirs.update(as_images(fake), real=False)
    assert kernel_distance(Cloud.of(real), Cloud.of(fake)) == pytest.approx(float(theirs.compute()[0]), rel=1e-9)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_gives_nan_and_no_error(bad):
    good = normal(9, 10, 4)
    broken = good.clone()
    broken[3, 1] = bad
    assert math.isnan(classifier_score(broken))
    assert math.isnan(frechet_distance(Moments.of(good), Moments.of(broken)))
    assert math.isnan(kernel_distance(Cloud.of(good), Cloud.of(broken)))
