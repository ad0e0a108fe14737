"""Everything that the controller knows of a run."""

from dataclasses import dataclass, field
from typing import Any

from pbt_gan.core.ages import Ages
from pbt_gan.core.log import Log
from pbt_gan.core.ordered import Ordered
from pbt_gan.core.population import Member, Order, PopulationView, RankKey, Stretch
from pbt_gan.core.roster import Roster


@dataclass(frozen=True, slots=True)
class State:
    """Everything the controller knows.

    Each member is free, pending, waiting, to be measured again, or at its end: it has trained all its steps, or has
    diverged where nothing is decided any more. What changes with every report is such that a report costs the same in a
    population of ten thousand as in one of ten, nearly.
    """

    members: Roster[Member] = field(default_factory=Roster)  # as they go on
    measured: Roster[Member] = field(default_factory=Roster)  # as each one's own last report found it
    keys: Ordered[RankKey] = field(default_factory=Ordered)  # of every measured member, worst first
    dues: Ordered[tuple[int, int]] = field(default_factory=Ordered)  # (due, id) of each that has steps left
    free: Ordered[tuple[int, int]] = field(default_factory=Ordered)  # (trained_steps, id): who may be given an order
    pending: Roster[Order] = field(default_factory=Roster)  # orders not answered yet, by member
    waiting: Ordered[int] = field(default_factory=Ordered)  # at a ready point with steps left, not decided yet
    measuring: Ordered[int] = field(default_factory=Ordered)  # to be measured once more at a ready point, or just at it
    attempts: Roster[int] = field(default_factory=Roster)  # failed attempts of a member's current order
    reports: int = 0
    best: Member | None = None  # as it was at the best finite score of the whole run
    sound: Roster[Member] = field(default_factory=Roster)  # of those that diverged: as each was last measured before
    memory: Any = None  # of the policy, as its last decision left it
    next_id: int = 0
    ages: Ages = field(default_factory=Ages)  # what was measured at each age; empty where the plan asks for the latest
    past: Log[Stretch] = field(default_factory=Log, compare=False)  # one a report, if the policy looks back

    @property
    def view(self) -> PopulationView:
        """What a policy sees."""
        seen = self.measured, self.keys, self.best, self.members, self.next_id
        return PopulationView(*seen, sound=self.sound, past=self.past, peers=self.ages.peers)
