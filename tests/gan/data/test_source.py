from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.rng import stream
from pbt_gan.gan.data import source
from pbt_gan.gan.data.pixels import mapped
from pbt_gan.gan.data.source import ImagesInMemory, ImagesWhereTheyLie, source_of
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.training.loop import Loop, make_step
from pbt_gan.validation import validated

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 4, 4, 3), dtype=np.uint8)


@given(st.lists(st.integers(0, 6), min_size=6, max_size=6), st.sampled_from([(6,), (2, 3), (1, 6)]))
def test_images_are_the_same_bit_for_bit_and_lie_alike_wherever_they_come_from(numbers, shape):
    indices = torch.tensor(numbers).reshape(shape)
    there, copied = (each(IMAGES, "cpu", torch.float32) for each in (ImagesWhereTheyLie, ImagesInMemory))
    taken, expected = there.take(indices), copied.take(indices)
    assert torch.equal(taken, expected)
    assert taken.stride() == expected.stride()
    assert taken.shape == (*shape, 3, 4, 4)
    assert len(there) == len(copied) == 7


def test_on_a_cpu_no_copy_of_all_images_is_made():
    images = source_of(IMAGES, "cpu", torch.float32)
    assert isinstance(images, ImagesWhereTheyLie)
    assert images._rows.data_ptr() == IMAGES.ctypes.data


@pytest.mark.parametrize(("most", "kind"), [(IMAGES.nbytes, ImagesInMemory), (IMAGES.nbytes - 1, ImagesWhereTheyLie)])
def test_on_another_device_all_images_lie_there_unless_they_are_too_many(monkeypatch, most, kind):
    monkeypatch.setattr(source, "MOST_RESIDENT_BYTES", most)
    images = source_of(IMAGES, "meta", torch.float32)
    assert type(images) is kind
    assert images.device == ("meta" if kind is ImagesInMemory else "cpu")  # where it wants the numbers
    assert images.take(torch.zeros(5, dtype=torch.int64, device=images.device)).device.type == "meta"


def test_images_of_a_map_can_be_expected_wherever_their_pages_begin(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (300, 5, 5, 3), dtype=np.uint8)
    images.tofile(tmp_path / "images.u8")
    there = source_of(mapped(tmp_path / "images.u8", images.shape), "cpu", torch.float32)
    indices = torch.arange(300).reshape(3, 100)
    there.expect(indices)
    assert torch.equal(there.take(indices), ImagesInMemory(images, "cpu", torch.float32).take(indices))


def test_a_block_of_steps_expects_all_images_that_it_takes():
    expected, taken = [], []

    class Noting(ImagesWhereTheyLie):
        def expect(self, indices):
            expected.extend(indices.flatten().tolist())

        def take(self, indices):
            taken.extend(indices.flatten().tolist())
            return super().take(indices)

    settings = validated(GanSettings, {"width": 2, "z_size": 4, "batch_size": 4})
    images = Noting(np.zeros((50, 8, 8, 1), np.uint8), "cpu", torch.float32)
    loop = Loop(settings, make_step(settings, 8, 1), images, "cpu")
    taken.clear()  # those by which health checks measure
    loop.train([loop.init(stream(0, "init"))], [{"n_critic": 2}], 3, [partial(stream, 0, "train")])
    assert len(taken) == 3 * 2 * 4
    assert sorted(expected) == sorted(taken)
