"""Where a value acts in torch, and where none does: what its optimisers, schedulers and layers read, and when.

The tables are what the experiments of `tests/modules/test_reads.py` find for every numeric place that there is.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from pbt_gan.modules.parts import Parts
from pbt_gan.modules.paths import GROUPS, Chain, Steps


@dataclass(frozen=True)
class Reads:
    """What a scheduler reads of itself, and of the optimiser's groups."""

    always: Sequence[str] = ()  # at each step, turning points aside
    sometimes: Sequence[str] = ()  # at some steps, or up to some step
    never: Sequence[str] = ()  # only when it is built
    groups: Sequence[str] = ()  # entries of the optimiser's parameter groups, besides the rate itself


_RATES = ("get_lr", "step")  # the methods of a scheduler that make the rates
_COUNTS = ("_last_lr", "_step_count")
_CHAINED = ("base_lrs", *_COUNTS)  # of those that make each rate from the one before

SCHEDULERS: Mapping[str, Reads] = {
    "LambdaLR": Reads(always=("base_lrs",), never=_COUNTS),
    "MultiplicativeLR": Reads(never=_CHAINED),
    "StepLR": Reads(sometimes=("gamma", "step_size"), never=_CHAINED),
    "MultiStepLR": Reads(sometimes=("gamma", "milestones"), never=_CHAINED),
    "ConstantLR": Reads(sometimes=("factor", "total_iters"), never=_CHAINED),
    "LinearLR": Reads(sometimes=("start_factor", "end_factor", "total_iters"), never=_CHAINED),
    "ExponentialLR": Reads(always=("gamma",), never=(*_CHAINED, "last_epoch")),
    "PolynomialLR": Reads(sometimes=("power", "total_iters"), never=_CHAINED),
    "CosineAnnealingLR": Reads(always=("eta_min", "T_max"), sometimes=("base_lrs",), never=_COUNTS),
    "CosineAnnealingWarmRestarts": Reads(
        always=("base_lrs", "eta_min", "T_i"), sometimes=("T_mult",), never=("T_0", "last_epoch", *_COUNTS)
    ),
    "CyclicLR": Reads(
        always=("base_lrs", "max_lrs", "base_momentums", "max_momentums", "total_size", "step_ratio"),
        never=("gamma", *_COUNTS),
    ),
    "OneCycleLR": Reads(
        sometimes=("_schedule_phases", "total_steps"),
        never=_CHAINED,
        groups=("max_lr", "initial_lr", "min_lr", "max_momentum", "base_momentum"),
    ),
    "ReduceLROnPlateau": Reads(
        sometimes=("factor", "patience", "cooldown", "threshold", "min_lrs", "eps"),
        never=("default_min_lr", "last_epoch", "mode_worse", "_last_lr"),
    ),
    "SWALR": Reads(sometimes=("anneal_epochs",), never=("base_lrs", "last_epoch", "_last_lr"), groups=("swa_lr",)),
}

_ADAM = ("lr", "betas", "eps", "weight_decay", "maximize")

OPTIMISERS: Mapping[str, Sequence[str]] = {  # the entries of a parameter group that each of them reads at each step
    "ASGD": ("lr", "lambd", "alpha", "weight_decay", "maximize"),
    "Adadelta": ("lr", "rho", "eps", "weight_decay", "maximize"),
    "Adafactor": ("lr", "beta2_decay", "d", "weight_decay", "maximize"),
    "Adagrad": ("lr", "lr_decay", "eps", "weight_decay", "maximize"),
    "Adam": (*_ADAM, "amsgrad"),
    "AdamW": (*_ADAM, "amsgrad"),
    "Adamax": _ADAM,
    "LBFGS": ("lr", "max_iter", "max_eval"),
    "Muon": ("lr", "weight_decay", "momentum", "nesterov", "ns_coefficients", "ns_steps"),
    "NAdam": (*_ADAM, "momentum_decay"),
    "RAdam": _ADAM,
    "RMSprop": ("lr", "alpha", "eps", "weight_decay", "momentum", "centered", "maximize"),
    "Rprop": ("etas", "step_sizes", "maximize"),
    "SGD": ("lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize"),
    "SparseAdam": ("lr", "betas", "eps", "maximize"),
}

LAYERS: Mapping[str, Sequence[str]] = {  # the attributes that the layer's forward reads, at least while it trains
    **dict.fromkeys(("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"), ("p",)),
    **dict.fromkeys(("BatchNorm1d", "BatchNorm2d", "BatchNorm3d"), ("momentum", "eps")),
    **dict.fromkeys(("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"), ("eps",)),
    **dict.fromkeys(("GroupNorm", "LayerNorm", "RMSNorm"), ("eps",)),
    **dict.fromkeys(("RNN", "LSTM", "GRU", "MultiheadAttention"), ("dropout",)),
    **dict.fromkeys(("ELU", "CELU"), ("alpha",)),
    **dict.fromkeys(("Hardshrink", "Softshrink"), ("lambd",)),
    "LeakyReLU": ("negative_slope",),
    "RReLU": ("lower", "upper"),
    "Hardtanh": ("min_val", "max_val"),
    "Softplus": ("beta", "threshold"),
    "Threshold": ("threshold", "value"),
    "LocalResponseNorm": ("alpha", "beta", "k"),
    "CrossEntropyLoss": ("label_smoothing",),
    "HuberLoss": ("delta",),
    "SmoothL1Loss": ("beta",),
    **dict.fromkeys(("CosineEmbeddingLoss", "MarginRankingLoss", "MultiMarginLoss", "TripletMarginLoss"), ("margin",)),
}


@dataclass(frozen=True)
class Target:
    """Where a path leads to: the optimiser, scheduler or module that has a value, and the steps to it from there."""

    owner: Any
    steps: Steps

    @property
    def read(self) -> bool:
        """Whether torch is known to read it whenever the owner steps, or is called."""
        match self.owner, self.steps:
            case Optimizer(), (name, _, entry, *_) if name == GROUPS:
                return entry in OPTIMISERS.get(_known(self.owner, "step"), ())
            case LRScheduler(), (name, *_):
                rated = "lr" in OPTIMISERS.get(_known(self.owner.optimizer, "step"), ())
                return rated and name in _own(_known(self.owner, *_RATES)).always
            case nn.Module(), (name,):
                return name in LAYERS.get(_known(self.owner, "forward"), ())
        return False


def target(chain: Chain) -> Target | None:
    """Return the place at a chain's end; None: nothing on the way is known to torch.

    Of nested schedulers it is that of the outermost, which decides when the others step; of modules, of the innermost.
    """
    kinds: list[list[tuple[Any, Steps]]] = [
        [each for each in chain if isinstance(each[0], kind)] for kind in (Optimizer, LRScheduler, nn.Module)
    ]
    optimisers, schedulers, modules = kinds
    owners = optimisers[-1:] or schedulers[:1] or modules[-1:]
    return Target(*owners[0]) if owners else None


def mended(name: str, chain: Chain, parts: Parts) -> str | None:
    """Return what is wrong and what to bind instead, where a path leads to a place that torch never reads; else None.

    Args:
        name: the part in which the path begins.
        chain: the objects on its way.
        parts: all parts; a scheduler among them may read what else nobody does.
    """
    match target(chain):
        case Target(Optimizer(), ("defaults", *steps)):
            right = ".".join([name, *steps])
            return f"torch reads defaults only when a parameter group is added. Bind {right!r}, read at each step."
        case Target(Optimizer() as optimiser, (groups, _, "initial_lr")) if groups == GROUPS:
            drivers = _drivers(optimiser, parts)
            if not any("initial_lr" in SCHEDULERS[kind].groups for kind in drivers.values()):
                return f"a scheduler reads initial_lr only when it is built. {_instead(name, drivers)}"
        case Target(Optimizer() as optimiser, (groups, _, "initial_accumulator_value")) if groups == GROUPS:
            return f"{type(optimiser).__name__} reads it only when it is built: no binding can change it."
        case Target(LRScheduler() as scheduler, (attribute, *_)):
            kind = _known(scheduler, *_RATES)
            if attribute in _own(kind).never:
                rated = next((part for part, each in parts.items() if each is scheduler.optimizer), "optimiser")
                return f"{_a(kind)} never reads {attribute} again. {_instead(rated, {name: kind})}"
    return None


def instead(name: str, chain: Chain, parts: Parts) -> str:
    """Return what else to bind where a value did not stay what it was set to; empty: nobody is known to move it."""
    match target(chain):
        case Target(Optimizer() as optimiser) if drivers := _drivers(optimiser, parts):
            return _instead(name, drivers)
    return ""


def _instead(optimiser: str, drivers: Mapping[str, str]) -> str:
    """Say what to bind, given the part of the optimiser and the kinds of the schedulers that move its rates."""
    found = [
        *(_path(part, each) for part, kind in drivers.items() for each in (*_own(kind).always, *_own(kind).sometimes)),
        *(f"{optimiser}.{entry}" for kind in drivers.values() for entry in _own(kind).groups),
    ]
    read = f"what it does read ({', '.join(found)}), or " if found else ""
    if any("base_lrs" in _own(kind).always for kind in drivers.values()):
        return f"Bind {read}{optimiser}.lr without a scheduler."
    return (
        f"Bind {read}{optimiser}.lr without a scheduler; to evolve a rate that is scheduled, take a LambdaLR, "
        "which reads base_lrs at each step."
    )


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "EO" else f"a {kind}"


def _own(kind: str) -> Reads:
    return SCHEDULERS.get(kind, Reads())


def _path(part: str, attribute: str) -> str:
    return f"{part}.{attribute}.0" if attribute.endswith(("lrs", "momentums")) else f"{part}.{attribute}"


def _drivers(optimiser: Optimizer, parts: Parts) -> dict[str, str]:
    """Return the kinds of the schedulers that move an optimiser's rates, by their parts."""
    kinds = {
        name: _known(part, *_RATES)
        for name, part in parts.items()
        if isinstance(part, LRScheduler) and part.optimizer is optimiser
    }
    return {name: kind for name, kind in kinds.items() if kind in SCHEDULERS}


def _known(thing: Any, *methods: str) -> str:
    """Return the name of torch's class that a thing is of; empty: its methods are not torch's own."""
    kind = next(
        each for each in (*type(thing).__mro__, object) if each.__module__.startswith("torch.") or each is object
    )
    same = all(_plain(type(thing), method) is _plain(kind, method) for method in methods)
    return kind.__name__ if same else ""


def _plain(kind: type, method: str) -> Any:
    return inspect.unwrap(getattr(kind, method, object))  # optimisers wrap `step` of each class, when first made
