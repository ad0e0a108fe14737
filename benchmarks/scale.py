"""What the coordinator has to do for a population of any size, on as many workers, some of which are lost.

`python -m benchmarks.scale --members 500 --workers 64 --order-s 90` asks about a size of one's own.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from unittest.mock import patch

from benchmarks.crowd import Crowd
from benchmarks.measurement import Measurement
from benchmarks.processes import MIB, alone, memory
from pbt_gan import engine
from pbt_gan.core.controller import Controller
from pbt_gan.core.plan import Comparison, Mode, Plan
from pbt_gan.core.population import Order
from pbt_gan.core.records import Answer, Record
from pbt_gan.core.space import Float, Range
from pbt_gan.core.state import State
from pbt_gan.engine import Engine
from pbt_gan.interfaces import RunContext
from pbt_gan.reporting.listeners import default_listeners
from pbt_gan.store.disk import DiskStore
from pbt_gan.store.journal import path_of
from pbt_gan.store.paused import PausedRun
from pbt_gan.terminal import console

RULES: tuple[tuple[Mode, Comparison], ...] = (("sync", "latest"), ("async", "latest"), ("async", "fair"))

COMMIT_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Setting:
    """What is simulated."""

    mode: Mode = "async"
    comparison: Comparison = "latest"
    members: int = 10_000
    workers: int = 1_000
    points: int = 6  # ready points of each member
    order_s: float = 600.0  # that the slowest worker takes; the fastest takes a fourth
    losses: float = 0.01  # share of the workers that are lost in an hour
    folder: str | None = None  # where the run is written; None: with other temporary files

    @property
    def plan(self) -> Plan:
        """The plan that follows."""
        return Plan(
            space={name: Float(Range(1e-5, 1e-1), (1e-6, 1.0), "log") for name in ("lr", "lr_d")},
            population_size=self.members,
            total_steps=100 * self.points,
            ready_interval=100,
            score_interval=100,
            seed=0,
            mode=self.mode,
            comparison=self.comparison,
        )


class Timed(Controller):
    """A controller that counts the processor time that it takes."""

    spent_s = 0.0

    def ask(self, state: State, slots: int) -> tuple[State, list[Order]]:
        """Ask, and count."""
        began_s = time.thread_time()
        answer = super().ask(state, slots)
        self.spent_s += time.thread_time() - began_s
        return answer

    def tell(self, state: State, answers: list[Answer]) -> tuple[State, list[Record]]:  # type: ignore[override]
        """Tell, and count."""
        began_s = time.thread_time()
        told = super().tell(state, answers)
        self.spent_s += time.thread_time() - began_s
        return told


class Waited(DiskStore):
    """A store whose commits are safe at once: beside a simulated hour no thread would come to write anything."""

    waited_s = 0.0

    def commit(self, upto: int, encoded: Mapping[str, Callable[[], bytes | memoryview]], *, wait: bool) -> None:
        """Commit, and count the seconds that a thread would have written beside the training."""
        began_s = time.perf_counter()
        super().commit(upto, encoded, wait=True)
        self.waited_s += time.perf_counter() - began_s


def main() -> Iterator[Measurement]:
    """Measure ten thousand members on a thousand workers, in both modes and by both comparisons."""
    for mode, comparison in RULES:
        yield from measured(Setting(mode, comparison))


def measured(setting: Setting) -> Iterator[Measurement]:
    """Simulate a run, then take it up again as after a crash of the coordinator.

    Times of the coordinator are processor times of its one thread: on a core of its own they pass like that.
    """
    with TemporaryDirectory(dir=setting.folder) as name:
        folder = Path(name) / "run"
        found = {**alone(run, setting, folder), **alone(recovered, setting, folder)}
    told = {name: value for name, value in asdict(setting).items() if name != "folder"}
    targets = {"decisions": ">= 1000"}
    for (what, unit), value in found.items():
        yield Measurement(f"scale: {what}", value, unit, targets.get(what), told)


def run(setting: Setting, folder: Path) -> Mapping[tuple[str, str], float]:
    """Return what a run to the end costs the coordinator: name and unit → value."""
    crowd = Crowd(workers=setting.workers, order_s=setting.order_s, losses=setting.losses)
    controller = Timed(setting.plan)
    store = Waited.create(folder, {"config": {}, "cards": {}, "versions": {}})
    listeners = default_listeners(folder, console(quiet=True))
    context = RunContext(folder, {}, {}, (), None, setting.members * setting.points, workers=setting.workers)
    before, began_s = memory(), time.thread_time()
    simulated = SimpleNamespace(**{**vars(time), "monotonic": lambda: crowd.now_s})
    with patch.object(engine, "time", simulated):
        state = Engine(controller, crowd, store, listeners, commit_every_s=COMMIT_EVERY_S).run(State(), context)
    spent_s, reports = time.thread_time() - began_s, state.reports
    lines = path_of(folder).read_bytes().splitlines(keepends=True)
    journal = sum(map(len, lines))
    commits = [len(line) for line in lines if line.startswith(b'{"type":"commit"')]
    return {
        ("decisions", "1/s"): reports / controller.spent_s,
        ("reports through the whole coordinator", "1/s"): reports / (spent_s - crowd.own_s),
        ("reports that the workers make", "1/s"): reports / crowd.now_s,
        ("coordinator's memory at the end", "MiB"): memory() - before,
        ("journal", "B a report"): journal / reports,
        ("journal, commits only", "B a report"): sum(commits) / reports,
        ("journal", "MB a day"): journal / crowd.now_s * 86_400 / 1e6,
        ("time to write a commit, beside the training", "s"): store.waited_s / len(commits),
        ("time between commits", "s"): crowd.now_s / len(commits),
        ("workers' time spent waiting", "%"): 100 * crowd.waited_s / (crowd.waited_s + crowd.busy_s),
        ("orders lost with their workers", "%"): 100 * sum(b'"failure"' in line for line in lines) / reports,
    }


def recovered(setting: Setting, folder: Path) -> Mapping[tuple[str, str], float]:
    """Return what it takes to go on after a crash: name and unit → value."""
    controller, before, began_s = Controller(setting.plan), memory(), time.thread_time()
    with PausedRun(folder) as paused:
        state = controller.having(controller.fold(paused.records), paused.checkpoints)
        decided_s = time.thread_time() - began_s
        wanted = controller.needed(state)
        states = dict[str, bytes]()
        paused.restore(lambda key, data: states.update({key: data}) if key in wanted else None)
    return {
        ("time to recover, journal", "s"): decided_s,
        ("time to recover, journal", "ms per 1,000 reports"): 1e6 * decided_s / state.reports,
        ("time to recover, checkpoints", "s"): time.thread_time() - began_s - decided_s,
        ("most memory while recovering", "MiB"): memory(most=True) - before,
        ("most memory while recovering", "KiB a report"): (memory(most=True) - before) * MIB / 1024 / state.reports,
    }


def asked() -> Setting:
    """Return the setting that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    usual = Setting()
    parser.add_argument("--mode", choices=("sync", "async"), default=usual.mode)
    parser.add_argument("--comparison", choices=("latest", "fair"), default=usual.comparison)
    parser.add_argument("--members", type=int, default=usual.members)
    parser.add_argument("--workers", type=int, default=usual.workers)
    parser.add_argument("--points", type=int, default=usual.points, help="ready points of each member")
    parser.add_argument("--order-s", type=float, default=usual.order_s, help="of the slowest worker, in seconds")
    parser.add_argument("--losses", type=float, default=usual.losses, help="share of the workers lost in an hour")
    parser.add_argument("--folder", help="where the run is written for as long as it takes")
    return Setting(**vars(parser.parse_args()))


if __name__ == "__main__":
    for measurement in measured(asked()):
        print(measurement.line(), flush=True)
