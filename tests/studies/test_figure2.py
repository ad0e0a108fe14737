import io
import json
import math
from statistics import median

import numpy as np
import pytest
from PIL import Image, ImageSequence
from rich.console import Console

from pbt_gan.errors import ConfigError
from pbt_gan.studies import figure2 as study
from pbt_gan.studies.figure2_film import film
from pbt_gan.studies.toy import ARMS, NAMES, SETTINGS, four_arms, repeat


@pytest.fixture(scope="module", params=sorted(SETTINGS))
def written(request, tmp_path_factory):
    """The figure of one seed, small populations only: the picture, the JSON, what was told, the setting."""
    folder = tmp_path_factory.mktemp("figure")
    out, json_file = folder / "new" / "toy.png", folder / "toy.json"
    told = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pbt_gan.studies.toy.SIZES", (1, 2))
        study.figure2(request.param, out, json_file, Console(file=told, width=500), seeds=[0])
    return out, json.loads(json_file.read_text()), told.getvalue(), SETTINGS[request.param]


@pytest.mark.slow
def test_the_figure_is_a_picture_a_table_and_json(written):
    out, data, told, _ = written
    with Image.open(out) as picture:
        assert picture.width > 1500
        assert len(set(picture.convert("RGB").resize((200, 200)).tobytes())) > 100
    assert [(arm["arm"], arm["seed"]) for arm in data["arms"]] == [(arm, 0) for arm in ARMS]
    for name in (*NAMES.values(), str(out)):
        assert name in told


@pytest.mark.slow
def test_theta_is_the_path_of_the_best_weights_step_by_step(written):
    _, data, _, setting = written
    for arm in data["arms"]:
        path = np.array(arm["theta"])
        assert path.shape[1] == 2
        assert np.isfinite(path).all()
        assert math.dist(path[0], setting.landscape.start) < 0.2
        assert setting.landscape.objective(path[-1]) == pytest.approx(arm["best_q"])


@pytest.fixture(scope="module")
def arms():
    """The four arms on the quadratic, with three of the ten seeds."""
    return four_arms("quadratic", range(3))


@pytest.mark.slow
def test_the_members_of_the_paper_begin_each_arm(arms):
    for repeats in arms.values():
        births = repeats[0].history.births
        assert [dict(birth.hyperparams) for birth in births.values()] == [
            {"h0": 1.0, "h1": 0.0},
            {"h0": 0.0, "h1": 1.0},
        ]


@pytest.mark.slow
def test_each_arm_copies_and_moves_what_it_should(arms):
    changes = {arm: repeats[0].history.changes for arm, repeats in arms.items()}
    assert {exploit.copied for exploit in changes["pbt"]} == {("weights", "hyperparams")}
    assert {exploit.copied for exploit in changes["exploit"]} == {("weights",)}
    assert all(exploit.before == exploit.after for exploit in changes["exploit"])
    assert len(changes["explore"]) == 2 * (200 // 5 - 1)  # everybody moves, and not at the end
    assert all(exploit.donor is None for exploit in changes["explore"])
    assert not changes["grid"]


@pytest.mark.slow
def test_pbt_reaches_the_top_and_grid_search_does_not(arms):
    best = {arm: median(repeat.best_q for repeat in repeats) for arm, repeats in arms.items()}
    assert best["pbt"] >= 1.15
    assert best["grid"] <= 0.40
    assert best["grid"] < min(best["exploit"], best["explore"]) <= max(best["exploit"], best["explore"]) < best["pbt"]


def test_a_film_shows_all_members_go_from_the_start_to_where_they_end():
    frames = film(SETTINGS["quadratic"], {2: [repeat("quadratic", "pbt", 0, size=2, score_interval=5)]})
    assert frames.dtype == np.uint8
    assert frames.shape[3] == 3
    moves = (frames[1:] != frames[:-1]).any(axis=(1, 2, 3))
    assert 30 < moves.sum() <= 40, "the start and forty scores, of which the last hardly move"
    assert not moves[-10:].any(), "the end stands still"


@pytest.mark.slow
def test_the_figure_moves_if_it_is_asked_for_by_its_suffix(tmp_path, monkeypatch):
    monkeypatch.setattr("pbt_gan.studies.toy.SIZES", (1, 3))
    monkeypatch.setattr("pbt_gan.studies.toy.READY_INTERVAL", 100)
    study.figure2("mueller", tmp_path / "m.gif", None, Console(file=io.StringIO()), seeds=[0])
    with Image.open(tmp_path / "m.gif") as picture:
        assert len([*ImageSequence.Iterator(picture)]) == 3


@pytest.mark.parametrize("name", ["toy.jpg", "toy"])
def test_a_picture_of_another_kind_is_refused_before_anything_is_trained(tmp_path, name):
    with pytest.raises(ConfigError, match=r"name a \.png file, or \.gif"):
        study.figure2("quadratic", tmp_path / "new" / name, None, Console())
    assert not list(tmp_path.iterdir())


def test_an_unknown_task_is_refused_with_a_suggestion(tmp_path):
    with pytest.raises(ConfigError, match="Did you mean 'mueller'"):
        study.figure2("muller", tmp_path / "toy.png", None, Console())
    assert not list(tmp_path.iterdir())
