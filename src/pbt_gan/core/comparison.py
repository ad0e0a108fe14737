"""Among whom a member is ranked at its ready point: among all by their latest scores, or among those at its age."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pbt_gan.core.population import Member, PopulationView
from pbt_gan.core.selection import Seen

if TYPE_CHECKING:
    from pbt_gan.core.plan import Plan


@dataclass(frozen=True, slots=True)
class Compared:
    """Among whom one member is ranked, as the plan's selection sees them."""

    latest: Seen  # everybody, by what was measured last
    peers: Seen  # those among whom it is ranked: everybody, or those who have measured at its age, as they were then
    age: int | None  # at which scores are compared; None: the latest ones are

    @property
    def alone(self) -> bool:
        """Whether nobody else has measured at its age yet."""
        return self.age is not None and len(self.peers.ranked) < 2

    def unchanged(self, peer: Member) -> bool:
        """Whether a peer has measured nothing since."""
        latest = self.latest.measured.members.get(peer.id)
        return latest is not None and latest.interval == peer.interval

    def handed_over(self, donor: Member, recipient: Member) -> tuple[Member | None, str]:
        """Return what a donor hands over, as it was measured, or None and why not, for a person.

        Where ages are compared it was chosen for what it was at the recipient's age. It hands over its latest state, if
        what it has become since is still better than the recipient.

        Args:
            donor: one of the ranked peers.
            recipient: likewise.
        """
        if self.age is None:
            return self.peers.original(donor), ""
        latest = self.latest.measured.members.get(donor.id)
        if latest is None or not latest.healthy:
            return None, f"; member {donor.id} was better at this age and has diverged since"
        if self.latest.as_ranked(latest).score <= recipient.score:
            return None, f"; member {donor.id} was better at this age and has only {latest.score:.5g} now"
        return latest, ""


class Comparison:
    """By what members are compared that are decided about together.

    Args:
        plan: of the run.
        view: of before all of these decisions.
    """

    def __init__(self, plan: "Plan", view: PopulationView) -> None:
        self._plan = plan
        self._view = view
        self._at = dict[int, Seen]()
        self.latest = self._seen(view)
        """Everybody, by what was measured last."""

    def of(self, member: Member) -> Compared:
        """Return among whom a member is ranked that stands at its ready point."""
        if self._plan.comparison == "latest":
            return Compared(self.latest, self.latest, None)
        if member.step not in self._at:
            self._at[member.step] = self._seen(self._view.at_age(member.step))
        return Compared(self.latest, self._at[member.step], member.step)

    def _seen(self, view: PopulationView) -> Seen:
        plan = self._plan
        return plan.strategy.selection.seen(view, score_interval=plan.score_interval, total_steps=plan.last_step)
