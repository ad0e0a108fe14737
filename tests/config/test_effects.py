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

WGAN_GP = {"loss": "wgan-gp", "discriminator_norm": "none"}

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


READS: dict[str, dict[str, Any]] = {
    "gp_weight": WGAN_GP,
    "dragan_weight": {"penalties": ["dragan"], "discriminator_norm": "none"},
    "r1_weight": {"penalties": ["r1"], "discriminator_norm": "none"},
    "r2_weight": {"penalties": ["r2"], "discriminator_norm": "none"},
    "lecam_weight": {"penalties": ["lecam"]},
    "augment_p": {"augment": "flip"},
    "augment_target": {"augment": "flip", "adaptive": True},
    "augment_kimg": {"augment": "flip", "adaptive": True},
    "instance_noise": {"augment": "noise"},
    "reconstruction_weight": {"net": "fastgan", "loss": "hinge"},
}
"""Settings beside which a scalar is there, where it is not always."""


@pytest.mark.parametrize("name", Scalars.model_fields)
def test_a_value_beside_a_space_that_says_where_it_begins_is_refused(name):
    games = READS.get(name, {})
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


def contradict(preset, task):
    """Whether somebody who wants this has to say more: batch norm is in FastGAN's discriminator, R1 in R3GAN's game."""
    return task is WGAN_GP and preset in ("small-data", "photos-128", "r3gan-small")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preset", "task"),
    [
        (preset, task)
        for preset in presets()
        for task in ({"ema": False}, {"loss": "hinge"}, WGAN_GP)
        if not contradict(preset, task)
    ],
)
def test_what_a_preset_says_is_not_what_a_person_has_given(preset, task):
    config = read_config(preset, [{"task": {**task, "data": "digits"}}])
    problem = build_task(task_reference(config))
    space = build_space(config, problem)
    resolved = resolve(config, problem, space)
    assert not set(problem.idle) & set(resolved.task.options)
    assert resolve(resolved, problem, space) == resolved


def test_what_a_preset_evolves_in_vain_is_left_out_and_what_a_person_does_is_refused():
    said = {"task": {"ema": False}}
    assert "ema_half_life_kimg" in read_config("r3gan-small").space
    assert "ema_half_life_kimg" not in read_config("r3gan-small", [said]).space
    config = read_config("r3gan-small", [{**said, "space": {"ema_half_life_kimg": {"init": 5.0}}}])
    with pytest.raises(ConfigError, match="no average is kept"):
        build_space(config, build_task(task_reference(config)))


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
