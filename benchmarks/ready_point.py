"""What a ready point of 20 members costs, by parts: score, decide, exploit, checkpoint."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from benchmarks.cases import make_ready
from benchmarks.decisions import report
from benchmarks.measurement import Measurement, median_of
from benchmarks.targets import EXPLOIT
from benchmarks.timing import wait
from pbt_gan import codec, files
from pbt_gan.core.controller import Controller
from pbt_gan.core.plan import Plan
from pbt_gan.core.records import Exploit
from pbt_gan.core.rng import stream
from pbt_gan.core.space import Float, Range
from pbt_gan.core.state import State
from pbt_gan.executors.exchange import Memory
from pbt_gan.gan.trainer import GanTrainer
from pbt_gan.interfaces import Tree

MEMBERS = 20
RECIPIENTS = 4
ROUNDS = 5

SCORED = {"cpu": {"digits": MEMBERS, "seed-dcgan": 1}, "cuda": {"digits": MEMBERS, "seed-dcgan": MEMBERS}}
"""How many members are scored, by device and case: on a CPU one member of `seed-dcgan` is enough to wait for."""


def main() -> Iterator[Measurement]:
    """Measure on one thread of the CPU, and on a GPU if there is one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
            for name, scored in SCORED[device].items():
                with tempfile.TemporaryDirectory() as folder:
                    yield from case(name, device, scored, Path(folder))
    finally:
        torch.set_num_threads(threads)


def case(name: str, device: str, scored: int, folder: Path) -> Iterator[Measurement]:
    """Measure one case."""
    _, trainer = make_ready(name, "float32", device, folder, scored=True)
    states = [trainer.init(stream(0, "init", member)) for member in range(max(scored, RECIPIENTS))]
    setting = {"case": name, "members": MEMBERS, "dtype": "float32", "threads": 1, "device": device}
    yield median_of("score, one member", score_ms(trainer, states[:scored], device), "ms", setting)
    yield median_of("decide, 20 members", decide_ms(), "ms", setting)
    exploited = exploit_ms(states[:RECIPIENTS], device)
    yield median_of(EXPLOIT, exploited, "ms", setting)
    yield median_of("checkpoint, one member", checkpoint_ms(states[0], folder), "ms", setting)


def score_ms(trainer: GanTrainer, states: list[Tree], device: str) -> list[float]:
    """Score members together; return milliseconds for each of them."""
    rounds = ROUNDS if len(states) > 1 else 1
    times_ms = timed(lambda: trainer.score_group(states, stream(0, "eval")), device, rounds)
    return [time_ms / len(states) for time_ms in times_ms]


def decide_ms() -> list[float]:
    """Tell a controller the reports of all members, which are then ranked, and four of them exploited and explored."""
    controller = Controller(
        Plan(
            space={"lr": Float(init=Range(1e-4, 1e-2), bounds=(1e-6, 1e-1), scale="log")},
            population_size=MEMBERS,
            total_steps=1_000,
            ready_interval=100,
            score_interval=100,
            seed=0,
        )
    )
    began, _ = controller.start(State())
    began, orders = controller.ask(began, MEMBERS)
    reports = [report(order, float(order.member)) for order in orders]

    def decide() -> None:
        state, exploits = began, 0
        for answer in reports:
            state, records = controller.tell(state, [answer])
            exploits += sum(isinstance(record, Exploit) and record.donor is not None for record in records)
        assert exploits == RECIPIENTS, "a fifth of the members takes over another's state"
        controller.ask(state, MEMBERS)

    return timed(decide, "cpu", ROUNDS)


def exploit_ms(donors: list[Tree], device: str) -> list[float]:
    """Copy donors' states to recipients, as the executor does."""
    memory = Memory()
    for number, donor in enumerate(donors):
        memory.put(str(number), donor)

    def exploit() -> None:
        for number in range(len(donors)):
            memory.take(str(number))

    return timed(exploit, device, ROUNDS)


def checkpoint_ms(state: Tree, folder: Path) -> list[float]:
    """Encode a state and write it durably."""
    return timed(lambda: files.write(folder / "checkpoint", codec.encode(state)), "cpu", ROUNDS)


def timed(work: Callable[[], object], device: str, rounds: int) -> list[float]:
    """Return the milliseconds that some work takes, each time."""
    times_ms = []
    for _ in range(1 + rounds):
        wait(device)
        began = time.perf_counter()
        work()
        wait(device)
        times_ms.append(1_000 * (time.perf_counter() - began))
    return times_ms[1:]  # the first one warms up
