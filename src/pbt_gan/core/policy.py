"""What a policy is: when members are due, and what becomes of those that are.

Population Based Training is one (`core.pbt`); halving, sub-populations, an archive of old winners are others. A policy
is pure, and remembers nothing by itself: what it must know next time it puts into the `memory` of its decisions, a JSON
value that the journal keeps and hands back, also to a resumed run.
"""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pbt_gan.core.population import Member, PopulationView
from pbt_gan.core.records import Birth, Decision, Exploit, Measure, Retire
from pbt_gan.errors import TaskError

if TYPE_CHECKING:
    pass


class Policy(Protocol):
    """Made from the plan of a run: `factory(plan) -> policy`.

    A policy that drops the worse half of the population at every ready point, and lets the others train on:

        class Halving(Policy):
            def __init__(self, plan):
                self.plan = plan

            def ready(self, member, memory):
                return member.trained_steps + self.plan.ready_interval

            def decide(self, due, view, memory):
                worse = {member.id for member in view.ranking[: len(view) // 2]}
                return [
                    Retire(member.id, member.interval, "the worse half") if member.id in worse else kept(member)
                    for member in due
                ]
    """

    looks_back: bool = True
    """Whether it, or a rule that it asks, may look at `PopulationView.past`. That grows with every report; where nobody
    looks, the past is not kept."""

    comparisons: ClassVar[Collection[str]] = ("latest",)
    """Of `Plan.comparison`, what it can do; one that compares at equal age looks at `view.at_age(member.step)`."""

    def ready(self, member: Member, memory: Any) -> int:
        """Return at how many trained steps of its slot a member is due next; its orders end there, or before.

        Asked when a member is born and whenever it was decided about; cheap, since a resumed run asks it again.
        """
        ...

    def decide(self, due: Sequence[Member], view: PopulationView, memory: Any) -> Sequence[Decision]:
        """Return decisions: at most one for each member that is due, and any number of births.

        A member without one goes on waiting, and is due again when others have been measured; one with a `Measure`
        when its own state has been scored once more.

        Args:
            due: members at their ready points, by id. All that were found due together are decided about together.
            view: the whole population, as measured; those that are due in it.
            memory: of the last decision that had one; None: there was none yet.
        """
        ...

    def home(self, member: int) -> int:
        """Return the sub-population of a member that the run begins with."""
        return 0

    def archive(self, memory: Any) -> Collection[str]:
        """Return the checkpoints that later decisions may still copy, beside those of members and of the best."""
        return ()


def kept(member: Member, rule: str = "none", reason: str = "", memory: Any = None) -> Exploit:
    """Return the decision that a member goes on as it is."""
    return Exploit(
        recipient=member.id,
        interval=member.interval,
        donor=None,
        copied=(),
        operation="none",
        before=member.hyperparams,
        after=member.hyperparams,
        rule=rule,
        reason=reason,
        scores=member.scores,
        step=member.step,
        sources=member.sources,
        memory=memory,
    )


def checked(policy: Policy, decisions: Sequence[Decision], due: Sequence[Member], next_id: int) -> Sequence[Decision]:
    """Return decisions that make sense.

    Raises:
        TaskError: one is for a member that is not due, or the second for the same one; an id is used again; or what is
            no decision at all.
    """
    name = type(policy).__name__
    open_ids = {member.id for member in due}
    for decision in decisions:
        match decision:
            case Birth(member=born):
                if born < next_id:
                    raise TaskError(f"{name}: a birth gives the id {born} again; the next free one is {next_id}.")
                next_id = born + 1
            case Exploit(recipient=member) | Measure(member=member) | Retire(member=member):
                if member not in open_ids:
                    raise TaskError(f"{name} decides about member {member}, which is not due, or was decided about.")
                open_ids.remove(member)
            case _:
                raise TaskError(f"{name}.decide returned {decision!r}; return Birth, Exploit, Measure and Retire.")
    return decisions
