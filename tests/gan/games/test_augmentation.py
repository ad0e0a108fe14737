"""Transforms one after another, each behind a gate of its own."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.gan.drawn import EachPixel, uniform
from pbt_gan.gan.games.adaptive import AT_BIRTH
from pbt_gan.gan.games.game import Augmentation, Memory, Transform, Update
from pbt_gan.gan.games.table import TRANSFORMS
from pbt_gan.gan.shown import Shown

SHAPE = (2, 5, 3, 8, 8)
ALL = Augmentation(TRANSFORMS)
GATED = Augmentation({name: transform for name, transform in TRANSFORMS.items() if transform.gated})


def images_of(seed=0, shape=SHAPE):
    return torch.from_numpy(np.random.default_rng(seed).uniform(-1, 1, shape))


def drawn_for(augmentation, seed=0, shape=SHAPE):
    rng = np.random.default_rng(seed)
    return {
        name: torch.from_numpy(each.draw(rng, shape) if isinstance(each, EachPixel) else each(rng, shape[:2])).double()
        for name, each in augmentation.draws.items()
    }


def scalars(chance, noise=0.1, members=SHAPE[0]):
    values = {"augment_p": chance, "instance_noise": noise}
    return {name: torch.full((members, 1), value, dtype=torch.float64) for name, value in values.items()}


@given(seed=st.integers(0, 2**32 - 1))
def test_at_a_chance_of_0_nothing_happens_to_the_bit_and_at_1_everything_does(seed):
    images, drawn = images_of(seed), drawn_for(GATED, seed)
    assert torch.equal(GATED.apply(images, drawn, scalars(0.0), {}), images)
    expected = images
    for name, transform in GATED.transforms.items():
        expected = transform.apply(expected, {key: drawn[f"{name}.{key}"] for key in transform.draws}, {})
    assert torch.equal(GATED.apply(images, drawn, scalars(1.0), {}), expected)


def test_what_is_not_gated_happens_at_any_chance():
    images, drawn = images_of(), drawn_for(ALL)
    noisy = ALL.apply(images, drawn, scalars(0.0), {})
    torch.testing.assert_close(noisy, images + 0.1 * drawn["noise.pixels"])
    assert "noise.gate" not in ALL.draws


def test_transforms_happen_in_the_order_in_which_they_are_named():
    images = images_of()
    for names in (("cutout", "translation"), ("translation", "cutout")):
        augmentation = Augmentation({name: TRANSFORMS[name] for name in names})
        drawn = drawn_for(ALL)
        expected = images
        for name in names:
            expected = TRANSFORMS[name].apply(expected, {"places": drawn[f"{name}.places"]}, {})
        assert torch.equal(augmentation.apply(images, drawn, scalars(1.0), {}), expected)


BLACK = Transform(lambda images, drawn, hyper: torch.zeros_like(images), {"tint": uniform})


@pytest.mark.parametrize("chance", [0.1, 0.5, 0.85])
def test_so_many_images_pass_each_gate_as_the_chance_says_and_gates_know_nothing_of_each_other(chance):
    shape = (1, 20_000, 1, 1, 1)
    two = Augmentation({"one": BLACK, "other": BLACK})
    drawn = drawn_for(two, 1, shape)
    passed = {name: drawn[f"{name}.gate"][0] < chance for name in ("one", "other")}
    one = Augmentation({"one": BLACK}).apply(torch.ones(shape), drawn, scalars(chance, members=1), {})
    assert torch.equal(one[0, :, 0, 0, 0] == 0, passed["one"])
    # Within 5 standard deviations of a share: it is as good as certain, and half a percent off is seen.
    for share, expected in (
        (passed["one"].double().mean(), chance),
        (passed["other"].double().mean(), chance),
        ((passed["one"] & passed["other"]).double().mean(), chance**2),
    ):
        assert abs(share.item() - expected) <= 5 * math.sqrt(expected * (1 - expected) / shape[1])


def test_each_member_has_a_chance_of_its_own():
    augmentation = Augmentation({"black": BLACK})
    hyper = {"augment_p": torch.tensor([[0.0], [1.0]])}
    made = augmentation.apply(torch.ones(SHAPE), drawn_for(augmentation), hyper, {})
    assert made.flatten(1).sum(1).tolist() == [5 * 3 * 64, 0]


def test_an_adaptive_one_takes_the_chance_from_memory_and_asks_for_none():
    augmentation = Augmentation({"black": BLACK}, adaptive=True)
    memory = {"augment_p": torch.tensor([0.0, 1.0], dtype=torch.float64)}
    made = augmentation.apply(torch.ones(SHAPE), drawn_for(augmentation), {}, memory)
    assert made.flatten(1).sum(1).tolist() == [5 * 3 * 64, 0]
    assert augmentation.memory == AT_BIRTH
    assert augmentation.reads == ("augment_target", "augment_kimg")


def test_an_adaptive_one_remembers_how_sure_the_discriminator_is_of_reals_and_forgets_fakes():
    augmentation = Augmentation({"black": BLACK}, adaptive=True)
    hyper = {"augment_target": torch.tensor([[0.6]]), "augment_kimg": torch.tensor([[0.5]])}
    memory: Memory = {name: torch.tensor([value]) for name, value in AT_BIRTH.items()}
    nothing = Shown(torch.empty(1, 5, 0))
    for _ in range(4):
        update = Update(lambda shown: shown.images, nothing, nothing, torch.ones(1, 5), -torch.ones(1, 5), {}, memory)
        memory = augmentation.remember(update, hyper)
    assert memory["augment_p"].item() == pytest.approx(20 / 500)


def test_one_that_is_not_adaptive_remembers_nothing():
    assert not GATED.memory
    assert GATED.reads == ("augment_p",)
    assert Augmentation({"noise": TRANSFORMS["noise"]}).reads == ("instance_noise",)
    assert not Augmentation().reads
