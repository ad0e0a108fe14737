"""In float64 every part of a game trains a group as its members alone, and as `torch.func.vmap` does."""

from functools import partial

import pytest
import torch

from pbt_gan.core.rng import stream
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.training.stacking import leaves
from tests.gan.training.parts import PARTS, TINY
from tests.gan.training.ways import check_bits, check_equal, loop_of, make, newborn


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_alone_in_a_group_and_by_vmap_it_is_the_same(part):
    check_equal(GanSettings.model_validate({**TINY, **PARTS[part]}), size=8)


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_with_small_images_the_bits_of_a_member_do_not_depend_on_its_group(part):
    # An odd number of images: what lies at the end of a tensor is computed otherwise.
    check_bits(GanSettings.model_validate({**TINY, "dtype": "float32", "batch_size": 7, **PARTS[part]}), size=8)


@pytest.mark.slow
def test_members_whose_discriminators_move_more_often_remember_what_they_do_alone():
    played = {"penalties": ("r1", "lecam"), "penalty_interval": 2, "augment": "flip,cutout", "adaptive": True}
    settings = GanSettings.model_validate({**TINY, "dtype": "float32", "augment_target": -1.0, **played})
    step = make(settings, 8, 1)
    loop = loop_of(settings, step, 8, 1)

    def trained(members):
        return loop.train(
            [newborn(step, settings, member) for member in members],
            [{"n_critic": (1, 4, 2)[member]} for member in members],
            5,
            [partial(stream, 0, "train", member) for member in members],
        )

    for member, training in enumerate(trained(range(3))):
        (own,) = trained([member])
        assert all(torch.equal(*pair) for pair in zip(leaves(own.state), leaves(training.state), strict=True))
        assert own.metrics == training.metrics
