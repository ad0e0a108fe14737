"""What Population Based Training remembers between ready points: of its rules, of turns, of each member."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from pbt_gan.core.phases import Arrived
from pbt_gan.core.population import Member, PopulationView
from pbt_gan.core.proving import on_trial
from pbt_gan.core.records import Birth, Exploit

_OWN = "pbt"
"""Marks a memory that is made up of several."""

_D = TypeVar("_D", Exploit, Birth)
_V = TypeVar("_V")


class Memories:
    """What the rules and the turns remember, each for itself, and all of it in the policy's memory.

    Args:
        memory: of the policy.
        view: of those whose doings are remembered; None: of all.
    """

    def __init__(self, memory: Any, view: PopulationView | None = None) -> None:
        self._noted = memory
        kept = isinstance(memory, Mapping) and memory.get("of") == _OWN
        # Whatever else it is, the exploit rule alone remembers.
        parts = memory if kept else {"exploit": memory}
        self.exploit: Any = parts.get("exploit")
        self.explore: Any = parts.get("explore")
        self.arrived: Arrived = parts.get("arrived", {})
        # Of each member, by its id:
        self.trials: Mapping[str, Any] = _living(parts.get("trials", {}), view)  # whom it has copied, unproved yet
        self.copied: Mapping[str, int] = _living(parts.get("copied", {}), view)  # where in the plan it has copied
        self.restarts: Mapping[str, int] = _living(parts.get("restarts", {}), view)  # and where it has started again

    def copies(self, member: Member, donor: Member | None, *, tried: bool, aged: bool) -> None:
        """Note that a member copies weights, or that it goes on with its own."""
        own = str(member.id)
        others = {key: trial for key, trial in self.trials.items() if key != own}
        self.trials = {**others, own: on_trial(donor)} if donor is not None and tried else others
        if donor is not None and aged:
            self.copied = {**self.copied, own: member.trained_steps}

    def noted(self, decision: _D) -> _D:
        """Return a decision with the memory that it leaves behind, if that is another one than before."""
        memory = self._plain()
        if memory == self._noted:
            return decision
        self._noted = memory
        return replace(decision, memory=memory)

    def _plain(self) -> Any:
        parts = {
            "explore": self.explore,
            "arrived": {place: list(went) for place, went in self.arrived.items()},
            "trials": self.trials,
            "copied": self.copied,
            "restarts": self.restarts,
        }
        others = {name: value for name, value in parts.items() if value}
        if not others and (self.exploit is not None or self._noted is None):
            return self.exploit
        return {"of": _OWN, "exploit": self.exploit, **others}


def _living(of_members: Mapping[str, _V], view: PopulationView | None) -> Mapping[str, _V]:
    if view is None:
        return of_members
    return {member: value for member, value in of_members.items() if int(member) in view.members}
