"""What members cost: a few of them trained for a moment, in this process."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pbt_gan import codec
from pbt_gan.core.rng import stream
from pbt_gan.core.space import Space, middles
from pbt_gan.executors.failing import kind_of
from pbt_gan.executors.threads import OneThread, keep_memory
from pbt_gan.executors.work import attached, device_clock, score, train
from pbt_gan.interfaces import Problem, Tree

_ORDER_STEPS = 50
"""Of an order that tells what memory is needed: in so many all is made that a longer one makes once and keeps."""


class Trial:
    """A task, made ready here on one device.

    Args:
        task: it has prepared `folder`.
        space: of what is evolved; everybody has the middle of it.
        folder: see `Problem.attach`.
        device: where to train.
    """

    def __init__(self, task: Problem, space: Space, folder: Path, device: str) -> None:
        self._values = middles(space)
        self._device = device
        self._clock = device_clock(device)
        self._one_thread = OneThread()
        keep_memory()
        with self._one_thread.held():
            self._trainer = attached(task, folder, device)
            # What its weights are does not matter here: to draw those of every member would take longer than the trial.
            self._newborn = self._trainer.init(stream(0, "trial"))

    def state_bytes(self) -> int:
        """Return how large a member's state is."""
        return len(codec.encode(self._newborn))

    def step_s(self, group: int, steps: int) -> float:
        """Return the device seconds of a step of one member, trained in a group of so many."""
        self._train(self._states(group), 1)  # warms up
        states = self._states(group)
        began_s = self._clock()
        self._train(states, steps)
        return (self._clock() - began_s) / (steps * group)

    def peak_bytes(self, group: int) -> int:
        """Return what tensors hold of a GPU's memory at most, in an order of a group; maxsize: it is not enough."""
        import torch

        torch.cuda.reset_peak_memory_stats(self._device)
        try:
            self._order(group)
        except Exception as error:
            if kind_of(error) != "memory":
                raise
        else:
            return torch.cuda.max_memory_allocated(self._device)
        torch.cuda.empty_cache()  # here, where the frames of the error no longer hold what it had taken
        return sys.maxsize

    def free_bytes(self) -> int:
        """Return how much of a GPU's memory nobody uses just now."""
        import torch

        free, _ = torch.cuda.mem_get_info(self._device)
        return free

    def total_bytes(self) -> int:
        """Return how much memory a GPU has."""
        import torch

        _, total = torch.cuda.mem_get_info(self._device)
        return total

    def release(self) -> None:
        """Give back all that it holds; it is of no use any more."""
        del self._trainer, self._newborn
        if self._device != "cpu":
            import torch

            torch.cuda.empty_cache()

    def _states(self, count: int) -> list[Tree]:
        return [codec.clone(self._newborn) for _ in range(count)]

    def _order(self, group: int) -> None:
        """Do with a group what a worker does in an order."""
        trained = self._train(self._states(group), _ORDER_STEPS)
        with self._one_thread.held():
            score(self._trainer, trained, stream(0, "trial", "score"))

    def _train(self, states: Sequence[Tree], steps: int) -> list[Tree]:
        streams = [partial(stream, 0, "trial", member) for member in range(len(states))]
        with self._one_thread.held():
            trainings = train(self._trainer, states, [self._values] * len(states), steps, streams)
        return [training.state for training in trainings]
