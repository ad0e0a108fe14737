"""One worker on several devices: a thread drives each, and whoever's state lies on another one fetches it there."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from copy import deepcopy
from pathlib import Path
from typing import Any, TypeVar

from numpy.random import Generator

from pbt_gan import codec
from pbt_gan.core.population import Hyperparams
from pbt_gan.errors import ConfigError
from pbt_gan.executors.work import attached
from pbt_gan.interfaces import GroupTrainer, Images, Problem, Streams, Trainer, Training, Tree

T = TypeVar("T")


def attached_to(devices: Sequence[str], problem: Problem, folder: Path) -> Trainer:
    """Return a problem's trainer on one device, or on several.

    Raises:
        ConfigError: several, and it trains one member at a time.
    """
    trainers = [attached(problem, folder, device) for device in devices]
    if len(trainers) == 1:
        return trainers[0]
    groups = [trainer for trainer in trainers if isinstance(trainer, GroupTrainer)]
    if len(groups) < len(trainers):
        raise ConfigError(
            f"One worker is to train on {' and '.join(devices)}, but this task trains one member at a time; "
            "use as many workers as devices (executor.workers)."
        )
    return Spread(groups, devices)


class Spread(GroupTrainer):
    """Several trainers as one: a group is shared out among their devices as evenly as it goes, in its order.

    Where a donor's state lies on another GPU of this worker, it is copied from there to here, past the host.

    Args:
        trainers: one of each device.
        devices: their names.
    """

    def __init__(self, trainers: Sequence[GroupTrainer], devices: Sequence[str]) -> None:
        # What torch takes for the current device belongs to a thread, so each device has its own for good.
        self._places = [
            _Place(trainer, device, ThreadPoolExecutor(1, device, _enter, (device,)))
            for trainer, device in zip(trainers, map(_numbered, devices), strict=True)
        ]

    def init(self, rng: Generator) -> Tree:
        """Make a member on the first device; it goes where it is trained."""
        return self._places[0].does(lambda trainer: trainer.init(rng))

    def train_group(
        self, states: Sequence[Tree], hyperparams: Sequence[Hyperparams], steps: int, streams: Sequence[Streams]
    ) -> Sequence[Training]:
        """Train on all devices at once."""

        def part(place: "_Place", own: slice) -> Sequence[Training]:
            return place.trainer.train_group(place.fetched(states[own]), hyperparams[own], steps, streams[own])

        return self._on_all(len(states), part)

    def score_group(self, states: Sequence[Tree], rng: Generator) -> Sequence[Mapping[str, float]]:
        """Measure on all devices at once, with equal random numbers."""

        def part(place: "_Place", own: slice) -> Sequence[Mapping[str, float]]:
            return place.trainer.score_group(place.fetched(states[own]), deepcopy(rng))

        return self._on_all(len(states), part)

    def preview(self, state: Tree, rng: Generator) -> Images | None:
        """Show a member on the first device."""
        first = self._places[0]
        return first.does(lambda trainer: trainer.preview(first.fetched([state])[0], rng))

    def weights_of(self, state: Tree) -> Tree:
        """Return what any of them would: it computes nothing."""
        return self._places[0].trainer.weights_of(state)

    def _on_all(self, members: int, part: "Callable[[_Place, slice], Sequence[T]]") -> list[T]:
        """Return what comes of each member; an error is raised once nobody is at it any more."""
        count = len(self._places)
        shares = [slice(members * n // count, members * (n + 1) // count) for n in range(count)]
        under_way = [
            place.thread.submit(part, place, own)
            for place, own in zip(self._places, shares, strict=True)
            if own.stop > own.start
        ]
        wait(under_way)
        return [answer for each in under_way for answer in each.result()]


class _Place:
    """A device, and who trains there."""

    def __init__(self, trainer: GroupTrainer, device: str, thread: ThreadPoolExecutor) -> None:
        self.trainer = trainer
        self.thread = thread
        self._device = device

    def does(self, what: Callable[[GroupTrainer], T]) -> T:
        """Do something in its thread, and wait for it."""
        return self.thread.submit(what, self.trainer).result()

    def fetched(self, states: Sequence[Tree]) -> list[Tree]:
        """Return states on this device; what lies here already, or on the host, is returned as it is."""
        return [codec.mapped(state, self._here) for state in states]

    def _here(self, leaf: Any) -> Any:
        if not hasattr(leaf, "is_cuda") or not leaf.is_cuda or str(leaf.device) == self._device:
            return leaf
        return leaf.to(self._device, non_blocking=True)  # torch has both GPUs' streams wait for each other


def _numbered(device: str) -> str:
    """Return a device's name as torch tells it of a tensor."""
    return "cuda:0" if device == "cuda" else device


def _enter(device: str) -> None:
    """Make a device this thread's current one."""
    if device != "cpu":
        import torch

        torch.cuda.set_device(device)
