"""A cheap task whose every bit depends on states, streams and hyperparameters, orders for it, and their answers."""

import os
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pbt_gan.core.controller import Controller
from pbt_gan.core.exploit import EXPLOIT
from pbt_gan.core.plan import Comparison, Mode, Plan
from pbt_gan.core.population import WHOLE, Hyperparams, Order
from pbt_gan.core.records import Answer, Failure, Record, Report
from pbt_gan.core.space import Choice, Domain, Float
from pbt_gan.core.state import State
from pbt_gan.core.strategy import Rule, Strategy
from pbt_gan.executors.work import NOTHING
from pbt_gan.interfaces import Executor, GroupTask, Images, Streams, Task, Trainer, Training, Tree

SEED = 7
TOTAL_STEPS = 1_000
"""Of the run to which the suite's orders belong."""
PATIENCE_S = 60.0
"""How long the suite waits for an answer before it calls an executor hung."""

_BLOCK = 5  # steps of one random stream
BLOWS = ("die", "hang", "stop")
"""What may befall a worker: it is killed, its training never ends, its process is stopped."""

MISDEEDS = {  # what a task must not do, and what its answer then says
    "raise": "ArithmeticError: stumbled",
    "exit": "SystemExit: 3",
    "hide the stride": "['deed', 'stride']",
    "score nothing": "no 'score'",
    "draw badly": "uint8[N, H, W, C]",
    "keep a secret": "builtins.object at deed",
}


class RandomWalk(Task):
    """A point that walks at random: cheap, and every bit of it depends on states, streams and hyperparameters.

    Args:
        size: coordinates of the point.
        deed: what it does while it is built; "walk" harms nobody.
    """

    def __init__(self, size: int = 200, deed: str = "walk") -> None:
        self._size = size
        self._tilt = np.zeros(())
        self._total_steps = 0
        self._before: NDArray[np.float64] | None = None
        _do(deed)

    @property
    def space(self) -> Mapping[str, Domain]:
        """The length of a step, and the deed of this order: to walk, or one thing that a task must not do."""
        return {
            "stride": Float(init=0.1, bounds=(1e-3, 10.0), scale="log"),
            "deed": Choice(("walk", *BLOWS, *MISDEEDS), init="walk"),
        }

    @property
    def evolved(self) -> Sequence[str]:
        """The stride only."""
        return ("stride",)

    def expect(self, total_steps: int) -> None:
        """Remember the number, which reports tell."""
        self._total_steps = total_steps

    def attach(self, folder: Path, device: str) -> Trainer:
        """Read the file that stands for what a real task prepares."""
        if folder != NOTHING:
            self._tilt = np.asarray(float((folder / "tilt.txt").read_text()))
        return self

    def init(self, rng: Generator) -> Tree:
        """Return a point near the origin."""
        return {"point": rng.normal(size=self._size), "strides": []}

    def train(self, state: Tree, hyperparams: Hyperparams, steps: int, streams: Streams) -> Training:
        """Walk, in place; then write on into the state handed back before, as a module does whose tensors it held."""
        stride = float(hyperparams["stride"])
        _do(hyperparams["deed"])
        for block in range(0, steps, _BLOCK):
            rng = streams(block // _BLOCK)
            for _ in range(min(_BLOCK, steps - block)):
                state["point"] += stride * rng.normal(size=self._size) + self._tilt
        if self._before is not None:
            self._before += 1.0
        self._before = state["point"]
        return self._trained(state, hyperparams, steps)

    def score(self, state: Tree, rng: Generator) -> Mapping[str, float]:
        """Return the negated distance to a point drawn by the rng."""
        if state["deed"] == "score nothing":
            return {"distance": 0.0}
        distance = float(np.linalg.norm(state["point"] - rng.normal(size=self._size)))
        return {"score": -distance, "nothing": float("nan")}

    def preview(self, state: Tree, rng: Generator) -> Images | None:
        """Return the point as a picture, larger than a socket's buffer."""
        pixels = np.zeros((2, 300, 500, 1), np.uint8)
        pixels.flat[: self._size] = np.clip(state["point"] * 20 + 128, 0, 255)
        return pixels / 255 if state["deed"] == "draw badly" else pixels

    def _trained(self, state: Tree, hyperparams: Hyperparams, steps: int) -> Training:
        deed, stride = hyperparams["deed"], float(hyperparams["stride"])
        state["strides"].append(stride)
        state["deed"] = object() if deed == "keep a secret" else deed
        used = {"deed": deed} if deed == "hide the stride" else {"deed": deed, "stride": np.float64(stride)}
        metrics = {"reach": np.abs(state["point"]).max(), "total_steps": self._total_steps}
        return Training(state, used, metrics, images=steps)


class GroupWalk(GroupTask, RandomWalk):
    """The same walk for several members in one go: what `RandomWalk` makes of each of them, bit for bit."""

    def train_group(
        self, states: Sequence[Tree], hyperparams: Sequence[Hyperparams], steps: int, streams: Sequence[Streams]
    ) -> Sequence[Training]:
        """Let all points walk as rows of one array; then write on into the rows handed back before."""
        for values in hyperparams:
            _do(values["deed"])
        points = np.stack([state["point"] for state in states])
        strides = np.array([[float(values["stride"])] for values in hyperparams])
        for block in range(0, steps, _BLOCK):
            rngs = [stream(block // _BLOCK) for stream in streams]
            for _ in range(min(_BLOCK, steps - block)):
                points += strides * np.stack([rng.normal(size=self._size) for rng in rngs]) + self._tilt
        if self._before is not None:
            self._before += 1.0
        self._before = points
        return [
            self._trained({**state, "point": point}, values, steps)
            for state, point, values in zip(states, points, hyperparams, strict=True)
        ]

    def score_group(self, states: Sequence[Tree], rng: Generator) -> Sequence[Mapping[str, float]]:
        """Measure one after another."""
        return [RandomWalk.score(self, state, deepcopy(rng)) for state in states]


def _do(deed: object) -> None:
    match deed:
        case "raise":
            raise ArithmeticError("stumbled\nand fell")
        case "exit":
            raise SystemExit(3)
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            threading.Event().wait()
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)


def order(member: int, interval: int = 1, *, source: str | None = None, attempt: int = 1, deed: str = "walk") -> Order:
    """Return the order for one interval of a member, 12 steps long."""
    return Order(
        member=member,
        interval=interval,
        attempt=attempt,
        hyperparams={"stride": 0.1 * (member + 1), "deed": deed},
        sources={} if source is None else {WHOLE: source},
        checkpoint=key(member, interval),
        step=12 * (interval - 1),
        trained_steps=12 * (interval - 1),
        steps=12,
    )


def key(member: int, interval: int) -> str:
    """Return the checkpoint that `order` asks for."""
    return f"m{member:02}-i{interval:04}"


FIRST = [order(member) for member in range(5)]
SECOND = [order(member, 2, source=key(donor, 1)) for member, donor in enumerate([0, 0, 2, 0, 4])]
"""Members 1 and 3 have copied member 0."""


def answers(executor: Executor, orders: Sequence[Order]) -> list[Answer]:
    """Carry out orders, as many at a time as the executor has slots, and return one answer each, sorted by member."""
    found: list[Answer] = []
    left = list(orders)
    until_s = time.monotonic() + PATIENCE_S
    while left or len(found) < len(orders):
        slots = executor.free_slots()
        executor.submit(left[:slots])
        left = left[slots:]
        found += executor.next_reports(1.0)
        assert time.monotonic() < until_s, f"{len(found)} of {len(orders)} answers came in {PATIENCE_S:.0f} s"
    return sorted(found, key=lambda answer: answer.member)


def population(mode: Mode, comparison: Comparison) -> Plan:
    """Return a plan for six members that walk, of whom half copy the others wherever they may."""
    return Plan(
        space={
            "stride": Float(init=(0.05, 0.1, 0.2), bounds=(1e-3, 10.0), scale="log"),
            "deed": Choice(("walk", "stroll"), init="walk"),
        },
        population_size=6,
        total_steps=48,
        ready_interval=12,
        score_interval=6,
        seed=SEED,
        mode=mode,
        comparison=comparison,
        strategy=Strategy(Rule("truncation", EXPLOIT["truncation"], {"fraction": 0.5})),
    )


def carried_out(plan: Plan, executor: Executor) -> tuple[list[Record], list[Order]]:
    """Carry out a whole plan; return the records, and the orders by which its reports came, in the same order."""
    controller, under_way = Controller(plan), dict[int, Order]()
    state, records = controller.start(State())
    done: list[Order] = []
    until_s = time.monotonic() + PATIENCE_S
    while not controller.done(state):
        assert time.monotonic() < until_s, f"the population was not trained in {PATIENCE_S:.0f} s: {dict(under_way)}"
        state, orders = controller.ask(state, executor.free_slots())
        executor.submit(orders)
        executor.remain(controller.left(state))
        under_way |= {order.member: order for order in orders}
        answers = executor.next_reports(1.0)
        done += [under_way.pop(answer.member) for answer in answers]
        state, news = controller.tell(state, answers)
        records += news
        executor.keep(controller.needed(state) | {order.checkpoint for order in under_way.values()})
    return records, done


def collected(executor: Executor, count: int) -> list[Answer]:
    """Wait for at least so many answers, sorted by member; an executor that gives none for long has failed."""
    found: list[Answer] = []
    until_s = time.monotonic() + PATIENCE_S
    while len(found) < count:
        assert time.monotonic() < until_s, f"{len(found)} of {count} answers came in {PATIENCE_S:.0f} s"
        found += executor.next_reports(1.0)
    return sorted(found, key=lambda answer: answer.member)


def slots_of(executor: Executor) -> int:
    """Wait until an executor has free slots, and return how many."""
    until_s = time.monotonic() + PATIENCE_S
    while not (slots := executor.free_slots()):
        assert time.monotonic() < until_s, f"no slot was free in {PATIENCE_S:.0f} s"
        assert executor.next_reports(1.0) == []
    return slots


def comparable(answer: Answer) -> Mapping[str, str]:
    """Return all of an answer that must not depend on where the order was carried out."""
    assert not isinstance(answer, Failure), answer
    told = {name: getattr(answer, name) for name in answer.__dataclass_fields__ if name not in ("cost_s", "worker")}
    told["metrics"] = sorted(answer.metrics.items())
    if isinstance(answer, Report):
        told["hyperparams"], told["preview"] = sorted(answer.hyperparams.items()), answer.preview.tobytes()
    return {name: repr(value) for name, value in told.items()}
