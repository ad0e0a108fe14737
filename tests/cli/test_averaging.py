import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

GROWN = """
task = "pushed.py:Pushed"

[pbt]
population = [[0, 1], [0.5, 3]]
total_steps = 20
ready_interval = 5
explore = "resample"

[executor]
name = "serial"
workers = 1
"""

PUSHED = """
from pbt_gan import Float, Range
from pbt_gan.interfaces import Task, Training
import numpy as np


class Pushed(Task):
    space = {"push": Float(Range(0.9, 1.0), (0.0, 1.0))}

    def init(self, rng):
        return {"theta": np.ones(64)}

    def train(self, state, hyperparams, steps, streams):
        return Training({"theta": hyperparams["push"] * streams(0).normal(size=64)}, dict(hyperparams))

    def score(self, state, rng):
        value = -float((state["theta"] ** 2).mean())
        return {"score": value, "score_error": 0.1, "height": value, "held_out": 3.0}

    def cards(self):
        return {"score": {"short": "Height", "same_as": "height"}, "height": {"short": "Height"}}

    def sample(self, state, count, rng):
        return np.full((count, 1, 1, 1), (state["theta"] ** 2).mean() * 100, np.uint8)
"""


@pytest.fixture
def grown(pbt_gan, tmp_path: Path) -> Path:
    """A run whose members are all of one line and lie all around the best place."""
    Path("grown.toml").write_text(GROWN)
    Path("pushed.py").write_text(PUSHED)
    assert pbt_gan("train", "grown.toml", "--out", "grown").code == 0
    return tmp_path / "grown"


def test_best_and_average_stand_side_by_side_and_the_average_can_be_used(pbt_gan, grown):
    said = pbt_gan("average", grown)
    assert said.code == 0, said.err
    assert re.search(r"best +average\n", said.out)
    assert re.findall(r"^(\w+) +-?[\d.]+\S* +-?[\d.]+\S*$", said.out, re.MULTILINE) == ["Height", "held_out"]
    assert re.search(r"held_out +3\.000 +3\.000\n", said.out)
    assert re.search(r"(2|3) of \d states of one line went in: m0\d-i000\d, ", said.out)
    assert f"Kept in {grown}/average.safetensors; its name is --member average" in said.out
    card = json.loads((grown / "average.json").read_text())
    assert card["scores"]["average"]["score"] > card["scores"]["best"]["score"]
    sampled = pbt_gan("sample", grown, "--member", "average", "--count", 2, "--out", "a.npz")
    assert sampled.code == 0
    assert re.search(r"^2 images of the average of m0\d-i000\d, m0\d-i000\d.*, score -\S+, in a.npz$", sampled.out)
    with np.load("a.npz") as file:
        assert file["images"][0].item() == int(-card["scores"]["average"]["score"] * 100)


def test_an_average_that_is_no_better_is_not_kept_and_that_is_said(pbt_gan, tmp_path):
    Path("ridge.py").write_text(PUSHED.replace("value = -", "value = "))
    Path("ridge.toml").write_text(GROWN.replace("pushed.py", "ridge.py"))
    other = tmp_path / "other"
    assert pbt_gan("train", "ridge.toml", "--out", other).code == 0
    said = pbt_gan("average", other)
    assert said.code == 0
    assert "Not kept: by the score that selects it is no better than the best alone." in said.out
    assert not list(other.glob("average*"))


def test_what_cannot_be_averaged_is_told_in_a_line(pbt_gan, plain, kept, grown):
    assert pbt_gan("train", kept / "toy.toml", "--set", "pbt.exploit=none", "--out", "apart").code == 0
    assert "apart keeps 1 state of its best line" in plain(pbt_gan("average", "apart"))
    assert "no run" in plain(pbt_gan("average", "nowhere"))
    message = plain(pbt_gan("sample", grown, "--member", "average", "--out", "x.png"))
    assert "holds no average. `pbt-gan average" in message
    assert "is no member" in plain(pbt_gan("replay", grown, "--member", "average", "--out", "again"))
    assert not Path("x.png").exists()


def test_a_run_that_has_trained_on_has_no_average_any_more(pbt_gan, plain, grown):
    assert pbt_gan("average", grown).code == 0
    assert pbt_gan("resume", grown, "--steps", 30).code == 0
    message = plain(pbt_gan("sample", grown, "--member", "average", "--out", "x.png"))
    assert "has trained on since its average was made; make it again: pbt-gan average" in message


def test_a_damaged_checkpoint_is_told(pbt_gan, plain, grown, tmp_path):
    broken = Path(shutil.copytree(grown, tmp_path / "broken"))
    for path in (broken / "checkpoints").iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    assert "is damaged" in plain(pbt_gan("average", broken), code=1)
    assert not list(broken.glob("average*"))
