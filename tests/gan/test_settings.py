import pytest

from pbt_gan.core.space import Float
from pbt_gan.errors import ConfigError
from pbt_gan.gan.task import GanTask


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
    assert space["lr_d"] == Float(3e-4, (1e-6, 1e-1), "log", safer="down")
    assert space["n_critic"].init == 2
    for name, domain in space.items():
        domain.check(name)


def test_a_beta1_of_exactly_0_can_be_set():
    assert GanTask(beta1=0.0).settings.beta1 == 0.0
