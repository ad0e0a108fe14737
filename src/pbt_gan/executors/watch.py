"""How long a worker has been silent, or at what it was given, and when that is worth a word."""

import math
from collections.abc import Sequence

from pbt_gan.core.population import Order

SILENT_S = 10.0
"""Without a sign of life for so long, a worker is said to be silent: ten heartbeats are missing, each a thread's only
work, and its process has used no processor time either."""

STARTING_S = 60.0
"""The same of a worker that is starting: on a cold disk the interpreter alone may take long."""

SLOW = 10.0
"""A worker is said to be slow when it takes so many times longer than any before."""

SLOW_S = 60.0
"""And at least so long; a first one-second step beside many quick ones is nothing to talk about."""

UNKNOWN_S = 600.0
"""Nobody has answered yet: then it is said after this."""


PATIENCE = 20.0
"""A worker that takes so many times longer than any before has hung."""

PATIENCE_S = 600.0
"""But no sooner than after this."""

FIRST_S = 86_400.0
"""Nobody has answered yet, or it is still building its task: then it has hung after this."""


def patience_s(longest_s: float | None) -> float:
    """Return after how many seconds a worker has hung, of which nobody has said how long it may take.

    Args:
        longest_s: that any worker took for as much; None: nobody has answered yet.

    >>> patience_s(None), patience_s(1.0), patience_s(60.0)
    (86400.0, 600.0, 1200.0)
    """
    return FIRST_S if longest_s is None else max(PATIENCE_S, PATIENCE * longest_s)


class Watch:
    """What is known of the time of one worker; all times are in seconds of one clock.

    Args:
        now_s: when it was hired.
    """

    def __init__(self, now_s: float) -> None:
        self.silent = False
        """Whether it was said to be."""
        self._slow = False  # likewise
        self._heard_s = now_s
        self._given_s = self._began_s = now_s  # the second leaves out what nobody watched

    def heard(self, now_s: float) -> str:
        """Note a sign of life; return what there is to say."""
        silent_s, was_silent = now_s - self._heard_s, self.silent
        self._heard_s, self.silent = now_s, False
        return f"answers again, after {silent_s:.0f} s." if was_silent else ""

    def begun(self, now_s: float) -> None:
        """Note that it begins what it was given: now, or again when it is ready."""
        self._given_s = self._began_s = now_s
        self._slow = False

    def at_it_s(self, now_s: float) -> float:
        """Return for how long it has been at what it was given, as far as somebody watched."""
        return now_s - self._began_s

    def took_s(self, now_s: float) -> float:
        """Return how long it took at most for what it was given."""
        return now_s - self._given_s

    def silent_s(self, now_s: float) -> float:
        """Return for how long it has given no sign of life, as far as somebody watched."""
        return now_s - self._heard_s

    def excuse(self, away_s: float, now_s: float) -> None:
        """Leave out the time until now in which nobody watched."""
        self._heard_s = min(self._heard_s + away_s, now_s)
        self._began_s = min(self._began_s + away_s, now_s)

    def concern(
        self,
        now_s: float,
        ready: bool,
        orders: Sequence[Order],
        longest_s: float | None,
        limit_s: float = math.inf,
        place: str = "",
    ) -> str:
        """Return what there is to say now about its silence or slowness: each once, then nothing.

        Args:
            now_s: the moment.
            ready: whether it has built its task.
            orders: what it was given.
            longest_s: that any worker took for as much; None: nobody has answered yet.
            limit_s: after which it will be ended; inf: never.
            place: at which line of a person's own code it was seen last.
        """
        task = "; ".join(f"member {order.member}, interval {order.interval}" for order in orders)
        task += f", at {place}" if task and place else ""
        silent_s = self.silent_s(now_s)
        ended = f"it will be ended and replaced after {limit_s:g} s" if limit_s < math.inf else ""
        if not self.silent and silent_s >= (SILENT_S if ready else STARTING_S):
            self.silent = True
            return (
                f"has been silent for {silent_s:.0f} s: {task or 'it has nothing to do just now'}. Its process is "
                f"stopped or cannot run; {ended or 'executor.deadline_s would end and replace it'}."
            )
        if orders and not self._slow and self.at_it_s(now_s) >= (_slow_s(longest_s) if ready else UNKNOWN_S):
            self._slow = True
            compared = (
                "nobody has answered yet" if longest_s is None else f"the longest until now took {longest_s:.3g} s"
            )
            compared = compared if ready else "it is still building its task"
            return (
                f"has not answered for {self.at_it_s(now_s):.0f} s: {task}; {compared}. If it hangs, stop the run and "
                f"see what the task waits for; {ended or 'executor.deadline_s would end and retry it'}."
            )
        return ""

    def concern_s(self, orders: Sequence[Order], longest_s: float | None) -> float:
        """Return when an order's deadline or its slowness is due, if nothing happens before; inf: never."""
        if not orders:
            return math.inf
        limits = [order.deadline_s for order in orders if order.deadline_s is not None]
        return self._began_s + min([*limits, math.inf if self._slow else _slow_s(longest_s)])


def _slow_s(longest_s: float | None) -> float:
    return UNKNOWN_S if longest_s is None else max(SLOW_S, SLOW * longest_s)
