"""Keeping Pillow's warnings off a person's screen while pictures are decoded."""

import threading
import warnings


class Quiet:
    """Ignores warnings of Pillow as long as any thread is inside.

    Pillow warns of odd metadata, thousands of times for a folder of odd files. `catch_warnings` sets what holds for the
    whole process: of two threads that enter and leave it in turn, the last could leave warnings off for good.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._caught = warnings.catch_warnings()

    def __enter__(self) -> None:
        """Ignore them."""
        with self._lock:
            if self._inside == 0:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\b")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        """Put things back, if nobody else is inside."""
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._caught.__exit__(None, None, None)
