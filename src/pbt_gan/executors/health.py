"""Whether a member may go on as it is: what is looked at after every order, whatever the task sees by itself."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pbt_gan.core.population import Order
from pbt_gan.interfaces import Health, Trainer, Training, Tree


def diverged(trainer: Trainer, training: Training, metrics: Mapping[str, float], order: Order, health: Health) -> str:
    """Return what is wrong with a member after an order, in words such as "loss_d is nan after step 150"; "": nothing.

    What the task has found itself comes first. Of the state the part is looked at that `Trainer.weights_of` returns,
    its floating-point tensors alone.

    Args:
        trainer: of the member.
        training: what it has handed back.
        metrics: of the training, as numbers; those are losses whose names say so.
        order: that was carried out.
        health: what is looked at.
    """
    if training.diverged:
        return str(training.diverged)
    after = f"after step {order.step + order.steps}"
    for name, value in metrics.items():
        if "loss" in name.lower() and not abs(value) <= health.max_loss:
            size = f"in size, above health.max_loss = {health.max_loss:g}, " if math.isfinite(value) else ""
            return f"{name} is {value:.3g} {size}{after}"
    return "" if finite(trainer.weights_of(training.state)) else f"weights are not finite {after}"


def unfit_score(value: float) -> str:
    """Return what is wrong with a score.

    >>> unfit_score(float("inf")), unfit_score(0.5)
    ('the score is inf', '')
    """
    return "" if math.isfinite(value) else f"the score is {value:g}"


def finite(tree: Tree) -> bool:
    """Whether all numbers in a tree's floating-point tensors and arrays are finite; waits for a device once.

    >>> finite({"net": [np.zeros(3)], "name": "m"}), finite({"net": np.array([1.0, np.nan])})
    (True, False)
    """
    fine: Any = True
    for leaf in _leaves(tree):
        if isinstance(leaf, np.ndarray):
            if leaf.dtype.kind in "fc" and not np.isfinite(leaf).all():
                return False
        elif hasattr(leaf, "is_floating_point") and leaf.is_floating_point():  # torch's; it is not imported for that
            fine = leaf.isfinite().all() & fine  # stays where it is: nobody waits for each single tensor
    return bool(fine)


def _leaves(tree: Tree) -> Iterator[Any]:
    if isinstance(tree, Mapping):
        for part in tree.values():
            yield from _leaves(part)
    elif isinstance(tree, Sequence) and not isinstance(tree, str | bytes):
        for part in tree:
            yield from _leaves(part)
    else:
        yield tree
