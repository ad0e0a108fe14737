"""Scoring asks little of a GPU: counted on one that is not there, with scorers of random weights."""

from typing import NamedTuple

import numpy as np
import pytest
import torch

from benchmarks.fake_gpu import fake_gpu
from pbt_gan.core.rng import stream
from pbt_gan.gan.nets.noise import corner
from pbt_gan.gan.scores.classifier import Classifier
from pbt_gan.gan.scores.making import scorer_of
from pbt_gan.gan.scores.scorer import Scorer
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.training.loop import make_step
from pbt_gan.gan.training.sampler import Sampler

SAMPLES = 2_000


def scorer(size: int, channels: int) -> Scorer:
    shape = {"size": size, "channels": channels, "classes": 10, "width": 8}
    weights = {name: tensor.numpy() for name, tensor in Classifier(**shape).state_dict().items()}
    rng = np.random.default_rng(0)
    reference = {
        "mean": rng.normal(size=64),
        "covariance": np.eye(64),
        "kernel_features": rng.normal(size=(1_000, 64)),
    }
    card = {"shape": shape, "predicts": "labels", "rung": "classifier"}
    return scorer_of({"card": card, "weights": weights, "reference": reference}, "cuda")


class Asked(NamedTuple):
    """Of a GPU."""

    launches: int
    waits: int
    fetched_bytes: int


def asked(net: str, members: int, samples: int, sampling_norm: str = "running", size: int = 8) -> tuple[Asked, Asked]:
    """Return what it takes to make samples of each member, and to measure them."""
    settings = GanSettings.model_validate({"net": net, "width": 8, "z_size": 8, "sampling_norm": sampling_norm})
    running = settings.sampling_norm == "running"
    with fake_gpu() as meter:
        step = make_step(settings, size, 3, "cuda")
        corner(4, torch.empty(1, device="cuda"))  # what is made once and kept
        nets = step.generator, step.discriminator
        states = [
            step.initial_state(*(torch.empty(net.layout.size, device="cuda") for net in nets), average=True)
            for _ in range(members)
        ]
        sampler = Sampler(step.generator, settings.z_size, running=running, device="cuda")
        measures = scorer(size, 3)
        measures.measure(sampler.images(states, 100, stream(0, "eval")), error=True)  # likewise

        def since(before: Asked) -> Asked:
            now = Asked(meter.total.launches, meter.waits.total(), meter.fetched_bytes)
            return Asked(*(each - then for each, then in zip(now, before, strict=True)))

        begun = since(Asked(0, 0, 0))
        images = sampler.images(states, samples, stream(0, "eval"))
        made = since(begun)
        begun = since(Asked(0, 0, 0))
        measures.measure(images, error=True)
        return made, since(begun)


@pytest.mark.slow
@pytest.mark.parametrize("sampling_norm", ["running", "batch"])
def test_ten_times_as_many_samples_are_made_with_few_launches_more(sampling_norm):
    (few, _), (many, _) = (asked("dcgan", 4, samples, sampling_norm) for samples in (SAMPLES, 10 * SAMPLES))
    assert many.launches < 2.5 * few.launches
    assert few.waits == many.waits <= 3


@pytest.mark.slow
def test_of_samples_nothing_leaves_the_gpu_but_a_few_numbers_of_each_member():
    made, measured = asked("dcgan", 4, SAMPLES)
    assert made.fetched_bytes < 100 * 4
    assert measured.fetched_bytes < 100 * 4
    assert measured.waits <= 10 * 4


@pytest.mark.slow
def test_more_members_are_not_more_launches_of_their_generators():
    (few, _), (many, _) = (asked("dcgan", members, SAMPLES) for members in (2, 6))
    assert many.launches <= few.launches + 4 * 3, "what their weights are taken from is many, and the rest is one"
