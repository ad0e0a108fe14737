"""How long a crew's workers have trained, and how long they waited while there was somebody to train."""

from pbt_gan.interfaces import Usage


class Hours:
    """Adds up what happens between two moments; all times are in seconds of one clock.

    A worker waits while it is free and a member has steps left that nobody trains just now: at a barrier of synchronous
    training, or while the run's own process is busy. When all who are left are under way elsewhere it has nothing to
    do, which is no waiting, nor is a worker's start.

    Args:
        now_s: when the crew begins.
    """

    def __init__(self, now_s: float) -> None:
        self._busy_s = self._waiting_s = 0.0
        self._since_s = now_s
        self._free = self._left = 0

    def trained(self, took_s: float, busy_s: float | None) -> None:
        """Note that a worker is done with what it was given.

        Args:
            took_s: from when it could begin until its last answer was read.
            busy_s: of that it was at it, by its own account; None: all the time.
        """
        busy_s = took_s if busy_s is None else min(max(busy_s, 0.0), took_s)
        self._busy_s += busy_s
        self._waiting_s += took_s - busy_s

    def changed(self, now_s: float, *, free: int, left: int | None = None, answered: int = 0) -> None:
        """Note how things stand from now on.

        Args:
            now_s: the moment.
            free: workers without orders.
            left: members that have steps left, and that nobody trains; None: as before.
            answered: how many were trained until now; they may be among those, until it is known better.
        """
        self._waiting_s += min(self._free, self._left) * (now_s - self._since_s)
        self._since_s, self._free = now_s, free
        self._left = (self._left if left is None else left) + answered

    @property
    def usage(self) -> Usage:
        """Return what has been noted so far."""
        return Usage(self._busy_s, self._waiting_s)
