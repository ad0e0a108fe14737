"""A step that does not use a hyperparameter as ordered is noticed, whichever it is and wherever it goes wrong."""

from typing import Any

import pytest
import torch

import pbt_gan
from pbt_gan.core.records import Report
from pbt_gan.errors import TaskError
from pbt_gan.gan.games import table
from pbt_gan.gan.games.game import Game, Loss
from pbt_gan.gan.training import step as step_module
from pbt_gan.gan.training import team as team_module
from pbt_gan.gan.training.optim import adam_, average_
from pbt_gan.gan.training.step import Step

ORDERED: dict[str, Any] = {
    "lr_g": 1e-3,
    "lr_d": 1e-3,
    "beta1": 0.3,
    "beta2": 0.9,
    "n_critic": 2,
    "ema_half_life_kimg": 0.5,
    "label_smoothing": 0.05,
    "gp_weight": 5.0,
}
PENALISED = {"loss": "wgan-gp", "discriminator_norm": "none"}


def run(name, **task):
    return pbt_gan.run(
        "gan",
        task={"width": 2, "z_size": 4, "batch_size": 4, **(PENALISED if name == "gp_weight" else {}), **task},
        metrics={"samples": 100, "held_out_samples": 100},
        space={name: {"init": ORDERED[name]}},
        population_size=2,
        total_steps=2,
        ready_interval=2,
        quiet=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ORDERED)
def test_a_step_as_it_should_be_is_let_pass(name):
    reports = [record for record in run(name).records() if isinstance(record, Report)]
    assert [report.hyperparams for report in reports] == 2 * [{name: ORDERED[name]}]


def fixed(column):
    return torch.full_like(column, 0.01)


def constant_in_adam(which):
    """Let the update of the generators or of both nets go on with a number of its own in one place."""

    def broken(params, moments, gradients, *columns):
        own = [fixed(column) if place == which else column for place, column in enumerate(columns)]
        return adam_(params, moments, gradients, *own)

    return broken


def rate_of(net):
    """Let one net alone be moved by a rate of its own."""

    def broken(self, place, state, hyper, found, used, own=Step._move):
        own(self, place, state, {**hyper, f"lr_{net}": fixed(hyper[f"lr_{net}"])}, found, used)

    return broken


def beta_of_one_net(self, place, state, hyper, found, used, own=Step._move):
    own(self, place, state, {**hyper, "beta1": fixed(hyper["beta1"])} if place == "d" else hyper, found, used)


def no_move(self, place, state, hyper, found, used, own=Step._move):
    if place == "g":
        own(self, place, state, hyper, found, used)


def one_update(self, state, hyper, critic, batch, number, own=Step.__call__):
    return own(self, state, hyper, critic[:1], batch, number)


def average_by_a_constant(average, latest, half_life_kimg, batch_size, most_kimg):
    return average_(average, latest, fixed(half_life_kimg), batch_size, most_kimg)


def no_average(self, g, hyper, found, used, own=Step.update_generator):
    own(self, {name: part for name, part in g.items() if name != "average"}, hyper, found, used)


def half_an_average(self, g, hyper, found, used, own=Step.update_generator):
    own(self, g, hyper, found, used)
    average_(g["average"]["statistics"], found.statistics, fixed(hyper["lr_g"]), self.batch_size)
    used.note("average", {"ema_half_life_kimg": fixed(hyper["lr_g"])})


def deaf(name):
    """Return the game without ears: its loss smooths nothing, and there is no penalty."""
    game = table.GAMES["wgan-gp" if name == "gp_weight" else "non-saturating"]
    return Game(Loss(lambda real, fake, hyper: fake.mean(1) - real.mean(1), game.loss.generator, reads=(name,)))


def deaf_step(name):
    def made(*arguments, own=Step.__init__, **options):
        own(*arguments, **{**options, "game": deaf(name)})

    return made


def hyper_of_its_own(name):
    """Let all that a step is given be made of another number."""

    class Broken(team_module.Team):
        def __init__(self, trainees, device):
            super().__init__(trainees, device)
            self.hyper[name] = fixed(self.hyper[name])

    return Broken


BROKEN: list[tuple[str, str, Any, str, Any]] = [
    ("lr_g", "both nets have a rate of their own", step_module, "adam_", constant_in_adam(0)),
    ("lr_g", "the generator has a rate of its own", Step, "_move", rate_of("g")),
    ("lr_d", "both nets have a rate of their own", step_module, "adam_", constant_in_adam(0)),
    ("lr_d", "the discriminator has a rate of its own", Step, "_move", rate_of("d")),
    ("lr_d", "the discriminator is not moved", Step, "_move", no_move),
    ("beta1", "both nets have a number of their own", step_module, "adam_", constant_in_adam(1)),
    ("beta1", "the discriminator has a number of its own", Step, "_move", beta_of_one_net),
    ("beta1", "the discriminator is not moved", Step, "_move", no_move),
    ("beta2", "both nets have a number of their own", step_module, "adam_", constant_in_adam(2)),
    ("n_critic", "there is one update whatever is ordered", Step, "__call__", one_update),
    ("n_critic", "the discriminator is not moved", Step, "_move", no_move),
    ("ema_half_life_kimg", "it has a number of its own", step_module, "average_", average_by_a_constant),
    ("ema_half_life_kimg", "it is skipped", Step, "update_generator", no_average),
    ("ema_half_life_kimg", "a part of it has a number of its own", Step, "update_generator", half_an_average),
    ("label_smoothing", "the loss does not ask for it", Step, "__init__", deaf_step("label_smoothing")),
    ("gp_weight", "there is no penalty", Step, "__init__", deaf_step("gp_weight")),
    *(
        (name, "the step is given another number", "pbt_gan.gan.training.loop", "Team", hyper_of_its_own(name))
        for name in ORDERED
        if name != "n_critic"
    ),
]


def test_every_scalar_is_ignored_by_one_of_these_on_purpose():
    assert {name for name, *_ in BROKEN} == set(ORDERED)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "how", "place", "attribute", "broken"), BROKEN)
def test_a_step_that_ignores_a_hyperparameter_stops_the_run(monkeypatch, name, how, place, attribute, broken):
    if isinstance(place, str):
        monkeypatch.setattr(f"{place}.{attribute}", broken)
    else:
        monkeypatch.setattr(place, attribute, broken)
    with pytest.raises(TaskError, match=name):
        run(name)
