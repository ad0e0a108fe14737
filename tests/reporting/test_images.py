import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pbt_gan.reporting.images import SampleGrids, grid, reals_path, sample_path, sheet, tiles


@given(st.integers(1, 12), st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3]))
def test_a_grid_can_be_cut_up_into_the_images_it_was_made_of(tmp_path_factory, count, height, width, channels):
    images = np.random.default_rng(0).integers(0, 256, (count, height, width, channels)).astype(np.uint8)
    path = tmp_path_factory.mktemp("grid") / "grid.png"
    path.write_bytes(grid(images))
    cut = tiles(path, count)
    assert len(cut) == count
    for tile, image in zip(cut, images, strict=True):
        scale = tile.shape[0] // height
        np.testing.assert_array_equal(tile[::scale, ::scale], image[..., 0] if channels == 1 else image)


@pytest.mark.parametrize(("side", "enlarged"), [(8, 40), (28, 56), (32, 64), (64, 64)])
def test_small_images_are_enlarged_until_they_can_be_seen(side, enlarged):
    with Image.open(io.BytesIO(grid(np.zeros((4, side, side, 1), np.uint8)))) as image:
        assert image.size == (2 * enlarged + 6, 2 * enlarged + 6)


def test_samples_of_cancelled_reports_are_removed_on_resume(synthetic, tmp_path):
    records = synthetic.records(2, 3)
    listener = SampleGrids()
    listener.start(synthetic.context(tmp_path))
    for record, preview in synthetic.previewed(records):
        listener.record(record, preview)
    listener.close("interrupted")
    kept = [record for record in records if getattr(record, "interval", 0) <= 1]
    SampleGrids().start(synthetic.context(tmp_path, kept))
    assert sorted(path.name for path in (tmp_path / "samples").iterdir()) == [
        "m00-i0001.png",
        "m01-i0001.png",
        "reals.png",
    ]
    assert reals_path(tmp_path).exists()
    assert sample_path(tmp_path, 1, 1).exists()


@pytest.mark.parametrize("link", [False, True])
def test_pictures_of_ones_own_stay_among_the_samples(synthetic, tmp_path, link):
    folder = tmp_path / "disk" if link else tmp_path / "samples"
    folder.mkdir()
    if link:
        (tmp_path / "samples").symlink_to(folder)
    mine = ["my-images.png", "m-i.png", "m00-i0001.png.bak", "mia-in-2026.png"]
    for name in [*mine, "m00-i0009.png"]:
        (folder / name).write_bytes(b"mine")
    SampleGrids().start(synthetic.context(tmp_path, synthetic.records(1, 2)))
    left = {path.name for path in folder.iterdir()}
    assert left == {*mine, "reals.png"} | ({"m00-i0009.png"} if link else set())


def test_a_task_without_pictures_leaves_no_samples(synthetic, tmp_path):
    listener = SampleGrids()
    listener.start(synthetic.context(tmp_path, reals=None))
    for record in synthetic.records(2, 2):
        listener.record(record, None)
    assert not (tmp_path / "samples").exists()


def test_a_sheet_has_its_rows_one_below_the_other_behind_their_labels():
    rows = {"0": np.full((2, 8, 8, 1), 10, np.uint8), "cats": np.zeros((0, 8, 8, 1), np.uint8)}
    with Image.open(io.BytesIO(sheet(rows))) as picture:
        pixels = np.asarray(picture)
    assert pixels.shape[0] == 2 * 42 + 2
    assert (pixels[2:42, -42:-2] == 10).all()
    assert (pixels[44:84, -42:-2] == 255).all()


def test_a_long_label_is_cut_off_before_it_takes_the_sheet():
    images = np.zeros((1, 8, 8, 1), np.uint8)
    with Image.open(io.BytesIO(sheet({"x" * 1_000: images}))) as picture:
        assert picture.size[0] < 400
