"""The suite for tasks, with every game; and it finds out a loss that asks for a scalar and does nothing with it."""

from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from pbt_gan.core.space import Choice
from pbt_gan.gan.games import table
from pbt_gan.gan.games.game import Game, Loss
from pbt_gan.gan.task import GanTask
from pbt_gan.testing.tasks import GroupTaskConformance

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {
    "width": 4,
    "z_size": 8,
    "batch_size": 16,
    "metrics": {"samples": 100, "held_out_samples": 100},
}


class TestHinge(GroupTaskConformance):
    def make(self):
        return GanTask(loss="hinge", **SMALL)


class Chosen(GanTask):
    """Members begin with any of the losses."""

    @property
    def space(self):
        return {**super().space, "loss": Choice(("hinge", "non-saturating", "least-squares"))}


class TestChoices(GroupTaskConformance):
    evolved = ("loss", "lr_g", "n_critic")
    members = 4

    def make(self):
        return Chosen(**SMALL)


class TestWganGp(GroupTaskConformance):
    def make(self):
        return GanTask(loss="wgan-gp", discriminator_norm="none", **SMALL)


OWN = Path(__file__).parent / "nets" / "own_nets.py"


class TestOwnModules(GroupTaskConformance):
    """Of which one cannot be stacked."""

    def make(self):
        return GanTask(generator=f"{OWN}:Generator", discriminator=f"{OWN}:Discriminator", **SMALL)


def test_a_loss_that_asks_for_a_scalar_and_ignores_it_does_not_pass(monkeypatch, tmp_path):
    def critic(real, fake, hyper):
        hyper["label_smoothing"].square()
        return (1 - real).relu().mean(1) + (1 + fake).relu().mean(1)

    game = Game(Loss(critic, table.LOSSES["hinge"].generator, reads=("label_smoothing",)))
    monkeypatch.setattr(table, "GAMES", MappingProxyType({**table.GAMES, "polite": game}))

    class Polite(TestHinge):
        def make(self):
            return GanTask(loss="polite", **SMALL)

    with pytest.raises(AssertionError, match="'label_smoothing' is without effect"):
        Polite().test_each_hyperparameter_changes_what_comes_out(tmp_path)
