"""Loss and augmentation as hyperparameters: where they may go, and what is refused with the reason."""

from types import MappingProxyType
from typing import Any

import pytest

import pbt_gan
from pbt_gan.config.domains import build_space
from pbt_gan.config.settings import Config
from pbt_gan.core.records import Report
from pbt_gan.core.space import Choice
from pbt_gan.errors import ConfigError
from pbt_gan.gan.games import table
from pbt_gan.gan.games.game import Game, Penalty, Transform
from pbt_gan.gan.task import GanTask
from pbt_gan.validation import validated

MIRROR = Transform(lambda images, drawn, hyper: images.flip(-1))


@pytest.fixture
def mirror(monkeypatch):
    """Add an augmentation to the table."""
    added = {"translation": MIRROR, "mirror": MIRROR}
    monkeypatch.setattr(table, "TRANSFORMS", MappingProxyType({**table.TRANSFORMS, **added}))


def space_of(space, **task):
    return build_space(validated(Config, {"space": space}), GanTask(**task))


@pytest.mark.parametrize("task", [{}, {"loss": "wgan-gp", "discriminator_norm": "none"}])
def test_a_loss_can_become_each_one_that_goes_with_the_other_settings(task):
    own = GanTask(**task).space["loss"]
    assert isinstance(own, Choice)
    assert own.init == task.get("loss", "non-saturating")
    assert {"hinge", "non-saturating", own.init} <= set(own.values)
    for value in own.values:
        others: dict[str, Any] = {**task, "loss": value}
        GanTask(**others)


def test_losses_that_are_named_are_those_that_members_begin_with_and_move_among():
    space = space_of({"loss": {"values": ["hinge", "non-saturating"]}})
    assert space["loss"] == Choice(("hinge", "non-saturating"), chance=0.25)


def test_an_augmentation_that_is_named_need_not_be_one_of_those_that_are_known(mirror):
    space = space_of({"augment": {"values": ["none", "mirror"]}, "loss": {"values": ["hinge", "non-saturating"]}})
    assert set(space) == {"augment", "loss"}


def test_a_number_that_every_value_uses_evolves_beside_a_choice(mirror):
    numbers: dict[str, Any] = {"label_smoothing": {}, "lr_g": {}}
    assert set(space_of({"augment": {"values": ["none", "mirror"]}, **numbers})) == {"augment", *numbers}


@pytest.mark.parametrize(
    ("space", "told"),
    [
        (
            {"loss": {"values": ["hinge", "hinges"]}},
            "space.loss.values: no member can have loss = 'hinges'. task.loss = 'hinges' is not known",
        ),
        (
            {"loss": {"values": ["hinge", "wgan-gp"]}},
            "space.loss.values: no member can have loss = 'wgan-gp'. task: loss = 'wgan-gp': a penalty",
        ),
        (
            {"loss": {"values": ["non-saturating", "hinge"]}, "label_smoothing": [0.0, 0.2]},
            "space.label_smoothing: a member with loss = 'hinge' would not use it: loss = 'hinge' has no label",
        ),
        (
            {"augment": {"values": ["mirror", "none"]}, "augment_p": [0.0, 0.5]},
            "space.augment_p: a member with augment = 'none' would not use it:",
        ),
        ({"augment": {"values": ["none", "nothing"]}}, "no member can have augment = 'nothing'. task.augment"),
        ({"loss": {"values": ["hinge"]}}, "space.loss.values = ['hinge']: give two different values or more."),
        ({"loss": {"bounds": [0, 1]}}, "space.loss.bounds: loss is a choice and has chance, init, values."),
    ],
)
def test_what_no_member_could_move_to_or_would_not_use_is_refused_in_one_line(mirror, space, told):
    task = {"augment": "mirror"} if "augment_p" in space else {}
    with pytest.raises(ConfigError) as error:
        space_of(space, **task)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_a_game_that_would_have_to_remember_something_else_is_refused(monkeypatch):
    remembering = Penalty("memory", lambda update: update.on_real.mean(1), memory={"seen": 0.0})
    games = {**table.GAMES, "remembering": Game(table.LOSSES["hinge"], (remembering,))}
    monkeypatch.setattr(table, "GAMES", MappingProxyType(games))
    with pytest.raises(ConfigError, match=r"loss = 'remembering'\. Its game remembers"):
        space_of({"loss": {"values": ["hinge", "remembering"]}})


@pytest.mark.slow
def test_members_begin_with_different_losses_and_an_explore_may_change_them():
    run = pbt_gan.run(
        "gan",
        task={"width": 2, "z_size": 4, "batch_size": 4},
        metrics={"samples": 100, "held_out_samples": 100},
        space={"loss": {"values": ["hinge", "non-saturating"], "chance": 0.5}, "lr_g": 1e-3},
        population_size=4,
        total_steps=8,
        ready_interval=2,
        exploit={"name": "truncation", "fraction": 0.5},
        executor={"name": "serial", "vectorize": 4},
        seed=1,
        quiet=True,
    )
    reports = [record for record in run.records() if isinstance(record, Report)]
    by_member: dict[int, list[object]] = {}
    for report in reports:
        by_member.setdefault(report.member, []).append(report.hyperparams["loss"])
    assert {losses[0] for losses in by_member.values()} == {"hinge", "non-saturating"}
    assert any(len(set(losses)) == 2 for losses in by_member.values())
