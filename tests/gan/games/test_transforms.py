"""Transforms against plain NumPy, image after image, and by what has to hold of any of them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.gan.drawn import EachPixel, uniform
from pbt_gan.gan.games.table import TRANSFORMS

MEMBERS, BATCH = 2, 6
LARGEST = 1 - 2.0**-24  # of what is drawn from [0, 1) in float32
HYPER = {"instance_noise": torch.tensor([[0.1], [0.3]], dtype=torch.float64)}

sizes = st.sampled_from([8, 12, 28, 32, 48])
seeds = st.integers(0, 2**32 - 1)


def images_of(seed, size, channels=3):
    return np.random.default_rng(seed).uniform(-1, 1, (MEMBERS, BATCH, channels, size, size))


def drawn_for(name, seed, shape):
    """Draw what a transform declares for images [P, B, C, H, W]."""
    rng, own = np.random.default_rng(seed), TRANSFORMS[name]
    numbers = {
        key: each.draw(rng, shape) if isinstance(each, EachPixel) else each(rng, shape[:2])
        for key, each in own.draws.items()
    }
    return {key: values.astype(np.float64) for key, values in numbers.items()}


def transformed(name, images, drawn):
    tensors = {key: torch.from_numpy(np.asarray(values)) for key, values in drawn.items()}
    made = TRANSFORMS[name].apply(torch.as_tensor(images), tensors, HYPER)
    assert made.shape == images.shape
    return made.numpy()


def plain_flip(image, drawn, member):
    return image[:, :, ::-1] if drawn["side"] < 0.5 else image


def plain_colour(image, drawn, member):
    brightness, saturation, contrast = drawn["amounts"]
    image = image + brightness - 0.5
    grey = image.mean(0)
    image = np.stack([(channel - grey) * saturation * 2 + grey for channel in image])
    return (image - image.mean()) * (contrast + 0.5) + image.mean()


def farthest(size):
    return int(size / 8 + 0.5)


def plain_translation(image, drawn, member):
    size, moved = image.shape[-1], np.zeros_like(image)
    far = farthest(size)
    down, right = (int(np.floor(place * (2 * far + 1))) - far for place in drawn["places"])
    for y in range(size):
        for x in range(size):
            if 0 <= y - down < size and 0 <= x - right < size:
                moved[:, y, x] = image[:, y - down, x - right]
    return moved


def plain_cutout(image, drawn, member):
    size, cut = image.shape[-1], image.copy()
    side = int(size / 2 + 0.5)
    places = size + 1 - side % 2
    top, left = (int(np.floor(place * places)) - side // 2 for place in drawn["places"])
    cut[:, max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)] = 0
    return cut


def plain_noise(image, drawn, member):
    return image + HYPER["instance_noise"][member].item() * drawn["pixels"]


PLAIN = {
    "flip": plain_flip,
    "colour": plain_colour,
    "translation": plain_translation,
    "cutout": plain_cutout,
    "noise": plain_noise,
}


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
@pytest.mark.parametrize(("size", "channels"), [(8, 3), (12, 1), (28, 1)])
def test_each_image_becomes_what_a_loop_over_pixels_makes_of_it(name, size, channels):
    images = images_of(size, size, channels)
    drawn = drawn_for(name, size, images.shape)
    made = transformed(name, images, drawn)
    for p in range(MEMBERS):
        for b in range(BATCH):
            own = {key: values[p, b] for key, values in drawn.items()}
            assert made[p, b] == pytest.approx(PLAIN[name](images[p, b], own, p), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
def test_under_vmap_a_group_of_one_gives_the_same_and_so_do_slopes_of_slopes(name):
    images = torch.from_numpy(images_of(0, 8))
    drawn = {key: torch.from_numpy(values) for key, values in drawn_for(name, 1, images.shape).items()}
    hyper = {key: value.to(images.dtype) for key, value in HYPER.items()}

    def bent(images, drawn, hyper):
        """Return a number whose slope's slope is not 0."""

        def slope(at):
            gradient = torch.func.grad(lambda x: TRANSFORMS[name].apply(x, drawn, hyper).sin().sum())(at)
            return gradient.square().sum((1, 2, 3, 4))

        return torch.func.grad(lambda at: slope(at).sum())(images), slope(images)

    def alone(*trees):
        images, *rest = trees
        slopes, values = bent(images[None], *({key: part[None] for key, part in tree.items()} for tree in rest))
        return slopes.squeeze(0), values.squeeze(0)

    together, apart = bent(images, drawn, hyper), torch.func.vmap(alone)(images, drawn, hyper)
    for one, other in zip(together, apart, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    assert together[0].abs().max() > 0.01


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
def test_the_slopes_are_those_of_differences(name):
    images = images_of(0, 8)
    drawn = drawn_for(name, 1, images.shape)
    tensors = {key: torch.from_numpy(values) for key, values in drawn.items()}
    leaf = torch.from_numpy(images).requires_grad_()
    weights = torch.randn(images.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    (gradient,) = torch.autograd.grad((TRANSFORMS[name].apply(leaf, tensors, HYPER) * weights).sum(), leaf)
    direction = np.random.default_rng(2).standard_normal(images.shape)
    ahead, behind = (transformed(name, images + sign * 1e-6 * direction, drawn) for sign in (1, -1))
    slope = ((ahead - behind) * weights.numpy()).sum() / 2e-6
    assert (gradient.numpy() * direction).sum() == pytest.approx(slope, rel=1e-6)


@given(seed=seeds, size=sizes)
def test_a_flip_twice_is_no_flip(seed, size):
    images = images_of(seed, size)
    drawn = drawn_for("flip", seed, images.shape)
    once = transformed("flip", images, drawn)
    assert np.array_equal(transformed("flip", once, drawn), images)
    mirrored = drawn["side"] < 0.5
    assert np.array_equal(once[~mirrored], images[~mirrored])
    assert np.array_equal(once[mirrored], images[mirrored][..., ::-1])


@given(seed=seeds, size=sizes)
def test_a_translation_moves_no_pixel_by_more_than_an_eighth_of_the_side_and_changes_none(seed, size):
    # A pixel's value says where it was.
    places = np.arange(1.0, size * size + 1).reshape(size, size)
    images = np.broadcast_to(places, (MEMBERS, BATCH, 1, size, size)).copy()
    made = transformed("translation", images, drawn_for("translation", seed, images.shape))
    for image in made.reshape(-1, size, size):
        y, x = np.nonzero(image)
        was_y, was_x = np.divmod(image[y, x] - 1, size)
        (down,), (right,) = set(y - was_y), set(x - was_x)
        assert max(abs(down), abs(right)) <= farthest(size)
        assert len(y) == (size - abs(down)) * (size - abs(right))


@pytest.mark.parametrize("size", [8, 16, 28, 32, 48, 64, 96, 128])
def test_all_distances_from_one_end_to_the_other_are_equally_likely(size):
    far = farthest(size)
    count = 2 * far + 1
    # The middles of equal parts of [0, 1), and the two ends of what is drawn.
    places = torch.tensor([0.0, *((n + 0.5) / count for n in range(count)), LARGEST])
    images = torch.zeros(1, len(places), 1, size, size)
    images[..., size // 2, size // 2] = 1
    drawn = {"places": torch.stack([places, places], -1)[None]}
    made = TRANSFORMS["translation"].apply(images, drawn, {})
    y, x = np.nonzero(made.numpy())[3:]
    assert (y - size // 2).tolist() == (x - size // 2).tolist() == [-far, *range(-far, far + 1), far]


@given(seed=seeds, size=sizes)
def test_cutout_hides_a_square_of_half_the_side_or_what_of_it_lies_inside(seed, size):
    images = np.ones((MEMBERS, BATCH, 3, size, size))
    made = transformed("cutout", images, drawn_for("cutout", seed, images.shape))
    side = size // 2
    for image in made.reshape(-1, 3, size, size):
        assert (image == image[0]).all()
        y, x = np.nonzero(image[0] == 0)
        height, width = (np.ptp(rows) + 1 for rows in (y, x))
        assert len(y) == height * width  # nothing but the square
        for first, length in ((y.min(), height), (x.min(), width)):
            assert side // 2 <= length <= side
            assert length == side or first == 0 or first + length == size


def test_the_square_reaches_both_ends():
    ends = torch.tensor([[[0.0, LARGEST]]])
    made = TRANSFORMS["cutout"].apply(torch.ones(1, 1, 1, 8, 8), {"places": ends}, {})[0, 0, 0]
    hidden = torch.ones(8, 8)
    hidden[:2, 6:] = 0
    assert torch.equal(made, hidden)


@given(seed=seeds)
def test_grey_images_have_no_saturation_to_lose(seed):
    images = np.repeat(images_of(seed, 8, 1), 3, 2)
    drawn = drawn_for("colour", seed, images.shape)
    made = transformed("colour", images, drawn)
    drawn["amounts"][..., 1] = 0.1
    assert made == pytest.approx(transformed("colour", images, drawn), abs=1e-12)
    assert made == pytest.approx(np.repeat(made[:, :, :1], 3, 2), abs=1e-12)


def test_in_the_middle_of_their_ranges_colours_stay_as_they_are():
    images = images_of(0, 8)
    same = transformed("colour", images, {"amounts": np.full((MEMBERS, BATCH, 3), 0.5)})
    assert same == pytest.approx(images, abs=1e-12)


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
def test_equal_images_of_a_batch_become_different_ones(name):
    images = np.broadcast_to(images_of(0, 32)[:1, :1], (1, 200, 3, 32, 32)).copy()
    hyper = {"instance_noise": torch.tensor([[0.1]], dtype=torch.float64)}
    drawn = {key: torch.from_numpy(values) for key, values in drawn_for(name, 0, images.shape).items()}
    made = TRANSFORMS[name].apply(torch.from_numpy(images), drawn, hyper)[0]
    distinct = len(torch.unique(made.flatten(1), dim=0))
    assert distinct == 2 if name == "flip" else distinct > 50


def test_what_is_drawn_covers_its_range_and_is_below_1():
    drawn = uniform(np.random.default_rng(0), (100_000,))
    assert 0 <= drawn.min() < 0.001
    assert 0.999 < drawn.max() <= LARGEST
