"""Ctrl-C, SIGTERM and SIGUSR1 (what job queues send) end a run cleanly; a second Ctrl-C ends it at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pbt_gan.engine import Stop

SIGNALS = {"interrupted": signal.SIGINT, "SIGTERM": signal.SIGTERM, "SIGUSR1": signal.SIGUSR1}
"""Why a run ended, by the signal that ended it."""


@contextmanager
def stopped_by_signals(stop: Stop) -> Iterator[None]:
    """Turn signals into a wish to stop; outside of the main thread Python has none to offer."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def wish(number: int, frame: FrameType | None) -> None:
        if stop.reason is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.reason = next(reason for reason, own in SIGNALS.items() if own == number)

    before = {number: signal.signal(number, wish) for number in SIGNALS.values()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
