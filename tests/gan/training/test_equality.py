"""In float64 every part of a game trains a group as its members alone, and as `torch.func.vmap` does."""

import pytest

from pbt_gan.gan.settings import GanSettings
from tests.gan.training.parts import PARTS, TINY
from tests.gan.training.ways import check_bits, check_equal


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_alone_in_a_group_and_by_vmap_it_is_the_same(part):
    check_equal(GanSettings.model_validate({**TINY, **PARTS[part]}), size=8)


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_with_small_images_the_bits_of_a_member_do_not_depend_on_its_group(part):
    # An odd number of images: what lies at the end of a tensor is computed otherwise.
    check_bits(GanSettings.model_validate({**TINY, "dtype": "float32", "batch_size": 7, **PARTS[part]}), size=8)
