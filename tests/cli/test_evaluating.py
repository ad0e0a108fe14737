import json

import numpy as np
import pytest
from PIL import Image

from pbt_gan.gan.data import load_dataset
from pbt_gan.gan.scores.networks import imagenet


@pytest.fixture(autouse=True)
def without_imagenet(monkeypatch):
    monkeypatch.setattr(imagenet, "find_weights", lambda: None)


@pytest.mark.slow
def test_images_are_measured_as_a_table_with_a_picture_of_their_neighbours(pbt_gan, tmp_path):
    np.savez("mine.npz", images=load_dataset("digits").images[:100])
    said = pbt_gan("evaluate", "mine.npz", "--against", "digits", "--neighbours", "near/est.png")
    assert said.code == 0
    assert "100 images of mine, beside 1,797 images of digits" in said.out
    rows = {line.split()[0] for line in said.out.splitlines() if line.strip()}
    assert {"CS", "FCD", "KCD", "PRECISION", "RECALL", "DENSITY", "COVERAGE", "COPIED"} <= rows
    assert "none of these is IS, FID or KID" in said.out
    assert "of 100 images recall reads high and coverage low" in said.out
    with Image.open("near/est.png") as picture:
        assert picture.size[0] == picture.size[1]


@pytest.mark.slow
def test_a_run_is_measured_as_json(pbt_gan, kept):
    said = pbt_gan("evaluate", kept / "gan", "--samples", 100, "--json")
    assert said.code == 0
    told = json.loads(said.out)
    scores = told["networks"]["own"]["scores"]
    assert scores["fcd"]["interval_95"][0] <= scores["fcd"]["value"] <= scores["fcd"]["interval_95"][1]
    assert told["networks"]["own"]["card"]["accuracy"] > 0.9


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["digits"], "--against: name the real images"),
        (["nothing", "--against", "digits"], "nothing does not exist"),
        (["digits", "--against", "digits", "--neighbours", "x.jpg"], "name a .png file"),
        (["digits", "--against", "nothing"], "nothing does not exist"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_a_line(pbt_gan, arguments, said):
    answer = pbt_gan("evaluate", *arguments)
    assert answer.code == 2
    assert said in answer.err


def test_a_run_that_makes_no_images_is_refused(pbt_gan, kept):
    answer = pbt_gan("evaluate", kept / "toy", "--against", "digits")
    assert answer.code == 2
    assert "makes no images" in answer.err
