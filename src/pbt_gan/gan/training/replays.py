"""A team's steps on a GPU: as single kernels at first, and one launch each as soon as the device waits for the host."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from pbt_gan.gan.training.batches import Batches
from pbt_gan.gan.training.draws import Draws
from pbt_gan.gan.training.graphs import Recorder, Run
from pbt_gan.gan.training.step import Step
from pbt_gan.gan.training.team import Team
from pbt_gan.gan.training.used import Used

TRIED = 3
"""Steps of a kind that are taken as single kernels: what is made or chosen once is so in the first ones, and the last
one's time tells who waits for whom."""


@dataclass
class _Kind:
    """Steps that launch the same kernels."""

    tried: int = 0
    waits: bool = True  # whether the device waits for the host
    replay: Run | None = None
    names: Sequence[str] = ()  # of the losses
    used: Used | None = None


class Replays:
    """Takes steps of one team.

    Whether a step is replayed or not, the same kernels do the same with the same tensors. So that changes no bit, and
    may depend on a timing. What differs from step to step is read from tensors that stay where they are: the numbers
    of the block, and which of its steps this is.

    Args:
        step: what they compute.
        team: whose they are.
        batches: makes of numbers what a step takes.
        recorder: records them.
    """

    def __init__(self, step: Step, team: Team, batches: Batches, recorder: Recorder) -> None:
        self._step = step
        self._team = team
        self._batches = batches
        self._recorder = recorder
        self._row = torch.zeros(1, dtype=torch.int64, device=team.state["g"]["params"].device)
        self._draws: Draws | None = None
        self._losses: dict[str, Tensor] = {}  # [S, P]
        self._kinds: defaultdict[bool, _Kind] = defaultdict(_Kind)  # by whether penalties are left out

    def take(self, draws: Draws, start: int, steps: int) -> None:
        """Take the steps of a block and note them.

        Args:
            draws: their numbers; no other block has more steps than the first one.
            start: counts from the beginning of the order.
            steps: how many.
        """
        if self._draws is None:
            self._draws = draws
        else:
            for own, new in zip(_tensors(self._draws), _tensors(draws), strict=True):
                own[:steps].copy_(new)
        self._row.zero_()
        taken = [self._taken(number, steps) for number in range(start, start + steps)]
        losses = [{name: self._losses[name][row] for name in kind.names} for row, kind in enumerate(taken)]
        assert taken[-1].used is not None
        self._team.note(losses, taken[-1].used)

    def _taken(self, number: int, steps: int) -> _Kind:
        """Take one step; return of which kind it is."""
        kind = self._kinds[self._step.is_lazy(number)]
        run = partial(self._run, kind, number, steps)
        if kind.tried < TRIED:
            kind.waits = self._recorder.waits(run)
            kind.tried += 1
            return kind
        if kind.waits and kind.replay is None:
            kind.replay = self._recorder.record(run)
            kind.waits = kind.replay is not None
        (kind.replay or run)()
        return kind

    def _run(self, kind: _Kind, number: int, steps: int) -> None:
        """Take the step that the row names; all that `number` tells is whether penalties are left out."""
        assert self._draws is not None
        critic, generator = self._batches.of(self._draws, lambda numbers: numbers.index_select(0, self._row)[0])
        losses, kind.used = self._step(self._team.state, self._team.hyper, critic, generator, number)
        kind.names = list(losses)
        for name, values in losses.items():
            if name not in self._losses:
                self._losses[name] = values.new_empty(steps, *values.shape)
            self._losses[name].index_copy_(0, self._row, values[None])
        self._row.add_(1)


def _tensors(draws: Draws) -> list[Tensor]:
    return [each for numbers in (*draws.critic, draws.generator) for each in numbers.values()]
