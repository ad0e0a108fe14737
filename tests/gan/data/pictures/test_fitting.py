"""Which size pictures get, and that nothing is made up or lost on the way to it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pbt_gan.errors import ConfigError, DataError
from pbt_gan.gan.data.fit import RESOLUTIONS, Fit, Way
from pbt_gan.gan.data.pictures.fitting import colour, enlarged, fitted, has_net, resolved, words
from pbt_gan.gan.data.pictures.picture import decode
from pbt_gan.gan.nets.sizes import halvings
from tests.gan.data.pictures.drawing import NOISE, encoded

WAYS: tuple[Way, ...] = ("crop", "pad", "stretch")
SIDES = st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 5000)), min_size=1, max_size=30)


def made(
    pixels: NDArray[np.uint8], side: int, way: Way = "crop", channels: int = 1, background: str = "white"
) -> NDArray[np.uint8]:
    return fitted(decode(encoded(pixels)), Fit(side, way, background), channels)


# Which size


@given(SIDES)
def test_pictures_of_any_sizes_get_one_that_there_is_a_net_for(sides):
    side = resolved(Fit(), sides).resolution
    assert side is not None
    assert halvings(side) >= 1


@given(SIDES)
def test_unasked_at_most_a_quarter_is_enlarged(sides):
    fit = resolved(Fit(), sides)
    assert fit.resolution == 8 or enlarged(fit, sides) <= len(sides) / 4


def test_squares_of_one_size_stay_as_they_are_where_there_is_a_net_for_them():
    assert {side: resolved(Fit(), [(side, side)] * 3).resolution for side in (8, 20, 28, 32, 96, 128)} == {
        side: side for side in (8, 20, 28, 32, 96, 128)
    }
    assert {side: resolved(Fit(), [(side, side)] * 3).resolution for side in (5, 30, 100, 256, 512)} == {
        5: 8,
        30: 28,
        100: 64,
        256: 64,
        512: 64,
    }


def test_what_stays_as_it_is_has_a_net():
    def nets(side: int) -> bool:
        try:
            return halvings(side) > 0
        except DataError:
            return False

    assert [side for side in range(8, 129) if has_net(side)] == [side for side in range(8, 129) if nets(side)]
    assert all(map(has_net, RESOLUTIONS))


def test_mixed_sizes_get_the_largest_that_most_of_them_reach():
    assert resolved(Fit(), [(97, 412), (300, 120), (64, 64), (500, 375)]).resolution == 64
    assert resolved(Fit(), [(60, 90)] * 3 + [(500, 500)]).resolution == 48
    assert resolved(Fit(), [(500, 500)] * 3 + [(9, 9)]).resolution == 64  # one of four is enlarged


def test_what_was_asked_for_holds():
    asked = Fit(128, "pad")
    assert resolved(asked, [(9, 9)]) == asked


def test_a_size_that_nobody_offers_is_refused():
    with pytest.raises(ConfigError, match=r"task.resolution = 50: .* 8, 16, 28, 32, 48, 64, 96, 128"):
        resolved(Fit(50), [(9, 9)])


@pytest.mark.parametrize("background", ["whit", "", "#12345", "#ffffff80", "rgb(1,2)", "x" * 200])
def test_what_is_no_colour_is_refused_before_anything_is_decoded(background):
    with pytest.raises(ConfigError, match=r"is no colour\. Give one as #rrggbb"):
        resolved(Fit(background=background), [(9, 9)])


def test_a_colour_is_one_of_the_web():
    assert {colour(each) for each in ("red", "#f00", "#FF0000", "rgb(255, 0, 0)", "hsl(0, 100%, 50%)")} == {(255, 0, 0)}


def test_it_is_said_in_words():
    assert words(Fit(64), [(97, 412)]) == "centre crop, 64×64"
    assert words(Fit(32, "pad", "black"), [(32, 32), (32, 31)]) == "padded with black, 32×32"
    assert words(Fit(32, "stretch"), [(33, 33)]) == "stretched, 32×32"
    assert words(Fit(32), [(32, 32)] * 2) == ""


def test_those_that_are_enlarged_are_counted():
    sides = [(30, 90), (64, 64), (20, 20)]
    assert [enlarged(Fit(64, way), sides) for way in WAYS] == [2, 1, 2]


# What becomes of the pixels


@given(
    st.integers(1, 90), st.integers(1, 90), st.sampled_from(WAYS), st.sampled_from([1, 3]), st.sampled_from(RESOLUTIONS)
)
def test_any_picture_gets_the_size_and_one_colour_stays_one_colour(height, width, way, channels, side):
    flat = np.full((height, width, 3), (90, 90, 90), np.uint8)
    image = made(flat, side, way, channels, background="#5a5a5a")
    assert image.shape == (side, side, channels)
    assert image.dtype == np.uint8
    assert (image == 90).all()


@pytest.mark.parametrize("way", WAYS)
def test_a_picture_of_the_right_size_is_left_alone(way):
    square = NOISE[:16, :16]
    np.testing.assert_array_equal(made(square, 16, way, 3), square)


@pytest.mark.parametrize("large", [64, 100, 250])
def test_a_fine_checkerboard_becomes_flat_grey(large):
    board = (np.indices((large, large)).sum(0) % 2 * 255).astype(np.uint8)
    image = made(board, 16)
    assert np.ptp(image[2:-2, 2:-2]) <= 2
    assert abs(image.mean() - 127.5) < 1.5


@pytest.mark.parametrize("way", WAYS)
def test_a_ramp_keeps_its_mean_and_its_middle(way):
    ramp = np.broadcast_to(np.linspace(0, 255, 100).astype(np.uint8), (100, 100))
    for pixels in (ramp, ramp[:, ::-1]):
        image = made(pixels, 32, way)[..., 0].astype(float)
        assert abs(image.mean() - pixels.mean()) < 1
        assert abs(image[:, 15:17].mean() - 127.5) < 1


def test_a_crop_takes_the_largest_square_in_the_middle():
    wide = np.zeros((20, 60), np.uint8)
    wide[:, 20:40] = 200
    for pixels in (wide, wide.T.copy()):
        assert (made(pixels, 8) == 200).all()


def test_a_padded_picture_is_whole_and_in_the_middle():
    wide = np.full((20, 40), 200, np.uint8)
    image = made(wide, 16, "pad", background="#0a0a0a")[..., 0]
    assert (image[4:12] == 200).all()
    assert (image[:4] == 10).all()
    assert (image[12:] == 10).all()


def test_a_thin_line_can_be_padded():
    assert made(np.zeros((1, 500), np.uint8), 16, "pad").shape == (16, 16, 1)


def test_a_stretched_picture_is_whole():
    halves = np.zeros((10, 40), np.uint8)
    halves[:, 20:] = 255
    image = made(halves, 8, "stretch")[..., 0]
    assert image[:, :3].max() < 30
    assert image[:, 5:].min() > 225


@pytest.mark.parametrize(("channels", "right"), [(1, 76), (3, (255, 0, 0))])
def test_what_is_transparent_shows_the_background(channels, right):
    hidden = np.zeros((16, 16, 4), np.uint8)
    image = made(hidden, 8, channels=channels, background="red")
    assert (image == right).all()


def test_what_hides_behind_transparent_pixels_does_not_bleed_into_the_others():
    picture = np.zeros((64, 64, 4), np.uint8)
    picture[..., 0] = 255
    picture[:, :32] = (0, 0, 255, 255)
    image = made(picture, 8, channels=3, background="#0000ff")
    assert (image == (0, 0, 255)).all()


def test_grey_becomes_colour_and_colour_grey():
    np.testing.assert_array_equal(made(NOISE[:16, :16, 0], 16, channels=3), np.repeat(NOISE[:16, :16, :1], 3, axis=2))
    assert made(NOISE[:16, :16], 16).shape == (16, 16, 1)


def test_a_jpeg_decoded_for_the_size_gives_nearly_what_the_whole_one_gives():
    rows, columns = np.indices((300, 420)) / 40
    smooth = ((np.sin(rows) + np.cos(columns)) * 60 + 128).astype(np.uint8)
    data = encoded(smooth, "JPEG", quality=95)
    whole, reduced = (fitted(decode(data, enough), Fit(32), 1).astype(int) for enough in (None, 32))
    assert abs(whole - reduced).max() <= 3
