import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch

from pbt_gan.config.source import read_config
from pbt_gan.core.rng import stream
from pbt_gan.errors import ConfigError, DataError
from pbt_gan.gan.data.classes import Classes
from pbt_gan.gan.data.fit import Fit
from pbt_gan.gan.task import GanTask
from pbt_gan.gan.trainer import PREVIEW_IMAGES
from pbt_gan.runs.project import Project

SMALL: dict[str, Any] = {
    "width": 4,
    "z_size": 8,
    "batch_size": 16,
    "metrics": {"samples": 100, "held_out_samples": 100},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("scorers")


@pytest.fixture(scope="module")
def task(folder):
    task = GanTask(**SMALL)
    task.prepare(folder)
    return task


@pytest.fixture(scope="module")
def trainer(task, folder):
    return task.attach(folder, "cpu")


@pytest.fixture
def state(trainer):
    return trainer.train(trainer.init(stream(0, "init")), {}, 2, lambda block: stream(0, "train", block)).state


@pytest.mark.slow
def test_settings_and_space_need_no_torch():
    code = "import sys; from pbt_gan.gan.task import GanTask; GanTask().space; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_score_has_a_number_for_every_card(task, trainer, state):
    measured = trainer.score(state, stream(0, "eval"))
    assert set(measured) - {"score_error"} == set(task.cards())  # that is part of what "score" is
    assert all("EMA" in card["generator"] for card in task.cards().values())
    assert all(math.isfinite(value) for value in measured.values())
    assert measured == trainer.score(state, stream(0, "eval"))


@pytest.mark.parametrize("place", [("g", "params"), ("d", "params"), ("g", "moments", "mean")])
def test_a_member_with_one_nan_anywhere_scores_nan(task, trainer, state, place):
    part = state
    for name in place:
        part = part[name]
    part[0] = torch.nan
    measured = trainer.score(state, stream(0, "eval"))
    assert math.isnan(measured["score"])
    assert set(measured) - {"score_error"} == set(task.cards())  # that is part of what "score" is


def test_previews_and_samples_are_images(task, trainer, state):
    preview, sample = trainer.preview(state, stream(0, "preview")), trainer.sample(state, 5, stream(0, "sample"))
    assert preview.shape == (PREVIEW_IMAGES, 8, 8, 1)
    assert sample.shape == (5, 8, 8, 1)
    assert preview.dtype == sample.dtype == np.uint8
    assert np.array_equal(preview, trainer.preview(state, stream(0, "preview")))
    assert task.reals(7).shape == (7, 8, 8, 1)
    np.testing.assert_array_equal(task.reals(7), task.reals(7))


def test_the_fingerprint_names_data_and_scorers(task):
    fingerprint = task.fingerprint()
    assert set(fingerprint) == {"data", "scorers/select", "scorers/held-out"}
    assert fingerprint["data"] == task.dataset.fingerprint


def test_images_of_a_size_without_nets_are_refused_before_anything_is_written(tmp_path, monkeypatch):
    np.savez(tmp_path / "small.npz", images=np.zeros((50, 10, 10, 1), np.uint8))
    monkeypatch.setattr("pbt_gan.gan.data.loading.resolved", lambda fit, sides: Fit(11))
    with pytest.raises(DataError, match="11×11"):
        GanTask(data=str(tmp_path / "small.npz")).prepare(tmp_path / "scorers")
    assert not (tmp_path / "scorers").exists()


def test_the_real_images_that_are_shown_are_of_all_classes_and_none_twice(tmp_path):
    images = np.repeat(np.arange(50, dtype=np.uint8), 64).reshape(50, 8, 8)
    np.savez(tmp_path / "sorted.npz", images=images, labels=np.arange(50) // 25)
    shown = GanTask(data=str(tmp_path / "sorted.npz")).reals(64)[:, 0, 0, 0]
    assert sorted(shown) == list(range(50))
    assert len(set(shown[:10] // 25)) == 2


def test_a_run_notes_the_resolution_that_its_pictures_were_given(tmp_path):
    np.savez(tmp_path / "odd.npz", images=np.zeros((50, 33, 40, 1), np.uint8))
    task = GanTask(data=str(tmp_path / "odd.npz"), max_bad=3)
    assert (task.arguments()["resolution"], task.arguments()["max_bad"]) == (32, 3)
    again = GanTask(**task.arguments())
    assert again.dataset.fingerprint == task.dataset.fingerprint
    np.savez(tmp_path / "ten.npz", images=np.zeros((50, 10, 10, 1), np.uint8))  # a net fits, but nobody can ask for it
    task = GanTask(data=str(tmp_path / "ten.npz"))
    assert GanTask(**task.arguments()).dataset.images.shape[1] == 10


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"resolution": 33}, "task.resolution = 33: choose one of 8, 16, 28, 32, 48, 64, 96, 128"),
        ({"fit": "squeeze"}, "task.fit = 'squeeze'"),
        ({"background": "whitish"}, "background = 'whitish' is no colour"),
        ({"max_bad": -1}, "task.max_bad = -1"),
    ],
)
def test_a_wrong_word_on_the_data_is_told_before_any_is_read(arguments, told):
    with pytest.raises(ConfigError) as error:
        GanTask(data="/nowhere", **arguments)
    assert told in str(error.value)


@pytest.mark.slow
def test_a_member_learns_the_digits(folder):
    task = GanTask(lr_g=5e-3, lr_d=5e-3, beta1=0.0)
    task.prepare(folder)
    trainer = task.attach(folder, "cpu")
    state = trainer.init(stream(0, "init"))
    before = trainer.score(state, stream(0, "eval"))
    state = trainer.train(state, {}, 150, lambda block: stream(0, "train", block)).state
    after = trainer.score(state, stream(0, "eval"))
    assert after["score"] > before["score"] + 1.5
    assert after["held_out_fcd"] < before["held_out_fcd"] / 2


@pytest.mark.parametrize("count", [7, 64, 100, 101, 1_000])
def test_real_images_are_shown_shuffled_and_evenly_spread_over_sorted_data(tmp_path, count):
    images = np.zeros((101, 8, 8, 1), np.uint8)
    images[:] = np.arange(101).reshape(-1, 1, 1, 1)
    np.savez(tmp_path / "sorted.npz", images=images)
    task = GanTask(data=str(tmp_path / "sorted.npz"))
    shown = task.reals(count)[:, 0, 0, 0].astype(int)
    assert np.array_equal(shown, task.reals(count)[:, 0, 0, 0])
    assert len(set(shown)) == len(shown) == min(count, 101)
    assert not np.array_equal(shown, np.sort(shown))
    assert np.diff(np.sort(shown)).max() <= 2 * 101 / min(count, 101)


# Classes


def test_labels_that_do_not_count_are_refused_with_the_reason(tmp_path):
    np.savez(tmp_path / "one.npz", images=np.zeros((40, 8, 8, 1), np.uint8), labels=np.ones(40, np.int64))
    with pytest.raises(DataError, match="has no labels that can teach: two classes or more"):
        GanTask(data=str(tmp_path / "one.npz"), conditional=True).arguments()


def test_the_grid_of_reals_shows_a_class_in_each_column():
    task = GanTask(**SMALL, conditional=True)
    data = task.dataset
    assert data.labels is not None
    labels = {image.tobytes(): label for image, label in zip(data.images, data.labels, strict=True)}
    shown = [labels[image.tobytes()] for image in task.reals(64)]
    assert shown == 10 * [*range(10)]
    assert len({image.tobytes() for image in task.reals(64)}) == 100


def test_classes_are_known_from_the_folder_without_the_data(tmp_path, monkeypatch):
    task = GanTask(**SMALL, conditional=True)
    task.prepare(tmp_path)
    again = GanTask(**SMALL, conditional=True)
    expected = Classes.of(task.dataset)
    monkeypatch.setattr(type(again), "dataset", None)
    assert again.classes(tmp_path) == expected
    assert len(GanTask(**SMALL).classes(tmp_path)) == 0


@pytest.mark.parametrize("conditional", [True, False])
def test_a_folder_that_was_prepared_before_gets_names_of_classes_only_if_nets_know_them(tmp_path, conditional):
    task = GanTask(**SMALL, conditional=conditional)
    task.prepare(tmp_path / "scorers")
    (tmp_path / "scorers" / "classes.json").unlink()
    task.prepare(tmp_path / "scorers")
    assert (tmp_path / "scorers" / "classes.json").exists() == conditional


def test_a_conditional_task_measures_a_number_for_every_card(tmp_path):
    task = GanTask(**SMALL, conditional=True)
    task.prepare(tmp_path)
    trainer = task.attach(tmp_path, "cpu")
    measured = trainer.score(trainer.init(stream(0, "init")), stream(0, "eval"))
    assert set(measured) - {"score_error"} == set(task.cards())
    assert 0 <= measured["held_out_class_accuracy"] <= 1


@pytest.mark.parametrize("decided", ["float32", "bfloat16"])
def test_auto_is_decided_by_the_devices_before_a_run_begins_and_stays_so(monkeypatch, decided):
    monkeypatch.setattr("pbt_gan.devices.multiplies_bfloat16", lambda: decided == "bfloat16")
    project = Project(read_config("digits", [{"task": {"dtype": "auto"}}]))
    assert project.config.task.options["dtype"] == project.reference.arguments["dtype"] == decided
    monkeypatch.setattr("pbt_gan.devices.multiplies_bfloat16", lambda: decided != "bfloat16")  # on another machine
    assert Project(project.config).config.task.options["dtype"] == decided


def test_a_task_of_a_program_decides_where_it_is_attached(monkeypatch, task, folder):
    monkeypatch.setattr("pbt_gan.devices.multiplies_bfloat16", lambda: True)
    computed = [
        GanTask(**SMALL, dtype=dtype).attach(folder, "cpu")._loop._settings.dtype for dtype in ("auto", "float32")
    ]
    assert computed == ["bfloat16", "float32"]


@pytest.mark.parametrize("fast", [False, True])
def test_bfloat16_is_warned_of_where_it_is_slow(monkeypatch, caplog, fast):
    monkeypatch.setattr("pbt_gan.devices.multiplies_bfloat16", lambda: fast)
    GanTask.on_devices({"dtype": "bfloat16"}, ["cpu"])
    assert ("six times" in caplog.text) is not fast


def test_auto_asks_for_devices_that_are_there_and_leaves_own_modules_alone(monkeypatch):
    with pytest.raises(ConfigError, match="torch finds"):
        GanTask.on_devices({"dtype": "auto"}, ["cuda:99"])
    monkeypatch.setattr("pbt_gan.devices.multiplies_bfloat16", lambda: True)
    own = {"dtype": "auto", "generator": "nets.py:Generator"}
    assert GanTask.on_devices(own, ["cpu"])["dtype"] == "float32"
    assert GanTask.on_devices({"lr_g": 0.1}, ["cuda:99"]) == {"lr_g": 0.1}
