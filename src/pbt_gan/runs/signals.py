"""Signals end a run cleanly: Ctrl-C, what job queues send, and the end of its terminal; a second Ctrl-C is at once."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from pbt_gan.engine import Stop
from pbt_gan.interrupts import cut_short

SIGNALS = {
    "interrupted": signal.SIGINT,
    "SIGTERM": signal.SIGTERM,
    "SIGUSR1": signal.SIGUSR1,
    "SIGHUP": signal.SIGHUP,
}
"""Why a run ended, by the signal that ended it."""


Handler = Callable[[int, FrameType | None], None] | signal.Handlers


@contextmanager
def stopped_by_signals(stop: Stop) -> Iterator[None]:
    """Turn signals into a wish to stop, which cuts short what is trained in this process.

    A signal that is ignored stays so: `nohup` and shells that start jobs in the background ignore some on purpose. Only
    while the run stands still, since all its workers are silent, is Ctrl-C heard in any case: there is nothing that it
    could cut short, and somebody who has read that a worker is silent wants to get out.
    Outside of the main thread Python has no signals to offer.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def wish(number: int, frame: FrameType | None) -> None:
        again = stop.reason is not None
        if not again:
            stop.reason = next(reason for reason, own in SIGNALS.items() if own == number)
        cut_short()
        if again and number == signal.SIGINT:
            raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in SIGNALS.values()}
    ours = [number for number, handler in before.items() if handler not in (signal.SIG_IGN, None)]  # None: C's own
    for number in ours:
        signal.signal(number, wish)
    if before[signal.SIGINT] == signal.SIG_IGN:
        ours.append(signal.SIGINT)  # to be given back like the others
        stop.standstill = lambda stuck: _listen(wish if stuck else signal.SIG_IGN)
    try:
        yield
    finally:
        stop.standstill = None
        for number in ours:
            signal.signal(number, before[number])


def _listen(handler: Handler) -> None:
    if signal.getsignal(signal.SIGINT) is not handler:
        signal.signal(signal.SIGINT, handler)
