"""The presets: each says why, cites its source, fits its settings, and trains."""

import re

import numpy as np
import pytest

from pbt_gan.config import toml
from pbt_gan.config.domains import build_space
from pbt_gan.config.population import settled
from pbt_gan.config.source import preset_text, presets, read_config
from pbt_gan.core.rng import stream
from pbt_gan.core.space import draw
from pbt_gan.gan.data.source import ImagesInMemory
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.task import GanTask
from pbt_gan.gan.training.loop import Loop, dtype_of, make_step
from pbt_gan.runs.project import Project
from pbt_gan.validation import validated

SIZES = {"digits": 8, "mnist": 28, "fashion-mnist": 28, "small-data": 28, "faces-64": 64, "photos-128": 128}
"""Of the images that they are tried with; others with 32×32."""


@pytest.mark.parametrize("name", sorted(presets()))
def test_every_preset_is_a_gan_that_can_be_built_and_evolves_what_it_names(name):
    config = read_config(name)
    task = GanTask(metrics=config.metrics, **config.task.options)
    space = build_space(config, task)
    assert set(space) == set(config.space) >= {"lr_g", "lr_d"}
    assert settled(config.pbt).total_steps >= 10 * config.pbt.ready_interval


@pytest.mark.parametrize("name", sorted(presets()))
def test_every_preset_says_in_one_line_what_it_is_for_and_then_why_from_whom_and_what_was_measured(name):
    first, reasons = preset_text(name).split("\n\n")[:2]
    assert re.fullmatch(r"# .{40,140}[.]", first)
    assert re.search(r"arXiv:\d{4}\.\d{5}|1998", reasons)
    assert "Measured" in reasons


def images_for(name):
    size, channels = SIZES.get(name, 32), 1 if name in ("digits", "mnist", "fashion-mnist") else 3
    return np.random.default_rng(0).integers(0, 256, (10, size, size, channels), np.uint8)


@pytest.mark.parametrize("name", sorted(presets()))
def test_the_settings_that_a_dry_run_prints_of_a_preset_are_those_of_the_same_run(name, tmp_path):
    np.savez(tmp_path / "images.npz", images=images_for(name))
    project = Project(read_config(name, [{"task": {"data": str(tmp_path / "images.npz")}}]))
    (tmp_path / "printed.toml").write_text(toml.written(project.config.plain()).decode())
    again = Project(read_config(str(tmp_path / "printed.toml")))
    assert again.config.model_copy(update={"name": project.config.name}) == project.config
    assert again.plan.member_steps == project.plan.member_steps


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(presets()))
def test_every_preset_trains_in_narrow_nets(name):
    config, images = read_config(name), images_for(name)
    settings = validated(GanSettings, {**config.task.options, "width": 16, "z_size": 4, "batch_size": 2}, "task")
    step = make_step(settings, images.shape[1], images.shape[3])
    loop = Loop(settings, step, ImagesInMemory(images, "cpu", dtype_of(settings)), "cpu")
    values = draw(build_space(config, GanTask(**config.task.options)), stream(0, "values"))
    (training,) = loop.train([loop.init(stream(0, "init"))], [values], 2, [lambda block: stream(0, "train", block)])
    assert training.hyperparams == values
    assert all(np.isfinite(list(training.metrics.values())))


def test_the_preset_of_the_seed_project_has_every_value_of_that_project():
    config = read_config("seed-dcgan")
    settings = validated(GanSettings, config.task.options)
    assert (settings.width, settings.z_size, settings.kernel) == (128, 128, 5)
    assert (settings.full_size_layer, settings.discriminator_norm, settings.bias_before_norm) == (False, "batch", True)
    assert (settings.init, settings.sampling_norm, settings.ema) == ("uniform", "batch", False)
    assert (settings.loss, settings.discriminator_loss_scale, settings.label_smoothing) == ("non-saturating", 0.5, 0.0)
    assert (settings.batch_size, settings.n_critic, settings.beta1, settings.beta2) == (64, 1, 0.5, 0.999)
    assert {name: domain.init for name, domain in config.space.items()} == {"lr_g": 2e-4, "lr_d": 2e-4}
    assert (config.pbt.population_size, config.pbt.total_steps) == (20, 47_000)
    assert (config.pbt.ready_interval, config.pbt.score_interval, config.pbt.mode) == (2_000, 1_000, "sync")
    assert (config.pbt.exploit.name, config.pbt.exploit.options) == ("truncation", {"fraction": 0.2})
    assert (config.pbt.explore.name, config.pbt.explore.options) == ("perturb", {"factors": [0.5, 2.0]})
    assert config.metrics["samples"] == 1_000


def test_the_preset_of_the_paper_has_its_steps_rates_and_strategy():
    config = read_config("paper-wgan-gp")
    settings = validated(GanSettings, config.task.options)
    assert (settings.loss, settings.n_critic, settings.gp_weight) == ("wgan-gp", 5, 10.0)
    assert settings.discriminator_norm == "none"
    assert {domain.init for domain in config.space.values()} == {(1e-4, 2e-4, 5e-4)}
    assert (config.pbt.population_size, config.pbt.ready_interval) == (45, 5_000)
