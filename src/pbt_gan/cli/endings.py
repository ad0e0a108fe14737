"""How the program ends that was stopped: as one that the signal itself had ended, so that shells and queues know."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pbt_gan.runs.signals import SIGNALS


@contextmanager
def ends_by(reason: str | None) -> Iterator[None]:
    """Say the last words, then exit with the code of the signal that stopped the run, if one did."""
    try:
        yield
    except OSError:
        if reason not in SIGNALS:  # else: a terminal that hung up takes no last words
            raise
    if reason in SIGNALS:
        sys.exit(128 + SIGNALS[reason])
