"""A listener that stops a run."""

from typing import Any

from pbt_gan.engine import Stop
from pbt_gan.interfaces import Listener


class Cut(Listener):
    """Stops a run after some reports."""

    def __init__(self, stop: Stop, reports: int) -> None:
        self._stop, self._left = stop, reports

    def record(self, record: Any, preview: Any) -> None:
        self._left -= hasattr(record, "score")
        if self._left == 0:
            self._stop.reason = "enough"
