"""Work in the main thread that a wish to stop may cut short at once, where that leaves nothing half done."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Cut:
    """What became of a piece of work."""

    open: bool = False  # to being cut short now
    short: bool = False  # it was


_work = Cut()  # the piece that is under way, or the last one


@contextmanager
def cuttable() -> Iterator[Cut]:
    """Let `cut_short` end this block; `Cut.short` says afterwards whether it did. Whatever the block made is lost.

    In another thread than the main one nothing is ever cut short: signals do not reach it.
    """
    global _work
    cut = Cut()
    if threading.current_thread() is not threading.main_thread():
        yield cut
        return
    before = _work
    try:
        _work = cut
        cut.open = True  # within the try: from here on an interrupt may come at any moment
        yield cut
        cut.open = False
    except KeyboardInterrupt:
        if not cut.short:
            raise
    finally:
        cut.open = False
        _work = before


def cut_short() -> None:
    """Raise KeyboardInterrupt in the work that is open to it, once; if there is none, return.

    For a signal's handler. Code that catches the interrupt goes on to its end, and is not asked a second time.
    """
    if _work.open:
        _work.open, _work.short = False, True
        raise KeyboardInterrupt
