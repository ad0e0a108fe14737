"""Work on many things by threads, with a bar on the terminal of whoever waits."""

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from pbt_gan import terminal
from pbt_gan.cores import usable_cores

CHUNK = 16
"""Things that a thread does one after the other, before it is told what comes next."""

AHEAD = 4
"""Chunks a thread that may be done or waiting: nobody reads all files of a disk before the first is wanted."""

_SHORT = 64  # things that are done before a bar could be read

_T = TypeVar("_T")
_R = TypeVar("_R")


def in_order(work: Callable[[_T], _R], things: Sequence[_T], doing: str) -> Generator[_R, None, None]:
    """Yield what comes of each thing, in their order, while as many threads work as cores may be used.

    Close it when it is not read to its end, or threads go on.

    Args:
        work: what to do with one; it may run beside itself.
        things: to do it with.
        doing: what the bar says.
    """
    cores = usable_cores()
    waiting: deque[Future[list[_R]]] = deque()
    with ThreadPoolExecutor(cores, "pictures") as pool, _bar(doing, len(things)) as advance:
        try:
            for begin in range(0, len(things), CHUNK):
                chunk = things[begin : begin + CHUNK]
                waiting.append(pool.submit(lambda chunk: [work(each) for each in chunk], chunk))
                if len(waiting) == AHEAD * cores:
                    yield from _done(waiting, advance)
            while waiting:
                yield from _done(waiting, advance)
        finally:
            pool.shutdown(cancel_futures=True)


def _done(waiting: deque[Future[list[_R]]], advance: Callable[[int], Any]) -> list[_R]:
    done = waiting.popleft().result()
    advance(len(done))
    return done


@contextmanager
def _bar(doing: str, total: int) -> Iterator[Callable[[int], Any]]:
    """Show how far something is on the terminal of a command; workers and other programs show nothing."""
    console = terminal.console(stderr=True)
    if total <= _SHORT or not console.is_terminal or not logging.getLogger(__name__).isEnabledFor(logging.INFO):
        yield lambda count: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(doing, total=total)
        yield lambda count: progress.advance(task, count)
