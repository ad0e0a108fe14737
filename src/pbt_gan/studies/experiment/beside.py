"""Runs side by side, each in a process of its own: what one core trains, two train in half the time."""

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Generic, TypeVar

from pbt_gan.config.settings import Config
from pbt_gan.engine import Stop
from pbt_gan.errors import PbtGanError, WorkerError
from pbt_gan.runs.signals import stopped_by_signals

_POLL_S = 0.2  # how long a wish to stop may go unseen

_T = TypeVar("_T")

Job = tuple[Config, Path]
"""What is trained, and where."""


@dataclass
class _Hand(Generic[_T]):
    """A process, and what it trains."""

    process: "subprocess.Popen[bytes]"
    pipe: Connection
    task: _T | None = None


def side_by_side(
    tasks: Sequence[_T],
    begin: Callable[[_T], Job | None],
    *,
    jobs: int,
    stop: Stop,
) -> bool:
    """Carry tasks out, the first ones first, and return whether all are done; else it was stopped.

    Args:
        tasks: whatever names a run.
        begin: returns what a task trains and where, as it is about to begin; None: it waits for another one.
        jobs: how many processes.
        stop: ends all of them early, each with what it has trained so far.

    Raises:
        PbtGanError: a run failed; the others are stopped.
        WorkerError: a process was lost.
    """
    left = list(tasks)
    with stopped_by_signals(stop), _hands(left, min(jobs, len(left))) as hands:
        while left or any(hand.task is not None for hand in hands):
            if stop.wanted():
                return False
            for hand in hands:
                if hand.task is None:
                    _give(hand, left, begin)
            for pipe in wait([hand.pipe for hand in hands if hand.task is not None], _POLL_S):
                for hand in hands:
                    if hand.pipe is pipe:
                        _take(hand)
    return True


def _give(hand: _Hand[_T], left: list[_T], begin: Callable[[_T], Job | None]) -> None:
    """Let a process begin with the first task that can begin."""
    for task in left:
        job = begin(task)
        if job is not None:
            hand.pipe.send(job)
            hand.task = task
            left.remove(task)
            return


def _take(hand: _Hand[_T]) -> None:
    try:
        answer = hand.pipe.recv()
    except (EOFError, OSError):
        raise WorkerError(
            f"A run's process ended with exit code {hand.process.wait()}. The same command goes on; if this comes "
            "again, train fewer at a time: --jobs."
        ) from None
    if isinstance(answer, PbtGanError):
        raise answer
    hand.task = None


@contextmanager
def _hands(tasks: Sequence[_T], count: int) -> Iterator[list[_Hand[_T]]]:
    """Start processes; end them, with what they have trained, whatever happens."""
    hands: list[_Hand[_T]] = []
    try:
        for _ in range(count):
            ours, theirs = socket.socketpair()
            with theirs:
                process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "pbt_gan.studies.experiment.hand", str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=2,  # what a task prints must not mix with the table
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,  # Ctrl-C goes to this process only, which tells the others
                )
            hands.append(_Hand(process, Connection(ours.detach())))
        yield hands
    finally:
        for hand in hands:
            hand.process.terminate()  # a run that hears it commits and ends
        for hand in hands:
            hand.process.wait()
            hand.pipe.close()
