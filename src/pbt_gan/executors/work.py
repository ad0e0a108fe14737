"""What carrying out an order means, the same wherever it is done."""

import logging
import math
import os
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.random import Generator

from pbt_gan import references
from pbt_gan.core.failures import REMEDIES
from pbt_gan.core.population import WHOLE, Hyperparams, Order
from pbt_gan.core.records import Answer, Failure, Measurement, Report
from pbt_gan.core.rng import stream
from pbt_gan.errors import PbtGanError, TaskError, one_line, own_place, unfit
from pbt_gan.executors.failing import kind_of
from pbt_gan.executors.health import diverged, unfit_score
from pbt_gan.interfaces import (
    GroupTrainer,
    Health,
    Images,
    Problem,
    Streams,
    TaskReference,
    TaskSource,
    Trainer,
    Training,
    Tree,
)

log = logging.getLogger(__name__)


class States(Protocol):
    """The members' states by their checkpoint keys. What lies under a key never changes."""

    def take(self, key: str) -> Tree:
        """Return a copy that belongs to the caller."""
        ...

    def put(self, key: str, state: Tree) -> None:
        """Keep a copy of a state."""
        ...

    def settle(self) -> None:
        """Return when all that was put is safe from this process's end, where states outlive it."""
        ...


NOTHING = Path(os.devnull)
"""The folder of a task that has prepared nothing."""


def build(task: TaskSource | TaskReference) -> Problem:
    """Return the problem that a reference names, or that an object is or can be made into."""
    if not isinstance(task, TaskReference):
        return task.as_task()
    source: TaskSource = references.load(task.name)(**task.arguments)
    problem = source.as_task()
    if task.total_steps is not None:
        problem.expect(task.total_steps)
    problem.guard(task.health)
    return problem


def attached(problem: Problem, folder: Path, device: str) -> Trainer:
    """Return a problem's trainer.

    Raises:
        TaskError: `attach` returned something else.
    """
    trainer = problem.attach(folder, device)
    if not isinstance(trainer, Trainer):
        raise TaskError(
            f"{type(problem).__name__}.attach returned a {type(trainer).__name__}; return the trainer, which of a "
            "pbt_gan.Task is the task itself: end it with `return self`."
        )
    return trainer


@contextmanager
def building(worker: str) -> Iterator[None]:
    """Tell what a task raises while it is built or attached by its line, wherever that is done."""
    try:
        yield
    except PbtGanError:
        raise
    except (Exception, SystemExit) as error:
        kind = kind_of(error)
        mend = f"Mend {own_place(error) or 'the task'}." if kind == "task" else REMEDIES[kind].mend
        raise REMEDIES[kind].error(f"{worker} cannot build the task: {one_line(error)}. {mend}") from error


def assembled(states: States, sources: Mapping[str, str]) -> Tree:
    """Return the state that an order begins with, each component from the checkpoint that is named for it."""
    taken = {key: states.take(key) for key in sorted(set(sources.values()))}
    parts = {component: taken[key][component] for component, key in sources.items() if component != WHOLE}
    if WHOLE not in sources:
        return parts
    whole = taken[sources[WHOLE]]
    return {**whole, **parts} if parts else whole


Clock = Callable[[], float]
"""Seconds since some moment."""


def device_clock(device: str, *, alone: bool = False, devices: int = 1) -> Clock:
    """Return the clock by which the cost of an order is measured.

    On a CPU it counts processor time, so that what else the machine does is not charged to a member; on another device
    it is the wall clock, as often as there are devices.

    Args:
        device: where members train.
        devices: how many of its kind this process drives.
        alone: whether this process does nothing else: then all its threads are counted, those of a task and of torch's
            pools among them. If not, only the calling thread is: members have one intra-op thread there, on which torch
            goes backward too, and the others write checkpoints and draw pictures.
    """
    if device != "cpu":
        return time.perf_counter if devices == 1 else lambda: devices * time.perf_counter()
    return time.process_time if alone else time.thread_time


def carry_out(
    trainer: Trainer,
    orders: Sequence[Order],
    states: States,
    seed: int,
    worker: str,
    clock: Clock = time.thread_time,
    health: Health | None = None,
) -> list[Answer]:
    """Train members, keep their new states, and score exactly those; return one answer an order.

    Those of equally many steps are trained as one group if the task can; a group that fails is tried in halves, so
    that only who is at fault fails, and one that is too large for the memory is split.
    """
    groups: dict[tuple[int, int] | str, list[Order]] = defaultdict(list)
    for order in orders:
        alike = (order.steps, order.repeat) if isinstance(trainer, GroupTrainer) else order.checkpoint
        groups[alike].append(order)
    at = _Place(trainer, states, seed, worker, clock, health or Health())
    return [answer for group in groups.values() for answer in _answers(at, group)]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where orders are carried out, and by whom."""

    trainer: Trainer
    states: States
    seed: int
    worker: str
    clock: Clock
    health: Health


def _answers(at: _Place, group: Sequence[Order]) -> list[Answer]:
    try:
        carried_out = _measurements if group[0].repeat else _reports
        return [*carried_out(at, group)]
    except (Exception, SystemExit) as error:  # sys.exit() in a task is the task's failure, not the end of the run
        told, details, kind = one_line(error), traceback.format_exc(), kind_of(error)
        # Of another kind the order is given again, and the frames below would keep the memory that was short.
        where, cause = (own_place(error), error) if kind == "task" else ("", None)
    if len(group) == 1:
        (order,) = group
        repeat = order.repeat
        return [
            Failure(order.member, order.interval, order.attempt, at.worker, told, kind, where, repeat, details, cause)
        ]
    members = ", ".join(str(order.member) for order in group)
    log.warning("%s: members %s cannot be trained as one group (%s); trying halves.", at.worker, members, told)
    half = len(group) // 2
    return [answer for part in (group[:half], group[half:]) for answer in _answers(at, part)]


def _reports(at: _Place, group: Sequence[Order]) -> list[Report]:
    trees = [
        assembled(at.states, order.sources) if order.sources else at.trainer.init(stream(at.seed, "init", *order.slot))
        for order in group
    ]
    began_s = at.clock()
    streams = [partial(stream, at.seed, "train", *order.slot) for order in group]
    trainings = train(at.trainer, trees, [order.hyperparams for order in group], group[0].steps, streams)
    trained_s = at.clock() - began_s
    hyperparams = [_echoed(training, order) for training, order in zip(trainings, group, strict=True)]
    for training, order in zip(trainings, group, strict=True):
        at.states.put(order.checkpoint, training.state)
    began_s = at.clock()
    told = [_metrics(training.metrics) for training in trainings]
    found = [diverged(at.trainer, *each, at.health) for each in zip(trainings, told, group, strict=True)]
    fine = [training.state for training, why in zip(trainings, found, strict=True) if not why]
    measured = iter(score(at.trainer, fine, stream(at.seed, "eval")) if fine else ())
    all_scores = [{"score": math.nan} if why else next(measured) for why in found]
    scored_s = at.clock() - began_s
    reports = [
        Report.of(
            order,
            score=_number("score", scores["score"]),
            score_error=_error(scores),
            metrics={**metrics, **_metrics(scores)},
            hyperparams=values,
            images=int(training.images),
            unverified=tuple(training.unverified),
            diverged=why or unfit_score(_number("score", scores["score"])),
            cost_s=(trained_s + scored_s) / len(group),  # what a group costs, its members share
            worker=at.worker,
            preview=_images(at.trainer, at.trainer.preview(training.state, stream(at.seed, "preview"))),
        )
        for order, training, metrics, values, scores, why in zip(
            group, trainings, told, hyperparams, all_scores, found, strict=True
        )
    ]
    at.states.settle()
    return reports


def _measurements(at: _Place, group: Sequence[Order]) -> list[Measurement]:
    """Score at.states once more, with other random numbers than ever before, but the same for all."""
    trees = [assembled(at.states, order.sources) for order in group]
    began_s = at.clock()
    measured = score(at.trainer, trees, stream(at.seed, "eval", group[0].repeat))
    cost_s = (at.clock() - began_s) / len(group)
    return [
        Measurement(
            order.member,
            order.interval,
            order.repeat,
            _number("score", scores["score"]),
            _metrics(scores),
            _error(scores),
            cost_s=cost_s,
            worker=at.worker,
            attempt=order.attempt,
        )
        for order, scores in zip(group, measured, strict=True)
    ]


def train(
    trainer: Trainer, states: Sequence[Tree], hyperparams: Sequence[Hyperparams], steps: int, streams: Sequence[Streams]
) -> Sequence[Training]:
    """Train a group, or one member of a trainer that has no groups."""
    if isinstance(trainer, GroupTrainer):
        return trainer.train_group(states, hyperparams, steps, streams)
    (state,), (values,), (blocks,) = states, hyperparams, streams
    return [trainer.train(state, values, steps, blocks)]


def score(trainer: Trainer, states: Sequence[Tree], rng: Generator) -> Sequence[Mapping[str, float]]:
    """Measure a group, or one member of a trainer that has no groups."""
    measured = (
        trainer.score_group(states, rng) if isinstance(trainer, GroupTrainer) else [trainer.score(states[0], rng)]
    )
    for scores in measured:
        if "score" not in scores:
            raise TaskError(
                f"{type(trainer).__name__}.score returned {sorted(scores)}, but no 'score'; "
                "that entry is what exploit ranks by, higher is better."
            )
    return measured


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
    if why := unfit(name):
        raise TaskError(f"A metric is called {name!r}; {why}.")
    try:
        return float(_plain(value))
    except (TypeError, ValueError, RuntimeError):
        raise TaskError(f"The metric {name!r} is a {type(value).__name__}; a metric is one number.") from None


def _metrics(measured: Mapping[str, float]) -> dict[str, float]:
    return {name: _number(name, value) for name, value in measured.items() if name not in ("score", "score_error")}


def _error(scores: Mapping[str, float]) -> float | None:
    """Return the standard error of a score, if the task knows one."""
    error = _number("score_error", scores.get("score_error", math.nan))
    if error < 0:
        raise TaskError(f"score returned the score_error {error:g}; a standard error is 0 or more.")
    return error if math.isfinite(error) else None


def _images(trainer: Trainer, preview: Images | None) -> Images | None:
    if preview is None:
        return None
    images = np.ascontiguousarray(preview)
    if images.dtype != np.uint8 or images.ndim != 4:
        raise TaskError(
            f"{type(trainer).__name__}.preview returned {images.dtype}{list(images.shape)}; "
            "return images as uint8[N, H, W, C], or None."
        )
    return images
