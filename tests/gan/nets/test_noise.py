import pytest
import torch

from pbt_gan.gan.nets.noise import FIELD, corner, windows


def test_a_window_is_cut_where_its_place_says_and_goes_on_at_the_other_side():
    whole = corner(FIELD, torch.empty(0))[0, 0]
    place = torch.tensor([[[0.0, 0.0], [0.25, 0.5], [1 - 1 / FIELD, 0.0]]])
    first, within, around = windows(place, 4)[0]
    assert torch.equal(first, whole[:4, :4])
    assert torch.equal(within, whole[64:68, 128:132])
    assert torch.equal(around, whole[[-1, 0, 1, 2], :4])


def test_the_numbers_are_standard_normal_and_near_ones_know_nothing_of_each_other():
    noise = corner(FIELD, torch.empty(0, dtype=torch.float64))
    assert noise.dtype == torch.float64
    assert noise.mean().item() == pytest.approx(0, abs=0.02)
    assert noise.square().mean().item() == pytest.approx(1, abs=0.02)
    assert (noise[..., 1:] * noise[..., :-1]).mean().item() == pytest.approx(0, abs=0.02)
    assert (noise[..., 1:, :] * noise[..., :-1, :]).mean().item() == pytest.approx(0, abs=0.02)
