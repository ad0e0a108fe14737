"""The public suite over tasks of every kind, and over tasks broken in the ways in which people break them."""

import inspect
import tempfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
import torch
from torch import nn

from pbt_gan import Choice, Float, Integer, ModuleTask, Range, Training, references
from pbt_gan.errors import PbtGanError
from pbt_gan.gan.task import GanTask
from pbt_gan.interfaces import GroupTask, TaskSource
from pbt_gan.testing import GroupTaskConformance, TaskConformance
from pbt_gan.toy.mueller import Mueller
from pbt_gan.toy.quadratic import Quadratic

WHOLE = Path(__file__).parent.parent / "modules" / "whole.py"
TESTS = sorted(name for name, _ in inspect.getmembers(TaskConformance, inspect.isfunction) if name.startswith("test_"))


class TestQuadratic(TaskConformance):
    def make(self):
        return Quadratic()


class TestMueller(TaskConformance):
    def make(self):
        return Mueller()


@pytest.mark.slow
class TestGan(GroupTaskConformance):
    def make(self):
        return GanTask(width=4, z_size=8, batch_size=16, metrics={"samples": 100, "held_out_samples": 100})


class TestPoints(GroupTaskConformance):
    def make(self):
        return Points()


class TestBatches(TaskConformance):
    def make(self):
        return Batches()


class TestWholeModuleTask(TaskConformance):
    def make(self):
        made: TaskSource = references.load(f"{WHOLE}:Whole")()
        return made


def suite_over(kind: Callable[[], TaskSource], suite: type = TaskConformance) -> TaskConformance:
    """Return a suite that holds tasks of a kind to it."""

    class Suite(suite):  # type: ignore[misc]
        def make(self):
            return kind()

    return Suite()


def failures_of(kind: Callable[[], TaskSource], suite: type = TaskConformance) -> dict[str, str]:
    """Return what each failing test of a suite says about tasks of a kind."""
    tests = sorted(name for name, _ in inspect.getmembers(suite, inspect.isfunction) if name.startswith("test_"))
    return {name: said for name in tests if (said := failure_of(suite_over(kind, suite), name))}


def failure_of(suite: TaskConformance, name: str) -> str:
    """Return what one test says; empty: it passes."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            getattr(suite, name)(Path(folder))
        except (AssertionError, PbtGanError, pytest.fail.Exception) as error:
            return str(error)
    return ""


class Sound(ModuleTask):
    """A net, trained as people do; each of the others differs from it by one slip."""

    space = {"lr": Float(Range(1e-3, 1e-1), (1e-6, 1.0), "log")}
    bindings = {"lr": "optimiser.lr"}

    def build(self, rng):
        net = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.2), nn.Linear(4, 1))
        return {"net": net, "optimiser": torch.optim.Adam(net.parameters())}

    def batch(self):
        return torch.randn(8, 4)

    def train(self, parts, steps, rng):
        for _ in range(steps):
            loss = parts["net"](self.batch()).square().mean()
            parts["optimiser"].zero_grad()
            loss.backward()
            parts["optimiser"].step()

    def evaluate(self, parts, rng):
        return {"score": -parts["net"](torch.ones(8, 4)).square().mean().item()}


class OptimiserLeftOut(Sound):
    @property
    def bindings(self):  # type: ignore[override]
        return {"lr": lambda parts, value: self.optimiser.param_groups[0].update(lr=value)}

    def build(self, rng):
        parts = super().build(rng)
        self.optimiser = parts.pop("optimiser")
        return parts

    def train(self, parts, steps, rng):
        super().train({**parts, "optimiser": self.optimiser}, steps, rng)


class CounterOnSelf(Sound):
    seen = 0

    def batch(self):
        self.seen += 1
        return super().batch() / self.seen


class Unused(Sound):
    space = {**Sound.space, "weight_decay": Float(0.1, (0.0, 1.0)), "slope": Float(0.1, (0.0, 1.0))}
    bindings = {**Sound.bindings, "weight_decay": "optimiser.weight_decay", "slope": "activation.negative_slope"}

    def build(self, rng):
        return {**super().build(rng), "activation": nn.LeakyReLU()}


class Unbound(Sound):
    space = {**Sound.space, "dropout": Float(0.1, (0.0, 0.5))}


class Unseeded(Sound):
    def batch(self):
        return torch.from_numpy(np.random.default_rng().normal(size=(8, 4))).float()


class BuiltUnseeded(Sound):
    def build(self, rng):
        parts = super().build(rng)
        with torch.no_grad():
            parts["net"][0].weight.copy_(torch.from_numpy(np.random.default_rng().normal(size=(4, 4))))
        return parts


class Guessed(Sound):
    def evaluate(self, parts, rng):
        return {"score": float(np.random.default_rng().normal())}


class Normalised(Sound):
    def evaluate(self, parts, rng):
        parts["net"].train()  # "so that batch norm sees the data of today"
        parts["net"](torch.randn(8, 4))
        return super().evaluate(parts, rng)


class Batches(Sound):
    """Reads the size of its batches from what it is handed; each of the others with a slip."""

    space = {**Sound.space, "batch_size": Integer(8, (1, 64))}

    def train(self, parts, steps, rng, hyperparams=MappingProxyType({})):
        self.batch_size = hyperparams["batch_size"]
        super().train(parts, steps, rng)

    def batch(self):
        return torch.randn(self.batch_size, 4)


class ReadsNothing(Batches):
    def train(self, parts, steps, rng, hyperparams=MappingProxyType({})):
        self.batch_size = 8
        Sound.train(self, parts, steps, rng)


class Shortening(Sound):
    """Its rate falls to 0 at the end of the run, which the function asks for at each step."""

    bindings = {"lr": "scheduler.base_lrs.0"}

    def build(self, rng):
        parts = super().build(rng)
        return {**parts, "scheduler": torch.optim.lr_scheduler.LambdaLR(parts["optimiser"], self.left)}

    def left(self, step):
        return max(1 - step / self.total_steps, 0.0)

    def train(self, parts, steps, rng):
        for _ in range(steps):
            super().train(parts, 1, rng)
            parts["scheduler"].step()


class Annealing(Shortening):
    bindings = {"lr": "scheduler.eta_min"}

    def build(self, rng):
        parts = Sound.build(self, rng)
        annealing = torch.optim.lr_scheduler.CosineAnnealingLR(parts["optimiser"], self.total_steps)
        return {**parts, "scheduler": annealing}


class AnnealingAnew(Annealing):
    def train(self, parts, steps, rng):
        parts["scheduler"].T_max = self.total_steps
        super().train(parts, steps, rng)


class Scheduled(Sound):
    def build(self, rng):
        parts = super().build(rng)
        return {**parts, "scheduler": torch.optim.lr_scheduler.ExponentialLR(parts["optimiser"], 0.9)}

    def train(self, parts, steps, rng):
        super().train(parts, steps, rng)
        parts["scheduler"].step()


class Shown(nn.Module):
    """Keeps more in its state than a checkpoint can."""

    def __init__(self) -> None:
        super().__init__()
        self.losses = {1.0, 2.0}

    def get_extra_state(self):
        return self.losses

    def set_extra_state(self, state):
        self.losses = state


class Refused(Sound):
    def build(self, rng):
        return {**super().build(rng), "shown": Shown()}


class Forgetful(Sound):
    """Built with an argument that `arguments` does not return."""

    def __init__(self, width=2):
        self.width = width

    def build(self, rng):
        parts = super().build(rng)
        with torch.no_grad():
            parts["net"][0].weight[: self.width] = 0
        return parts


class Diverging(Sound):
    def evaluate(self, parts, rng):
        return {"score": float("nan")}


class Echo(Quadratic):
    """Says something else than it was told."""

    def train(self, state, hyperparams, steps, streams):
        done = super().train(state, hyperparams, steps, streams)
        return Training(done.state, {**self.fixed, **hyperparams})


class Drawn(Quadratic):
    """A task of numbers whose hyperparameter only names things."""

    @property
    def space(self):
        return {**super().space, "name": Choice(("a", "b"))}


class InPlace(Quadratic):
    """Scores in place."""

    def score(self, state, rng):
        state["theta"] += 0.1
        return super().score(state, rng)


class NoTrainer(Quadratic):
    """Fills itself in."""

    def attach(self, folder, device):
        return None


class Grouped(Quadratic):
    """Says that it trains groups."""

    groups = True


class Drifting(Quadratic):
    """Adopts no state as it is."""

    def adopt(self, state):
        return {**state, "theta": state["theta"] + 0.1}


class Bloated(Quadratic):
    """Exports more than it has."""

    def export(self, state):
        return {"state": state, "again": state["theta"] + 1}


class Emptied(Quadratic):
    """Exports by taking out of the state."""

    def export(self, state):
        return {"theta": state.pop("theta")}


class Doubtful(Quadratic):
    """Cannot verify what it was not given."""

    def train(self, state, hyperparams, steps, streams):
        done = super().train(state, hyperparams, steps, streams)
        return Training(done.state, done.hyperparams, unverified=["patience"])


class Ignoring(Sound):
    """Never looks at one hyperparameter."""

    space = {**Sound.space, "noise": Float(0.1, (0.0, 1.0))}

    def build(self, rng):
        parts = super().build(rng)
        parts["net"].noise = 0.1
        return parts


class IgnoresAttribute(Ignoring):
    bindings = {**Sound.bindings, "noise": "net.noise"}


class IgnoresSetter(Ignoring):
    bindings = {**Sound.bindings, "noise": lambda parts, value: setattr(parts["net"], "noise", value)}


class IgnoresPair(Ignoring):
    bindings = {
        **Sound.bindings,
        "noise": (lambda parts, value: setattr(parts["net"], "noise", value), lambda parts: parts["net"].noise),
    }


class IgnoresBuffer(Ignoring):
    bindings = {**Sound.bindings, "noise": "net.noise"}

    def build(self, rng):
        parts = super().build(rng)
        del parts["net"].noise
        parts["net"].register_buffer("noise", torch.tensor(0.1))
        return parts


class IgnoresRate(Sound):
    """Steps by hand."""

    def train(self, parts, steps, rng):
        for _ in range(steps):
            parts["net"](self.batch()).square().mean().backward()
            with torch.no_grad():
                for parameter in parts["net"].parameters():
                    parameter -= 0.01 * parameter.grad
                    parameter.grad = None


class Kept(Sound):
    """Takes the donor's rate along: the optimiser is loaded after the values were set."""

    def train(self, parts, steps, rng):
        if parts["optimiser"].state:
            parts["optimiser"].param_groups[0]["lr"] = 0.01
        super().train(parts, steps, rng)


@pytest.mark.slow
def test_a_sound_task_passes_every_test():
    assert failures_of(Sound) == {}


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Shortening, AnnealingAnew])
def test_a_schedule_of_a_task_s_own_follows_a_run_that_becomes_longer(kind):
    (name,) = [name for name in TESTS if "becomes_longer" in name]
    assert failure_of(suite_over(kind), name) == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "test", "said"),
    [
        (OptimiserLeftOut, "goes_on_equals", "among the parts that `build` returns"),
        (OptimiserLeftOut, "donors_state", "keep no state on the task"),
        (CounterOnSelf, "goes_on_equals", "keep none on the task itself"),
        (CounterOnSelf, "equal_orders", "trained twice"),
        (Unused, "each_hyperparameter", "'slope' is without effect"),
        (Unbound, "equal_generators", "nothing is bound to it"),
        (Unseeded, "equal_orders", "some randomness is not seeded"),
        (BuiltUnseeded, "equal_generators", "differ in net.0.weight: draw it from the `rng`"),
        (Guessed, "score_is_a_few", "draw what scoring draws from the generator"),
        (Normalised, "scoring_changes", "changed net.1.num_batches_tracked of the state"),
        (Scheduled, "equal_orders", "Bind what it does read (scheduler.gamma)"),
        (Refused, "every_bit", "holds a builtins.set at shown._extra_state"),
        (Forgetful, "arguments_build", "return from `arguments` all that the constructor needs"),
        (Diverging, "score_is_a_few", "return a finite `score`"),
        (Echo, "hyperparameters_of_a_report", "of each, and of no other"),
        (Drawn, "each_hyperparameter", "'name' is without effect"),
        (InPlace, "scoring_changes", "changed theta of the state"),
        (NoTrainer, "attached_twice", "attach returned a NoneType; return the trainer"),
        (Grouped, "attached_twice", "`groups` is True, but `attach` returns a Grouped, which is no GroupTrainer"),
        (CounterOnSelf, "attached_twice", "which has all that it changes to itself"),
        (Drifting, "adopted_as_it_is", "trains otherwise, first in theta: let `adopt` add only what a state lacks"),
        (Bloated, "export_can_be_kept", "leave out what only training needs"),
        (Emptied, "export_can_be_kept", "Exporting changed theta of the state"),
        (Doubtful, "hyperparameters_of_a_report", "says that patience could not be verified: name in Training.unver"),
        (IgnoresAttribute, "each_hyperparameter", "'noise' is without effect: after 4 steps a state is the same for"),
        (IgnoresAttribute, "each_hyperparameter", "Nobody was seen to read it."),
        (IgnoresSetter, "each_hyperparameter", "Nobody was seen to read it."),
        (IgnoresPair, "each_hyperparameter", "Nobody was seen to read it."),
        (IgnoresBuffer, "each_hyperparameter", "Nobody was seen to read it."),
        (IgnoresRate, "each_hyperparameter", "Nobody was seen to read it."),
        (Kept, "equal_orders", "is 0.01 after training"),
        (ReadsNothing, "each_hyperparameter", "'batch_size' is without effect: after 4 steps a state is the same for"),
        (ReadsNothing, "each_hyperparameter", "Nobody was seen to read it."),
        (Annealing, "becomes_longer", "differs in net.0.bias"),
        (Annealing, "becomes_longer", "Take the length from `self.total_steps` whenever a step needs it"),
    ],
)
def test_a_broken_task_is_caught_and_told_how_to_mend_it(kind, test, said):
    if kind is Forgetful:
        kind = lambda: Forgetful(width=3)  # noqa: E731
    (name,) = [name for name in TESTS if test in name]
    assert said in failure_of(suite_over(kind), name)


class Points(GroupTask):
    """Points that walk at random, as the rows of one array; each of the others has one slip."""

    space = {"stride": Float(Range(1e-3, 1e-1), (1e-6, 1.0), "log")}

    def init(self, rng):
        return {"point": rng.normal(size=3)}

    def train_group(self, states, hyperparams, steps, streams):
        points = np.stack([state["point"] for state in states])
        rngs = [stream(0) for stream in streams]
        for _ in range(steps):
            points += self.strides(hyperparams) * self.directions(rngs)
        return [
            Training({"point": point}, values, {"reach": abs(point).max()}, images=steps)
            for point, values in zip(points, hyperparams, strict=True)
        ]

    def strides(self, hyperparams):
        return np.array([[values.get("stride", 0.1)] for values in hyperparams])

    def directions(self, rngs):
        return np.stack([rng.normal(size=3) for rng in rngs])

    def score_group(self, states, rng):
        return [{"score": -abs(state["point"] - deepcopy(rng).normal(size=3)).sum()} for state in states]


class MixedMembers(Points):
    def directions(self, rngs):
        directions = super().directions(rngs)
        return directions - directions.mean(0) / 2


class ValuesOfTheFirst(Points):
    def strides(self, hyperparams):
        return hyperparams[0].get("stride", 0.1)


class StreamOfTheFirst(Points):
    def directions(self, rngs):
        return np.stack([deepcopy(rngs[0]).normal(size=3) for rng in rngs]) + 0 * rngs[0].normal()


class NumbersInTurn(Points):
    def score_group(self, states, rng):
        return [{"score": -abs(state["point"] - rng.normal(size=3)).sum()} for state in states]


@pytest.mark.parametrize(
    ("kind", "test", "says"),
    [
        (MixedMembers, "test_a_member_becomes_the_same_whatever_its_group", "let no operation mix members"),
        (ValuesOfTheFirst, "test_a_member_becomes_the_same_whatever_its_group", "point"),
        (StreamOfTheFirst, "test_a_member_becomes_the_same_whatever_its_group", "point"),
        (NumbersInTurn, "test_a_member_is_scored_the_same_whatever_its_group", "equal random numbers"),
    ],
)
def test_a_slip_that_only_groups_show_is_found(kind, test, says):
    found = failures_of(kind, GroupTaskConformance)
    assert list(found) == [test]
    assert says in found[test]
