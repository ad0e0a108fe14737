"""What torch reads, found out by experiment: set a place between two steps, and see whether the parameters move."""

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler as schedules
from torch.optim.swa_utils import SWALR

from pbt_gan.modules.paths import chains, held
from pbt_gan.modules.reads import LAYERS, OPTIMISERS, SCHEDULERS, Target, mended, target

STEPS = 12
MADE: dict[str, list[Callable[[Any], Any]]] = {  # the schedulers, each in all of its ways
    "LambdaLR": [lambda o: schedules.LambdaLR(o, lambda epoch: 0.9**epoch)],
    "MultiplicativeLR": [lambda o: schedules.MultiplicativeLR(o, lambda epoch: 0.9 if epoch % 2 else 0.8)],
    "StepLR": [lambda o: schedules.StepLR(o, 6, 0.5)],
    "MultiStepLR": [lambda o: schedules.MultiStepLR(o, [3, 6], 0.5)],
    "ConstantLR": [lambda o: schedules.ConstantLR(o, 0.5, 4)],
    "LinearLR": [lambda o: schedules.LinearLR(o, 0.5, 1.0, 4)],
    "ExponentialLR": [lambda o: schedules.ExponentialLR(o, 0.9)],
    "PolynomialLR": [lambda o: schedules.PolynomialLR(o, 8, 2.0)],
    "CosineAnnealingLR": [lambda o: schedules.CosineAnnealingLR(o, 4, 0.01)],
    "CosineAnnealingWarmRestarts": [lambda o: schedules.CosineAnnealingWarmRestarts(o, 4, 1, 0.01)],
    "CyclicLR": [
        lambda o: schedules.CyclicLR(o, 0.01, 0.1, 2, 2),
        lambda o: schedules.CyclicLR(o, 0.01, 0.1, 2, 2, mode="exp_range", gamma=0.9),
    ],
    "OneCycleLR": [
        lambda o: schedules.OneCycleLR(o, 0.1, total_steps=14),
        lambda o: schedules.OneCycleLR(o, 0.1, total_steps=14, three_phase=True),
    ],
    "ReduceLROnPlateau": [
        lambda o: schedules.ReduceLROnPlateau(o, patience=3, cooldown=1, factor=0.5, min_lr=0.08, eps=0.015)
    ],
    "SWALR": [lambda o: SWALR(o, 0.05, anneal_epochs=5)],
}
CHANGES: list[Callable[[Any], Any]] = [
    lambda value: value / 2 if isinstance(value, float) else value // 2,
    lambda value: value * 1.7 + 0.01 if isinstance(value, float) else value + 3,
]


def numbers(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every number."""
    if isinstance(tree, int | float) and not isinstance(tree, bool):
        yield path
    elif isinstance(tree, list | tuple):
        for index, child in enumerate(tree):
            yield from numbers(child, (*path, index))
    elif isinstance(tree, Mapping):
        for key, child in tree.items():
            if key not in ("params", "optimizer"):
                yield from numbers(child, (*path, key))


def put(here: Any, path: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    """Change the value at a path of plain containers; return what stands in the place of the first."""
    if not path:
        return change(here)
    step, *rest = path
    if isinstance(here, tuple):
        return (*here[:step], put(here[step], tuple(rest), change), *here[step + 1 :])
    here[step] = put(here[step], tuple(rest), change)
    return here


def trained(make: Any, path: tuple[Any, ...] = (), when: int = STEPS, change: Any = None) -> list[float]:
    """Return where a parameter is after each step; one place of the scheduler or the groups is changed meanwhile."""
    parameter = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimiser = torch.optim.SGD([parameter], lr=0.2, momentum=0.5, foreach=False)
    scheduler = make(optimiser)
    found = []
    parameter.grad = torch.ones(1, dtype=torch.float64)
    optimiser.step()
    for step in range(STEPS):
        if step == when:
            put(optimiser.param_groups if path[0] == 0 else vars(scheduler), path, change)
        with suppress(ValueError, ZeroDivisionError):  # an impossible value acts too
            measured = [1 - 5e-4 * (step >= 2)] if isinstance(scheduler, schedules.ReduceLROnPlateau) else []
            scheduler.step(*measured)
        optimiser.step()
        found.append(parameter.item())
    return found


def effects(make: Any, path: tuple[Any, ...]) -> list[str]:
    """Return for each step whether a change before it acts at "once", "later" or "never"."""
    usual = trained(make)
    found = []
    for when in range(STEPS):
        others = [trained(make, path, when, change) for change in CHANGES]
        once = any(other[when] != usual[when] for other in others)
        found.append("once" if once else "later" if any(other != usual for other in others) else "never")
    return found


def always(steps: list[str]) -> bool:
    """Whether a place acts at least at two of any four steps that follow each other."""
    return all(steps[begin : begin + 4].count("once") >= 2 for begin in range(len(steps) - 3))


def by_experiment(makes: list[Any]) -> dict[str, set[str]]:
    """Return what a scheduler reads always, sometimes and never, of what it does not move itself, and of the groups."""
    found: dict[str, list[list[str]]] = {}
    moved: set[str] = set()
    for make in makes:
        optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.2, momentum=0.5, foreach=False)
        scheduler = make(optimiser)
        before = {
            path: held(scheduler, [*map(str, path)]) for path in numbers(vars(scheduler)) if path[0] != "milestones"
        }
        for path in numbers(vars(scheduler)):
            found.setdefault(str(path[0]), []).append(effects(make, path))
        for path in numbers([{**optimiser.param_groups[0]}]):
            if path[1] not in ("lr", *optimiser.defaults):
                found.setdefault(f"group {path[1]}", []).append(effects(make, path))
        optimiser.step()
        for _ in range(STEPS):
            scheduler.step(*([1.0] if isinstance(scheduler, schedules.ReduceLROnPlateau) else []))
            moved |= {str(path[0]) for path, value in before.items() if held(scheduler, [*map(str, path)]) != value}
    acting = {name for name, several in found.items() if any(steps != ["never"] * STEPS for steps in several)}
    steady = {name for name in acting - moved if all(always(steps) for steps in found[name])}
    own = {name for name in acting - moved if not name.startswith("group ")}
    return {
        "always": own & steady,
        "sometimes": own - steady,
        "never": {name for name in found.keys() - acting if not name.startswith("group ")},
        "groups": {name.removeprefix("group ") for name in acting if name.startswith("group ")},
    }


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(SCHEDULERS))
def test_the_table_says_what_an_experiment_finds_that_a_scheduler_reads(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = by_experiment(MADE[kind])
    table = SCHEDULERS[kind]
    assert {name: set(getattr(table, name)) for name in found} == found


def test_the_table_has_all_schedulers_of_torch_but_those_that_only_hold_others():
    kinds = {
        name
        for name, each in vars(schedules).items()
        if inspect.isclass(each) and issubclass(each, schedules.LRScheduler)
    }
    assert kinds - {"LRScheduler", "_LRScheduler", "SequentialLR", "ChainedScheduler"} == SCHEDULERS.keys() - {"SWALR"}


LAST = 7  # RAdam is rectified from its sixth step on


def stepped(kind: str, path: tuple[Any, ...] = (), when: int = 0, change: Any = None) -> list[torch.Tensor]:
    """Return where parameters are after each step of an optimiser; one entry of its group is changed meanwhile."""
    torch.manual_seed(0)
    parameter = nn.Parameter(torch.randn(3, 3, dtype=torch.float64))
    options: dict[str, dict[str, Any]] = {
        "SGD": {"lr": 0.1, "momentum": 0.5, "nesterov": True},
        "RMSprop": {"momentum": 0.5, "centered": True},
        "LBFGS": {"max_iter": 4},
        "Adamax": {"betas": (0.9, 0.5)},
        "Adam": {"amsgrad": True, "betas": (0.9, 0.5)},
        "AdamW": {"amsgrad": True, "betas": (0.9, 0.5)},
        "ASGD": {"lr": 0.1, "lambd": 0.1},
    }
    optimiser = getattr(torch.optim, kind)([parameter], **options.get(kind, {}))
    found = []

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = (parameter - goal).square().sum()
        loss.backward()
        if kind == "SparseAdam":
            assert parameter.grad is not None
            parameter.grad = parameter.grad.to_sparse()
        return loss

    for step in range(LAST + 2):
        goal = torch.randn(3, 3, dtype=torch.float64) * (4 if step % 2 else 1)
        if path and step == when:
            put(optimiser.param_groups, path, change)
        with suppress(RuntimeError, ArithmeticError):  # an impossible value
            if kind == "LBFGS":
                optimiser.step(closure)
            else:
                closure()
                optimiser.step()
        found.append(parameter.detach().clone())
    return found


def optimisers() -> list[str]:
    return sorted(name for name, each in vars(torch.optim).items() if inspect.isclass(each) and name != "Optimizer")


@pytest.mark.slow
@pytest.mark.parametrize("kind", optimisers())
def test_the_table_says_what_an_experiment_finds_that_an_optimiser_reads(kind):
    usual = stepped(kind)
    (group,) = getattr(torch.optim, kind)([nn.Parameter(torch.zeros(1, 1))]).param_groups
    changes = [*CHANGES, lambda value: value * 100 if isinstance(value, float) else 2, lambda value: int(value) // 50]
    tried: dict[tuple[Any, ...], list[Any]] = dict.fromkeys(numbers([group]), changes)
    tried |= {(0, name): [invert] for name in ("nesterov", "centered", "amsgrad", "maximize") if name in group}
    acting = {
        path[1]
        for path, several in tried.items()
        if all(
            any(differ(stepped(kind, path, when, change), usual, when) for change in several)
            for when in range(LAST - 2, LAST + 1)
        )
    }
    assert acting == set(OPTIMISERS[kind])


def invert(value):
    return not value


def differ(one: list[torch.Tensor], other: list[torch.Tensor], when: int) -> bool:
    """Whether two trainings are elsewhere in one of the two steps from `when` on."""
    return any(not torch.equal(mine, others) for mine, others in zip(one[when : when + 2], other[when:], strict=False))


FEATURES = torch.randn(6, 4, 8, generator=torch.Generator().manual_seed(0)) * 3
LOGITS, LABELS = FEATURES[:, :, 0], torch.tensor([0, 1, 2, 3, 0, 1])
SIGNS = torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0, -1.0])
CALLED: dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]] = {  # how a layer is made and called, if not () and FEATURES
    **dict.fromkeys(("BatchNorm1d", "InstanceNorm1d"), ((4,), (FEATURES,))),
    **dict.fromkeys(("BatchNorm2d", "InstanceNorm2d"), ((4,), (FEATURES[..., None],))),
    **dict.fromkeys(("BatchNorm3d", "InstanceNorm3d"), ((4,), (FEATURES[..., None, None],))),
    **dict.fromkeys(("LayerNorm", "RMSNorm"), ((8,), (FEATURES,))),
    **dict.fromkeys(("RNN", "LSTM", "GRU"), ((8, 3, 2), (FEATURES,))),
    "Dropout2d": ((), (FEATURES[..., None],)),
    "Dropout3d": ((), (FEATURES[..., None, None],)),
    "GroupNorm": ((2, 4), (FEATURES,)),
    "MultiheadAttention": ((8, 2), (FEATURES, FEATURES, FEATURES)),
    "LocalResponseNorm": ((2,), (FEATURES,)),
    "Threshold": ((0.5, 0.5), (FEATURES,)),
    "CrossEntropyLoss": ((), (LOGITS, LABELS)),
    "MultiMarginLoss": ((), (LOGITS, LABELS)),
    "HuberLoss": ((), (FEATURES, FEATURES.flip(0))),
    "SmoothL1Loss": ((), (FEATURES, FEATURES.flip(0))),
    "CosineEmbeddingLoss": ((), (LOGITS, LOGITS.flip(0), SIGNS)),
    "MarginRankingLoss": ((), (LOGITS[:, 0], LOGITS[:, 1], SIGNS)),
    "TripletMarginLoss": ((), (LOGITS, LOGITS.flip(0), LOGITS.flip(1))),
}


def called(layer: nn.Module, arguments: tuple[Any, ...]) -> list[torch.Tensor]:
    """Return what a layer makes of its input while it trains, and what it keeps."""
    torch.manual_seed(0)
    made = layer(*arguments)
    return [*(made if isinstance(made, tuple) else (made,)), *layer.buffers()]


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in sorted(LAYERS.items()) for name in names])
def test_an_attribute_that_the_table_says_a_layer_reads_changes_what_it_makes(kind, name):
    made, arguments = CALLED.get(kind, ((), (FEATURES,)))
    found = []
    for value in (None, 0.2):
        torch.manual_seed(1)
        layer = getattr(nn, kind)(*made)
        if value is not None:
            setattr(layer, name, value)
        found.append(called(layer, arguments))
    assert any(not torch.equal(one, other) for one, other in zip(*found, strict=True) if isinstance(one, torch.Tensor))


class OwnRates(schedules.LambdaLR):
    def get_lr(self):
        return [0.1 for _ in self.base_lrs]


class Same(schedules.LambdaLR):
    """Adds what says nothing of the rates."""

    def __str__(self):
        return "same"


class OwnSteps(torch.optim.SGD):
    def step(self, closure=None):
        return None


class OwnForward(nn.Dropout):
    def forward(self, x):
        return x


def found(path: str, **parts: Any) -> Target:
    (chain,) = chains("", path, parts)
    there = target(chain)
    assert there is not None
    return there


def test_what_a_class_of_ones_own_reads_is_known_only_if_it_does_so_as_torch_does():
    net = nn.Sequential(OwnForward(), nn.Dropout(), nn.Linear(1, 1))
    sgd, own = (kind(net.parameters(), lr=0.1) for kind in (torch.optim.SGD, OwnSteps))
    one, other = (kind(sgd, lambda epoch: 1.0) for kind in (OwnRates, Same))
    assert [found(f"net.{n}.p", net=net).read for n in (0, 1)] == [False, True]
    assert [found("o.lr", o=optimiser).read for optimiser in (own, sgd)] == [False, True]
    driving = schedules.LambdaLR(own, lambda epoch: 1.0)
    assert [found("s.base_lrs.0", s=scheduler).read for scheduler in (one, other, driving)] == [False, True, False]


def test_what_only_a_schedule_that_is_one_of_the_parts_reads_is_refused_without_it():
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = schedules.OneCycleLR(optimiser, 0.1, total_steps=10)
    for parts, refused in (({"o": optimiser}, True), ({"o": optimiser, "s": scheduler}, False)):
        (chain,) = chains("", "o.initial_lr", parts)
        assert bool(mended("o", chain, parts)) == refused


@pytest.mark.parametrize("kind", sorted(SCHEDULERS))
def test_every_scheduler_that_never_reads_its_base_rates_says_what_it_does_read(kind):
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.2, momentum=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts = {"o": optimiser, "s": MADE[kind][0](optimiser)}
    if "base_lrs" not in SCHEDULERS[kind].never:
        return
    (chain,) = chains("", "s.base_lrs.0", parts)
    said = mended("s", chain, parts)
    assert said
    assert "o.lr without a scheduler" in said
    for name in (*SCHEDULERS[kind].always, *SCHEDULERS[kind].sometimes):
        assert f"s.{name}" in said
    for name in SCHEDULERS[kind].groups:
        assert f"o.{name}" in said


def test_of_schedulers_within_a_scheduler_nothing_is_claimed():
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.2)
    inner = [schedules.ConstantLR(optimiser, 0.5, 2), schedules.ExponentialLR(optimiser, 0.9)]
    parts = {"s": schedules.SequentialLR(optimiser, inner, [4])}
    (chain,) = chains("", "s._schedulers.1.base_lrs.0", parts)  # which is read once, when the second one begins
    assert mended("s", chain, parts) is None
    assert not found("s._schedulers.1.gamma", **parts).read
