"""What is trained in a storm: a cheap walk whose every bit matters, and which does what it finds in its folder."""

import os
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator

from pbt_gan.core.population import Hyperparams
from pbt_gan.core.space import Domain, Float, Range
from pbt_gan.interfaces import GroupTask, Listener, Streams, Training, Tree

PACE_S = 0.004
"""Of an order, on average: a storm is to strike while something is under way."""

_SIZE = 50  # coordinates
_DIVERGING = 0.02  # of all orders; which ones does not depend on what befalls a run
_LEAK_BYTES = 2**25  # at a time


def deeds_of(run: Path) -> Path:
    """Return the folder in which a storm writes what is to be done."""
    return run.with_name(f"{run.name}.deeds")


def taken(deeds: Path, whose: str) -> Mapping[str, str]:
    """Return what is to be done by whoever asks, by its name, with what stands there; nobody else will do it."""
    found = {}
    for path in deeds.glob(f"{whose}.*"):
        mine = path.with_name(f".{os.getpid()}.{path.name}")
        with suppress(FileNotFoundError):  # somebody else was faster
            path.rename(mine)
            found[path.suffix[1:]] = mine.read_text()
    return found


class Walk(GroupTask):
    """A point that walks at random with steps of an evolved length, some members faster; now and then one diverges.

    Args:
        deeds: see `deeds_of`.
    """

    def __init__(self, deeds: str) -> None:
        self._deeds = Path(deeds)

    @property
    def space(self) -> Mapping[str, Domain]:
        """The length of a step."""
        return {"stride": Float(Range(0.01, 1), (0.01, 10), "log")}

    def arguments(self) -> Mapping[str, Any]:
        """Return what it was made with."""
        return {"deeds": str(self._deeds)}

    def init(self, rng: Generator) -> Tree:
        """Return a point near the origin."""
        return {"point": rng.normal(size=_SIZE)}

    def train(self, state: Tree, hyperparams: Hyperparams, steps: int, streams: Streams) -> Training:
        """Do what there is to be done, and walk."""
        (trained,) = self.train_group([state], [hyperparams], steps, [streams])
        return trained

    def train_group(
        self, states: Sequence[Tree], hyperparams: Sequence[Hyperparams], steps: int, streams: Sequence[Streams]
    ) -> Sequence[Training]:
        """Likewise, side by side."""
        self._meet(hyperparams)
        for state, values, stream in zip(states, hyperparams, streams, strict=True):
            for step in range(steps):
                state["point"] = state["point"] + float(values["stride"]) * stream(step).normal(size=_SIZE)
            if stream(steps).random() < _DIVERGING:
                state["point"] = state["point"] * np.nan
        return [
            Training(state, {"stride": np.float64(values["stride"])}, {}, images=steps)
            for state, values in zip(states, hyperparams, strict=True)
        ]

    def score(self, state: Tree, rng: Generator) -> Mapping[str, float]:
        """Return the negated distance to a point drawn by the rng."""
        return {"score": -float(np.linalg.norm(state["point"] - rng.normal(size=_SIZE)))}

    def score_group(self, states: Sequence[Tree], rng: Generator) -> Sequence[Mapping[str, float]]:
        """Measure one after another."""
        return [self.score(state, deepcopy(rng)) for state in states]

    def _meet(self, hyperparams: Sequence[Hyperparams]) -> None:
        time.sleep(PACE_S * (0.5 + max(float(values["stride"]) for values in hyperparams) % 1))
        for deed, content in taken(self._deeds, "worker").items():
            match deed:
                case "raise":
                    raise ArithmeticError("stumbled")
                case "exit":
                    os._exit(3)
                case "hang":
                    threading.Event().wait()
                case "leak":
                    kept = []
                    while True:
                        kept.append(np.ones(_LEAK_BYTES, np.uint8))
                        time.sleep(0.02)
                case "clock":
                    turn(float(content))


class Clock(Listener):
    """Turns the wall clock of the run's own process.

    Args:
        folder: the run's.
    """

    def __init__(self, folder: Path) -> None:
        self._deeds = deeds_of(folder)

    def record(self, record: Any, preview: Any) -> None:
        """Look whether that is to be done."""
        if seconds := taken(self._deeds, "run").get("clock"):
            turn(float(seconds))


def turn(seconds: float) -> None:
    """Turn the wall clock of this process, as somebody who sets it does."""
    before = time.time
    time.time = lambda: before() + seconds
