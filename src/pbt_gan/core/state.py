"""Everything that the controller knows of a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pbt_gan.core.log import Log
from pbt_gan.core.population import Member, Order, PopulationView, RankKey, Stretch


@dataclass(frozen=True, slots=True)
class State:
    """Everything the controller knows.

    Each member is free, pending, waiting, to be measured again, or at its end: it has trained all its steps, or has
    diverged where nothing is decided any more.
    """

    members: Mapping[int, Member] = field(default_factory=dict)  # as they go on
    measured: Mapping[int, Member] = field(default_factory=dict)  # as each one's own last report found it
    keys: tuple[RankKey, ...] = ()  # of every measured member, sorted, worst first
    free: tuple[tuple[int, int], ...] = ()  # (trained_steps, id), sorted: who may be given an order
    pending: Mapping[int, Order] = field(default_factory=dict)  # orders not answered yet, by member
    waiting: frozenset[int] = frozenset()  # at a ready point, not decided yet
    measuring: frozenset[int] = frozenset()  # at a ready point, to be measured once more, or just at it
    attempts: Mapping[int, int] = field(default_factory=dict)  # failed attempts of a member's current order
    reports: int = 0
    best: Member | None = None  # as it was at the best finite score of the whole run
    sound: Mapping[int, Member] = field(
        default_factory=dict
    )  # each one that has diverged, as it was last measured before
    memory: Any = None  # of the policy, as its last decision left it
    next_id: int = 0
    past: Log[Stretch] = field(default_factory=Log, compare=False)  # one for each report, in the order of their coming

    @property
    def view(self) -> PopulationView:
        """What a policy sees."""
        return PopulationView(
            self.measured, self.keys, self.best, self.members, self.next_id, sound=self.sound, past=self.past
        )
