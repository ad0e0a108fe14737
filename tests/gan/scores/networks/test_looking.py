"""However many images come: a network looks at them batch by batch, and they keep their order."""

import logging

import torch
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.gan.scores.networks import looking
from pbt_gan.gan.scores.networks.looking import look


def corners(images):
    assert images.shape[1] == 3
    assert images.is_contiguous(memory_format=torch.channels_last)
    features = images[:, :, 0, 0]
    return features, features


def random_images(count, channels=3):
    shape = (count, 4, 4, channels)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(count))


@given(st.integers(1, 20), st.integers(1, 25))
def test_batches_of_any_size_give_the_same(count, batch):
    images = random_images(count)
    seen = look(corners, images, batch=batch, device="cpu")
    torch.testing.assert_close(seen.features, images[:, 0, 0].float())
    torch.testing.assert_close(seen.probabilities, images[:, 0, 0].double().softmax(1))


def test_a_grey_image_is_three_equal_channels():
    grey = random_images(5, channels=1)
    torch.testing.assert_close(
        look(corners, grey, batch=2, device="cpu"), look(corners, grey.repeat(1, 1, 1, 3), batch=5, device="cpu")
    )


def test_a_network_that_is_slow_says_how_far_it_is(caplog, monkeypatch):
    caplog.set_level(logging.INFO, "pbt_gan")
    look(corners, random_images(7), batch=2, device="cpu")
    assert caplog.messages == []
    monkeypatch.setattr(looking, "TOLD_EVERY_S", -1)
    look(corners, random_images(7), batch=3, device="cpu")
    assert [message.split(",")[0] for message in caplog.messages] == [
        "looked at 3 of 7 images",
        "looked at 6 of 7 images",
    ]


def test_nothing_is_kept_for_gradients():
    net = torch.nn.Linear(3, 3)
    seen = look(lambda x: (net(x[:, :, 0, 0]), net(x[:, :, 1, 1])), random_images(2), batch=1, device="cpu")
    assert [each is not None and each.requires_grad for each in seen] == [False, False]
