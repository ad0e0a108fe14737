"""A folder of pictures becomes a data set."""

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from pbt_gan.gan.data import load_dataset
from pbt_gan.gan.data.pictures.names import ENDINGS
from tests.gan.data.samples import IMAGES, refused


def test_a_folder_of_images_takes_its_sub_folders_for_classes(tmp_path):
    for place, (image, label) in enumerate(zip(IMAGES[:24], "ab" * 12, strict=True)):
        (tmp_path / label).mkdir(exist_ok=True)
        Image.fromarray(image[..., 0]).save(tmp_path / label / f"{place:02}.png")
    data = load_dataset(str(tmp_path))
    assert data.labels is not None
    assert data.labels.tolist() == [0] * 12 + [1] * 12
    np.testing.assert_array_equal(data.images, np.concatenate([IMAGES[:24:2], IMAGES[1:24:2]]))


def test_a_folder_with_one_colour_image_becomes_colour(tmp_path):
    for place, image in enumerate(IMAGES[:12]):
        Image.fromarray(image[..., 0]).convert("RGB" if place == 3 else "L").save(tmp_path / f"{place:02}.png")
    (tmp_path / "notes.txt").write_text("no image")
    data = load_dataset(str(tmp_path))
    np.testing.assert_array_equal(data.images, np.repeat(IMAGES[:12], 3, axis=3))
    assert data.labels is None


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing here")
    assert "holds no images" in refused(tmp_path)


def test_images_of_two_sizes_and_broken_images_are_refused_by_name(tmp_path):
    for place, image in enumerate(IMAGES[:12]):
        Image.fromarray(image[..., 0]).save(tmp_path / f"{place:02}.png")
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "odd.png")
    assert "odd.png has 9 x 9 pixels" in refused(tmp_path)
    (tmp_path / "odd.png").write_bytes((tmp_path / "00.png").read_bytes()[:50])
    assert "odd.png cannot be read" in refused(tmp_path)
    assert "give the folder" in refused(tmp_path / "00.png")


def test_an_image_of_sixteen_bits_is_refused_rather_than_clipped(tmp_path):
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(tmp_path / "deep.png")
    assert "8 bits" in refused(tmp_path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_no_other_program_is_started_for_what_is_named_like_an_image(tmp_path, monkeypatch, ending):
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_: pytest.fail("Ghostscript was started"))
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n"
    for number in range(12):
        (tmp_path / f"{number}{ending}").write_bytes(postscript)
    assert "cannot be read as an image" in refused(tmp_path)
