"""What tests of strategies have in common: a plan, and a run of it in which nothing is trained."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from pbt_gan.core.controller import Controller
from pbt_gan.core.lineage import History
from pbt_gan.core.plan import Plan
from pbt_gan.core.population import Order
from pbt_gan.core.records import Record
from pbt_gan.core.space import Float, Range
from pbt_gan.core.state import State
from tests.core import running

SPACE = {"lr": Float(Range(1e-4, 1e-2), (1e-6, 1e-1), "log")}
Scores = Callable[[Order], float]


@dataclass(frozen=True)
class Trained:
    """A run that has ended."""

    controller: Controller
    state: State
    records: Sequence[Record]
    history: History

    @property
    def member_steps(self) -> int:
        """Steps of all members together."""
        return self.history.member_steps

    def of(self, kind: type) -> list[Any]:
        """Return its records of a kind, in the order in which they were made."""
        return [record for record in self.records if isinstance(record, kind)]


@pytest.fixture
def plan():
    def made(**changes) -> Plan:
        lengths = {"population_size": 4, "total_steps": 80, "ready_interval": 10, "score_interval": 10, "seed": 0}
        return Plan(space=SPACE, **{**lengths, **changes})

    return made


@pytest.fixture
def train():
    """Run a plan to its end; the youngest order is answered first, and every record goes through JSON."""

    def to_the_end(plan: Plan, score: Scores | None = None, slots: int = 3) -> Trained:
        controller = Controller(plan)
        state, kept = running.train(controller, slots, score)
        assert controller.fold(kept) == state
        return Trained(controller, state, kept, History.of(kept))

    return to_the_end
