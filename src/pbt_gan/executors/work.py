"""What carrying out an order means, the same wherever it is done."""

import time
import traceback
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from pbt_gan import references
from pbt_gan.core.population import Failed, Hyperparams, Order, Report
from pbt_gan.core.rng import stream
from pbt_gan.errors import TaskError, one_line
from pbt_gan.interfaces import Images, Task, TaskReference, TaskSource, Training, Tree


class States(Protocol):
    """The members' states by their checkpoint keys. What lies under a key never changes."""

    def take(self, key: str) -> Tree:
        """Return a copy that belongs to the caller."""
        ...

    def put(self, key: str, state: Tree) -> None:
        """Keep a copy of a state."""
        ...


def build(task: TaskSource | TaskReference) -> Task:
    """Return the task that a reference names, or that an object is or can be made into."""
    if isinstance(task, TaskReference):
        source: TaskSource = references.load(task.name)(**task.arguments)
        return source.as_task()
    return task.as_task()


Clock = Callable[[], float]
"""Seconds since some moment."""


def device_clock(device: str) -> Clock:
    """Return the clock by which the cost of an order is measured.

    On a CPU it counts the processor time of this process, all its threads together, so that what else the machine does
    is not charged to a member; on another device it is the wall clock.
    """
    return time.process_time if device == "cpu" else time.perf_counter


def carry_out(
    task: Task, order: Order, states: States, seed: int, worker: str, clock: Clock = time.process_time
) -> Report | Failed:
    """Train one member, keep its new state, and score exactly that one."""
    try:
        return _carry_out(task, order, states, seed, worker, clock)
    except (Exception, SystemExit) as error:  # sys.exit() in a task is the task's failure, not the end of the run
        return Failed(order.member, order.interval, order.attempt, worker, one_line(error), traceback.format_exc())


def _carry_out(task: Task, order: Order, states: States, seed: int, worker: str, clock: Clock) -> Report:
    state = states.take(order.source) if order.source else task.init(stream(seed, "init", *order.slot))
    began_s = clock()
    training = task.train(
        state,
        order.hyperparams,
        order.steps,
        lambda block: stream(seed, "train", *order.slot, block),
    )
    trained_s = clock() - began_s
    hyperparams = _echoed(training, order)
    states.put(order.checkpoint, training.state)
    began_s = clock()
    measured = task.score(training.state, stream(seed, "eval"))
    scored_s = clock() - began_s
    metrics = {name: _number(name, value) for name, value in {**training.metrics, **measured}.items()}
    if "score" not in measured:
        raise TaskError(
            f"{type(task).__name__}.score returned {sorted(measured)}, but no 'score'; "
            "that entry is what exploit ranks by, higher is better."
        )
    return Report.of(
        order,
        score=metrics.pop("score"),
        metrics=metrics,
        hyperparams=hyperparams,
        images=int(training.images),
        cost_s=trained_s + scored_s,
        worker=worker,
        preview=_images(task, task.preview(training.state, stream(seed, "preview"))),
    )


def _echoed(training: Training, order: Order) -> Hyperparams:
    if not isinstance(training, Training):
        raise TaskError(
            f"train returned a {type(training).__name__}; return Training(state, hyperparams), where "
            "`hyperparams` are the values that the last step used."
        )
    if set(training.hyperparams) != set(order.hyperparams):
        raise TaskError(
            f"train was given the hyperparameters {sorted(order.hyperparams)}, but says that it used "
            f"{sorted(training.hyperparams)}; Training.hyperparams must hold what the last step used of each."
        )
    return {name: _plain(training.hyperparams[name]) for name in order.hyperparams}


def _plain(value: Any) -> Any:
    """Return the Python number inside a NumPy or torch scalar, so that equal reports are equal everywhere."""
    return value.item() if hasattr(value, "item") else value


def _number(name: str, value: Any) -> float:
    try:
        return float(_plain(value))
    except (TypeError, ValueError, RuntimeError):
        raise TaskError(f"The metric {name!r} is a {type(value).__name__}; a metric is one number.") from None


def _images(task: Task, preview: Images | None) -> Images | None:
    if preview is None:
        return None
    images = np.ascontiguousarray(preview)
    if images.dtype != np.uint8 or images.ndim != 4:
        raise TaskError(
            f"{type(task).__name__}.preview returned {images.dtype}{list(images.shape)}; "
            "return images as uint8[N, H, W, C], or None."
        )
    return images
