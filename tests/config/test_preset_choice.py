import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.config.preset_choice import FEW, FEWEST, Found, preset_for
from pbt_gan.config.source import presets
from pbt_gan.gan.data.fit import RESOLUTIONS

MANY = 50_000


@pytest.mark.parametrize(
    ("found", "preset"),
    [
        (Found(1_797, 8, 1, 10), "digits"),
        (Found(MANY, 8, 3, 0), "digits"),
        (Found(MANY, 16, 1, 0), "mnist"),
        (Found(MANY, 16, 3, 0), "sngan-cnn"),
        (Found(60_000, 28, 1, 10), "mnist"),
        (Found(60_000, 28, 1, 10, "fashion-mnist"), "fashion-mnist"),
        (Found(60_000, 32, 1, 10, "fashion-mnist"), "sngan-cnn"),
        (Found(MANY, 28, 3, 0), "sngan-cnn"),
        (Found(MANY, 32, 3, 10), "sngan-cnn"),
        (Found(MANY, 48, 3, 0), "sngan-cnn"),
        (Found(MANY, 64, 3, 0), "faces-64"),
        (Found(MANY, 96, 3, 0), "photos-128"),
        (Found(MANY, 128, 1, 0), "photos-128"),
        (Found(FEW, 64, 3, 0), "faces-64"),
        (Found(FEW - 1, 64, 3, 0), "small-data"),
        (Found(300, 128, 3, 0), "small-data"),
        (Found(500, 28, 1, 10), "mnist"),
        (Found(500, 28, 3, 10), "small-data"),
        (Found(300, 8, 1, 0), "digits"),
    ],
)
def test_a_preset_is_chosen_by_number_size_and_colour(found, preset):
    assert preset_for(found).preset == preset


FOUND = st.builds(
    Found, st.integers(10, 10**7), st.sampled_from(RESOLUTIONS), st.sampled_from([1, 3]), st.integers(0, 1_000)
)


@given(FOUND)
def test_whatever_the_images_are_there_is_such_a_preset_and_a_reason(found):
    chosen = preset_for(found)
    assert chosen.preset in presets()
    assert chosen.why


@given(FOUND)
def test_labels_change_what_is_offered_and_not_what_is_chosen(found):
    assert preset_for(found).preset == preset_for(found._replace(classes=0)).preset
    assert ("task.conditional=true" in preset_for(found).besides) == (found.classes > 0)


@given(FOUND)
def test_what_is_offered_besides_is_there_and_is_something_else(found):
    chosen = preset_for(found)
    named = [name for name in presets() if name in chosen.besides.replace(",", " ").split()]
    assert chosen.preset not in named
    assert named or found.classes or chosen.preset == "digits"


def test_few_images_are_offered_what_more_of_them_would_get():
    assert preset_for(Found(500, 64, 3, 0)).besides.startswith("faces-64, as for more of them")


def test_fewer_images_than_anybody_has_published_with_are_warned_of():
    assert "expect copies" not in preset_for(Found(FEWEST, 64, 3, 0)).why
    assert "expect copies" in preset_for(Found(FEWEST - 1, 64, 3, 0)).why
