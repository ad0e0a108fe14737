"""What slots have measured, by the age of the weights: those who can be compared fairly."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pbt_gan.core.population import Member, Peers


@dataclass(frozen=True, slots=True)
class Ages:
    """Of each age, in steps, the living members whose slots have measured a score at it, as they were then.

    A slot stays in sight at the ages that it has left behind: others come there after it. Measured twice at one age,
    the last time counts. Whenever somebody is the first to come to an age, those younger than everybody are forgotten,
    so that this grows with how far members are apart, and not with the run.
    """

    peers: Mapping[int, Peers] = field(default_factory=dict)
    oldest: int = 0

    def measured(self, member: Member, youngest: Callable[[], int]) -> "Ages":
        """Return the ages after a measurement; `youngest` is the least age with which anybody goes on."""
        found = {**self.peers, member.step: self.peers.get(member.step, Peers()).joined(member)}
        if member.step <= self.oldest:
            return Ages(found, self.oldest)
        least = youngest()
        return Ages({age: peers for age, peers in found.items() if age >= least}, member.step)

    def without(self, member: int) -> "Ages":
        """Return the ages without somebody who has left the population."""
        found = {age: peers.left(member) for age, peers in self.peers.items()}
        return Ages({age: peers for age, peers in found.items() if peers.members}, self.oldest)
