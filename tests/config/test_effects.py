"""A setting that would be ignored is refused with the reason where a person gives it, and left out where nobody did."""

from typing import Any

import pytest

from pbt_gan.config.domains import build_space
from pbt_gan.config.effects import effective
from pbt_gan.config.objects import build_task, resolve, task_reference
from pbt_gan.config.source import presets, read_config
from pbt_gan.errors import ConfigError
from pbt_gan.gan.settings import Scalars
from pbt_gan.gan.task import GanTask

WGAN_GP: dict[str, Any] = {"loss": "wgan-gp", "discriminator_norm": "none"}

IGNORED = [
    ({"loss": "hinge", "label_smoothing": 0.1}, "label_smoothing", "loss = 'hinge' has no label smoothing"),
    ({**WGAN_GP, "label_smoothing": 0.1}, "label_smoothing", "loss = 'wgan-gp' has no label smoothing"),
    ({"gp_weight": 3.0}, "gp_weight", "loss = 'non-saturating' has no gradient penalty"),
    ({"loss": "hinge", "gp_weight": 0.0}, "gp_weight", "loss = 'hinge' has no gradient penalty"),
    ({"ema": False, "ema_half_life_kimg": 5.0}, "ema_half_life_kimg", "no average is kept"),
]


@pytest.mark.parametrize(("task", "name", "reason"), IGNORED)
def test_what_is_ignored_is_refused_with_the_reason_wherever_it_is_given(task, name, reason, tmp_path):
    told = rf"task\.{name} = .* has no effect: .*{reason}"
    with pytest.raises(ConfigError, match=told):
        GanTask(**task)
    with pytest.raises(ConfigError, match=told):
        read_config("digits", [{"task": task}])
    lines = [f"{key} = {str(value).lower() if isinstance(value, bool) else repr(value)}" for key, value in task.items()]
    (tmp_path / "my.toml").write_text("\n".join(["[task]", 'name = "gan"', *lines]))
    with pytest.raises(ConfigError, match=told):
        read_config(str(tmp_path / "my.toml"))


@pytest.mark.parametrize(("task", "name", "reason"), IGNORED)
def test_neither_can_it_be_evolved_and_that_has_the_same_reason(task, name, reason):
    options = {key: value for key, value in task.items() if key != name}
    config = read_config("gan", [{"task": options, "space": {name: {}}}])
    with pytest.raises(ConfigError, match=rf"space\.{name} has no effect: .*{reason}"):
        build_space(config, build_task(task_reference(config)))


READ_BY: dict[str, dict[str, Any]] = {
    "gp_weight": WGAN_GP,
    **{
        f"{name}_weight": {"penalties": [name], "discriminator_norm": "none"}
        for name in ("dragan", "r1", "r2", "lecam")
    },
    "augment_p": {"augment": "translation"},
    "augment_target": {"augment": "translation", "adaptive": True},
    "augment_kimg": {"augment": "translation", "adaptive": True},
    "instance_noise": {"augment": "noise"},
    "reconstruction_weight": {"net": "fastgan"},
}
"""What reads the scalars that not every game and net reads."""


@pytest.mark.parametrize("name", Scalars.model_fields)
def test_a_value_beside_a_space_that_says_where_it_begins_is_refused(name):
    games = READ_BY.get(name, {})
    value = 3 if name == "n_critic" else 0.25
    with pytest.raises(ConfigError, match=rf"task\.{name} = {value} has no effect: space\.{name} says where it begins"):
        read_config("gan", [{"task": {**games, name: value}, "space": {name: 0.5}}])
    read_config("gan", [{"task": {**games, name: value}, "space": {name: {"scale": "linear"}}}])


@pytest.mark.parametrize(("device", "refused"), [("cpu", True), ("cuda", False), ("cuda:0,cuda:1", False)])
def test_a_precision_that_the_device_does_not_have_is_refused(device, refused):
    change = {"task": {"dtype": "tf32"}, "executor": {"device": device}}
    if refused:
        with pytest.raises(ConfigError, match="a CPU has no TF32"):
            read_config("digits", [change])
    else:
        assert read_config("digits", [change]).task.options["dtype"] == "tf32"


FOR_ANY_GAME = [name for name in presets() if read_config(name).task.options.get("net") not in ("fastgan", "r3gan")]
"""The presets whose nets can play every game, with an average or without."""


@pytest.mark.slow
@pytest.mark.parametrize("preset", FOR_ANY_GAME)
@pytest.mark.parametrize("task", [{"ema": False}, {"loss": "hinge"}, WGAN_GP])
def test_what_a_preset_says_is_not_what_a_person_has_given(preset, task):
    config = read_config(preset, [{"task": {**task, "data": "digits"}}])
    problem = build_task(task_reference(config))
    space = build_space(config, problem)
    resolved = resolve(config, problem, space)
    assert not set(problem.idle) & set(resolved.task.options)
    assert resolve(resolved, problem, space) == resolved


def test_a_run_of_an_earlier_version_lists_all_and_is_taken_for_what_it_was():
    every = {name: field.default for name, field in Scalars.model_fields.items()}
    listed = {**every, "loss": "hinge", "label_smoothing": 0.1, "ema": False, "ema_half_life_kimg": 5.0, "lr_g": 0.1}
    kept = effective("gan", listed, {"lr_g": {"init": [1e-4, 1e-2]}})
    assert GanTask(**kept).settings == GanTask(loss="hinge", ema=False).settings


def test_default_values_do_no_harm():
    GanTask(loss="hinge", label_smoothing=0.0, gp_weight=10.0)


def test_what_has_an_effect_is_kept():
    options = {**WGAN_GP, "gp_weight": 3.0, "ema_half_life_kimg": 5.0}
    assert effective("gan", options, {}) == options
    assert effective("quadratic", {"anything": 1}, {"h0": 0.5}) == {"anything": 1}
