"""What a population is to do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pbt_gan.core.budget import Phase, member_steps
from pbt_gan.core.pbt import PopulationBasedTraining
from pbt_gan.core.policy import Policy
from pbt_gan.core.population import START, WHOLE, Hyperparams
from pbt_gan.core.schedule import Schedule
from pbt_gan.core.space import Space
from pbt_gan.core.strategy import Strategy

Mode = Literal["sync", "async"]
Comparison = Literal["latest", "fair"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a population is to do. All lengths are in steps of one line, see `core.budget`."""

    space: Space
    population_size: int  # at the start
    total_steps: int
    ready_interval: int  # a multiple of score_interval
    score_interval: int  # one order
    seed: int
    mode: Mode = "sync"
    comparison: Comparison = "latest"  # by each one's latest score; or, asynchronously, by scores at equal age
    phases: tuple[Phase, ...] = ()  # those after the first, by place; none: the population keeps its size
    strategy: Strategy = field(default_factory=Strategy)
    policy: Callable[["Plan"], Policy] = PopulationBasedTraining
    initial: Sequence[Hyperparams] = ()  # given to the first members; whatever is not named is drawn
    schedule: Schedule | None = None  # laid over what each member has by itself, by its steps since the run began
    start_step: int | None = None  # age of the state `START`, with which members begin; None: each with a new one

    @property
    def first_step(self) -> int:
        """The age of weights that have not been trained in this run."""
        return self.start_step or 0

    @property
    def last_step(self) -> int:
        """The age of weights that were trained from the beginning to the end."""
        return self.first_step + self.total_steps

    @property
    def fresh(self) -> Mapping[str, Any]:
        """What a member begins with that takes over nobody's state."""
        return {"step": self.first_step, "sources": {} if self.start_step is None else {WHOLE: START}}

    @property
    def member_steps(self) -> int:
        """The budget: steps of all members together."""
        return member_steps(self.population_size, self.phases, self.total_steps)

    @property
    def largest(self) -> int:
        """How many members there are at most."""
        return max(self.population_size, *(phase.members for phase in self.phases), 0)
