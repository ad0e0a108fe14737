import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.errors import ConfigError
from pbt_gan.gan.games.game import Game, Loss
from pbt_gan.gan.games.sense import objection
from pbt_gan.gan.games.table import GAMES, LOSSES, PENALTIES, TRANSFORMS, compose
from pbt_gan.gan.task import GanTask


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"penalties": ["r1"]}, r"(?s)penalties = \['r1'\].*mixes the samples of a batch.*discriminator_norm = 'none'"),
        ({"loss": "wgan-gp"}, r"(?s)loss = 'wgan-gp': a penalty takes the gradient at each sample.*batch norm"),
        ({"penalties": ["r1", "dragan"], "discriminator_norm": "none"}, r"(?s)slopes to 1.*to 0.*leave out one"),
        ({"loss": "wgan-gp", "penalties": ["r2"], "discriminator_norm": "none"}, r"(?s)slopes to 1.*to 0"),
        ({"loss": "wasserstein", "discriminator_norm": "none"}, r"(?s)no least value.*add a penalty.*'spectral'"),
        ({"loss": "wasserstein"}, r"(?s)no least value"),
        ({"penalties": ["r1"], "net": "fastgan"}, r"(?s)mixes the samples of a batch; leave it out, or choose another"),
        ({"loss": "wasserstein", "net": "fastgan"}, r"(?s)add a penalty, such as 'lecam'\.$"),
        ({"adaptive": True}, r"(?s)no transform to make more or less frequent; name some in augment"),
        ({"adaptive": True, "augment": "noise"}, r"(?s)augment = 'noise'.*no transform to make more or less frequent"),
        ({"adaptive": True, "augment": "flip", "loss": "pairing"}, r"(?s)signs of logits.*set augment_p"),
        ({"penalties": ["r1", "lecam", "r1"], "discriminator_norm": "none"}, r"(?s)has a penalty twice; leave one"),
        ({"loss": "wgan-gp", "penalties": ["gradient"], "discriminator_norm": "none"}, r"(?s)has a penalty twice"),
        ({"augment": "flip,colour, flip"}, r"(?s)augment = 'flip,colour, flip' has a transform twice"),
        ({"augment": "flip,color"}, r"(?s)augment = 'color' is not known.*Did you mean 'colour'"),
        ({"augment": "flip,"}, r"(?s)augment = '' is not known"),
        ({"penalties": "r1"}, r"(?s)penalties = 'r1': write a list, such as \['r1'\]"),
        ({"penalties": ["R1"]}, r"(?s)penalties = 'R1' is not known"),
        ({"penalty_interval": 4}, r"(?s)penalty_interval = 4 has no effect: there is no penalty that may act"),
        ({"label_smoothing": 0.1, "loss": "hinge"}, r"(?s)label_smoothing = 0.1 has no effect"),
        ({"r1_weight": 0.1}, r"(?s)r1_weight = 0.1 has no effect: penalties has no 'r1'"),
        ({"instance_noise": 0.1, "augment": "flip"}, r"(?s)instance_noise = 0.1 has no effect"),
        ({"augment_p": 0.5, "augment": "noise"}, r"(?s)augment_p = 0.5 has no effect"),
        ({"augment_p": 0.5, "augment": "flip", "adaptive": True}, r"(?s)augment_p = 0.5 has no effect"),
        ({"augment_target": 0.5, "augment": "flip"}, r"(?s)augment_target = 0.5 has no effect: adaptive is false"),
        ({"augment_kimg": 50.0}, r"(?s)augment_kimg = 50.0 has no effect: adaptive is false"),
        ({"ema": False, "ema_rampup": 0.1}, r"(?s)ema_rampup = 0.1 has no effect: with ema = false"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason_and_the_way_out(arguments, told):
    with pytest.raises(ConfigError, match=told):
        GanTask(**arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"penalties": ["lecam"]},
        {"penalties": ["r1", "r2", "lecam"], "penalty_interval": 16, "discriminator_norm": "none"},
        {"penalties": ["gradient", "dragan"], "discriminator_norm": "spectral"},
        {"loss": "wasserstein", "discriminator_norm": "spectral"},
        {"loss": "wasserstein", "penalties": ["lecam"]},
        {"loss": "pairing", "augment": "colour,translation,cutout", "flips": True},
        {"loss": "hinge", "augment": "translation,noise", "adaptive": True, "augment_kimg": 100.0},
    ],
)
def test_what_is_only_unusual_is_not(arguments):
    GanTask(**arguments)


NORMS = ("batch", "none", "spectral")

games = st.builds(
    compose,
    st.sampled_from([name for name in GAMES if name != "wgan-gp"]),
    st.lists(st.sampled_from(sorted(PENALTIES)), unique=True),
    st.lists(st.sampled_from(sorted(TRANSFORMS)), unique=True, min_size=1).map(",".join),
    adaptive=st.booleans(),
)


@given(game=games)
def test_a_discriminator_with_batch_norm_has_no_more_to_play_than_one_without(game):
    if objection(game, "batch", NORMS) is None:
        assert objection(game, "none", NORMS) is None
    if objection(game, "none", NORMS) is None:
        assert objection(game, "spectral", NORMS) is None


@given(game=games, norm=st.sampled_from(["batch", "none", "spectral"]))
def test_what_is_said_against_a_game_names_what_to_do(game, norm):
    reason = objection(game, norm, NORMS)
    assert reason is None or any(word in reason for word in ("set ", "add ", "leave out", "name "))


def test_of_ones_own_net_nobody_knows_whether_it_is_held_back():
    assert objection(Game(LOSSES["wasserstein"]), "none", NORMS) is not None
    assert objection(Game(LOSSES["wasserstein"]), "none", NORMS, own_net=True) is None


def test_transforms_are_added_to_those_of_a_game_of_ones_own(tmp_path):
    file = tmp_path / "my_game.py"
    file.write_text("from pbt_gan.gan.games.table import compose\nGAME = compose('hinge', ['lecam'], 'flip')\n")
    game = compose(f"{file}:GAME", ["r1"], "cutout")
    assert list(game.augmentation.transforms) == ["flip", "cutout"]
    assert [penalty.name for penalty in game.penalties] == ["lecam", "r1"]
    with pytest.raises(ConfigError, match="has a transform twice"):
        compose(f"{file}:GAME", [], "flip")


def test_every_loss_says_what_it_is():
    assert {name for name, loss in LOSSES.items() if not loss.centred} == {"wasserstein", "pairing"}
    assert {name for name, loss in LOSSES.items() if not loss.bounded} == {"wasserstein"}
    assert all(isinstance(loss, Loss) for loss in LOSSES.values())


def test_what_a_game_remembers_goes_with_the_discriminator():
    assert GanTask(penalties=["lecam"]).components == {"generator": ("g",), "discriminator": ("d", "game")}
    assert GanTask(augment="flip").components == {"generator": ("g",), "discriminator": ("d",)}


def test_the_example_of_the_page_on_losses_is_a_task():
    page = (Path(__file__).parents[3] / "docs" / "losses.md").read_text("utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    config = tomllib.loads(example)
    assert config["task"].pop("name") == "gan"
    assert config["space"].keys() <= GanTask(**config["task"]).space.keys()
