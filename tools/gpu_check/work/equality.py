"""A group on the device becomes what its members become alone there, and what they become on a CPU.

In two steps of float64, and in one of all else, since rounding grows: Adam divides by the size of the gradient, so
what was rounded away moves a weight as far as what was not. Hence losses are held to a tolerance, and of weights it is
said by which share of their way they are apart.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.measurement import Measurement
from benchmarks.parts import random_images
from pbt_gan.core.rng import stream
from pbt_gan.devices import use_device
from pbt_gan.gan.games.table import LOSSES, PENALTIES, TRANSFORMS
from pbt_gan.gan.nets.table import NETS
from pbt_gan.gan.settings import DType, GanSettings
from pbt_gan.gan.training.loop import Loop, make_step
from pbt_gan.interfaces import Training

MEMBERS, SIZE = 3, 16
SMALL: Mapping[str, Any] = {"width": 8, "z_size": 8, "batch_size": 8}

TOLERANCES: Mapping[DType, float] = {"float64": 1e-9, "float32": 1e-3, "tf32": 2e-2, "bfloat16": 1e-1}
"""Of losses, relative to the larger of the loss and 1."""

APART = "group against alone: weights, as a share of their way"


def main(device: str, tiny: bool) -> Iterator[Measurement]:
    """Compare all nets in all dtypes, and all games in float64; tell all that differ too much at the end."""
    wrong = []
    for name, arguments in cases(tiny).items():
        dtypes: Iterable[DType] = TOLERANCES if name.startswith("net ") else ("float64",)
        for dtype in dtypes:
            settings = GanSettings.model_validate({**SMALL, **arguments, "dtype": dtype})
            use_device(device, tf32=dtype == "tf32")  # as in a run
            group, alone = trained(settings, device, together=True), trained(settings, device, together=False)
            losses = furthest(group, alone)
            setting = {"case": name, "dtype": dtype, "device": device, "losses": float(f"{losses:.2g}")}
            yield Measurement(APART, apart(group, alone, settings, device), "", setting=setting)
            if dtype == "float64" and device != "cpu":
                losses = max(losses, furthest(group, trained(settings, "cpu", together=False)))
            if not losses <= TOLERANCES[dtype]:
                wrong.append(f"{name} in {dtype}: {losses:.2g}")
    if wrong:
        raise RuntimeError(f"losses are too far apart: {'; '.join(wrong)}")


def cases(tiny: bool) -> Mapping[str, Mapping[str, Any]]:
    """Return what is compared."""
    free = {"discriminator_norm": "none"}
    nets: dict[str, Mapping[str, Any]] = {f"net {name}": {"net": name} for name in NETS}
    games: dict[str, Mapping[str, Any]] = {
        **{f"loss {name}": {**free, "loss": name} for name in LOSSES if LOSSES[name].bounded},
        **{f"penalty {name}": {**free, "penalties": (name,)} for name in PENALTIES},
        **{f"transform {name}": {**free, "augment": name} for name in TRANSFORMS},
        "spectral norm": {"discriminator_norm": "spectral", "penalties": ("r1",)},
    }
    return {"net dcgan": nets["net dcgan"], "spectral norm": games["spectral norm"]} if tiny else nets | games


def trained(settings: GanSettings, device: str, *, together: bool) -> list[Training]:
    """Train members side by side or one after another."""
    loop = loop_of(settings, device)
    steps = 2 if settings.dtype == "float64" else 1
    states = [loop.init(stream(0, "init", member)) for member in range(MEMBERS)]
    streams = [partial(stream, 0, "train", member) for member in range(MEMBERS)]
    if together:
        return loop.train(states, [{}] * MEMBERS, steps, streams)
    return [loop.train([state], [{}], steps, [own])[0] for state, own in zip(states, streams, strict=True)]


def loop_of(settings: GanSettings, device: str) -> Loop:
    """Return what trains members on a device."""
    images = random_images(settings, SIZE, 3, device)
    return Loop(settings, make_step(settings, SIZE, 3, device), images, device)


def furthest(trainings: list[Training], others: list[Training]) -> float:
    """Return by how much losses differ at most, as a share of the larger of the loss and 1; nan: a loss is."""
    pairs = [
        (value, other.metrics[name])
        for training, other in zip(trainings, others, strict=True)
        for name, value in training.metrics.items()
    ]
    gaps = torch.tensor([abs(one - other) / max(1.0, abs(other)) for one, other in pairs])
    return float(gaps.max())


def apart(trainings: list[Training], others: list[Training], settings: GanSettings, device: str) -> float:
    """Return the distance of weights between two trainings as a share of their way from where they began."""
    loop = loop_of(settings, device)
    began = [weights(loop.init(stream(0, "init", member))) for member in range(MEMBERS)]
    ends, theirs = ([weights(each.state) for each in some] for some in (trainings, others))
    ways = zip(began, ends, theirs, strict=True)
    return max(float((end - their).norm() / (their - begin).norm()) for begin, end, their in ways)


def weights(state: Any) -> Tensor:
    """Return all parameters of a member, flat."""
    return torch.cat([state[side]["params"].double().flatten() for side in ("g", "d")])
