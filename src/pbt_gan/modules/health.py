"""Ends the training of a module task whose weights are no numbers any more, from within a step of its optimisers."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from pbt_gan.interfaces import Health


@dataclass
class Vigil:
    """What has become of one training."""

    diverged: str = ""


class _Diverged(Exception):  # noqa: N818 - it leaves a person's `train`, and is no mistake of theirs
    """Leaves the training of a member that has diverged."""


@contextmanager
def guarded(parts: Mapping[str, Any], health: Health) -> Iterator[Vigil]:
    """Look at what each optimiser moves, after every so many of its steps; leave the block where that is not finite.

    On a GPU a look is read when the next one is taken, so that nobody waits for it.
    """
    vigil = Vigil()
    with ExitStack() as hooks:
        for name, part in parts.items():
            if isinstance(part, Optimizer):
                hook = part.register_step_post_hook(_Watcher(name, health.every_steps))
                hooks.callback(hook.remove)
        try:
            yield vigil
        except _Diverged as told:
            vigil.diverged = str(told)


class _Watcher:
    """Counts the steps of one optimiser."""

    def __init__(self, name: str, every_steps: int) -> None:
        self._name = name
        self._every_steps = every_steps
        self._steps = 0
        self._look: tuple[int, Tensor] | None = None  # on its way

    def __call__(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        self._steps += 1
        if self._steps % self._every_steps:
            return
        before, self._look = self._look, (self._steps, _finite(optimizer))
        steps, fine = self._look if before is None or not self._look[1].is_cuda else before
        if (before is not None or not fine.is_cuda) and not fine:
            raise _Diverged(f"what {self._name} moves is not finite after {steps} of its steps in this order")


@torch.no_grad()
def _finite(optimizer: Optimizer) -> Tensor:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    fine = [parameter.isfinite().all() for parameter in parameters]
    return torch.stack([each.to(fine[0].device) for each in fine]).all()
