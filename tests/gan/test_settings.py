import pytest

from pbt_gan.config.population import settled
from pbt_gan.config.source import presets, read_config
from pbt_gan.core.space import Float
from pbt_gan.errors import ConfigError
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.task import GanTask
from pbt_gan.validation import validated


def test_a_gradient_penalty_beside_batch_norm_in_the_discriminator_is_refused_with_the_reason_and_the_way_out():
    with pytest.raises(ConfigError, match=r"(?s)mixes the\s+samples.*discriminator_norm = 'none'"):
        GanTask(loss="wgan-gp")
    GanTask(loss="wgan-gp", discriminator_norm="none")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"lr": 1e-3}, "task.lr is not a setting. Did you mean 'lr_"),
        ({"lr_g": -1.0}, "task.lr_g = -1.0"),
        ({"beta2": 1.0}, "task.beta2 = 1.0"),
        ({"loss": "hinged"}, "task.loss = 'hinged'"),
        ({"metrics": {"sample": 10}}, "metrics.sample is not a setting. Did you mean 'samples'"),
        ({"metrics": {"samples": 1}}, "metrics.samples = 1"),
    ],
)
def test_a_wrong_setting_is_told_by_its_name_in_the_config(arguments, told):
    with pytest.raises(ConfigError) as error:
        GanTask(**arguments)
    assert told in str(error.value)


def test_the_rates_are_evolved_by_default_and_every_scalar_can_be():
    task = GanTask(loss="wgan-gp", discriminator_norm="none")
    assert task.evolved == ("lr_g", "lr_d")
    assert set(task.space) | set(GanTask().space) == {*GanTask(loss="hinge").space, "label_smoothing", "gp_weight"}


@pytest.mark.parametrize(
    ("arguments", "name"),
    [({}, "gp_weight"), ({"loss": "hinge"}, "label_smoothing"), ({"ema": False}, "ema_half_life_kimg")],
)
def test_a_scalar_without_effect_cannot_be_evolved(arguments, name):
    assert name not in GanTask(**arguments).space


def test_each_domain_begins_at_the_value_that_is_set_and_is_sound():
    space = GanTask(lr_d=3e-4, n_critic=2).space
    assert space["lr_d"] == Float(3e-4, (1e-6, 1e-1), "log")
    assert space["n_critic"].init == 2
    for name, domain in space.items():
        domain.check(name)


def test_a_beta1_of_exactly_0_can_be_set():
    assert GanTask(beta1=0.0).settings.beta1 == 0.0


@pytest.mark.parametrize("name", sorted(presets()))
def test_every_preset_is_a_gan_that_can_be_built(name):
    config = read_config(name)
    task = GanTask(metrics=config.metrics, **config.task.options)
    assert set(config.space) <= set(task.space)
    assert settled(config.pbt).total_steps >= 10 * config.pbt.ready_interval


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
