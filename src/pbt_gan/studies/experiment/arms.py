"""The arms that an experiment can compare: what each changes of the configuration that all of them share.

An arm says who trains and by which rules. How long follows: it gets the budget, which is the same for all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pbt_gan.config.schedules import schedule_settings
from pbt_gan.config.settings import Config
from pbt_gan.core.budget import member_steps
from pbt_gan.core.schedule import Decay, replay, stretched
from pbt_gan.core.space import Space, middles
from pbt_gan.runs.replay import NOBODY_COPIES
from pbt_gan.runs.result import Run

Table = Mapping[str, Any]

PBT, RANDOM_SEARCH, SHRINKING, LONGER = "pbt", "random-search", "shrinking", "longer"

PAPER: Table = {
    "exploit": {"name": "truncation", "fraction": 0.2},
    "explore": {"name": "perturb", "factors": [0.5, 2.0]},
}
"""The paper's rules for GANs, for PBT where the config itself copies nobody. Jaderberg et al. 2017, section 4.3."""

OTHER_SEED = 1_000_000
"""Added to the seed of a replay, so that it repeats the schedule and nothing else."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What all arms of an experiment have in common."""

    config: Config  # resolved
    space: Space
    budget_steps: int  # of all members together
    fixed_size: int  # members, where their number never changes
    decay: Table  # the schedule of an arm that decays

    @property
    def unit(self) -> int:
        """The steps between two scores."""
        return self.config.pbt.score_interval or self.config.pbt.ready_interval


@dataclass(frozen=True, slots=True)
class Arm:
    """One way of spending the budget."""

    says: str  # what it is, for the protocol
    change: Callable[[Shared, Run | None], Table]  # by what is shared, and the run of `after`
    after: str | None = None  # the arm whose run of the same seed it needs
    alone: bool = True  # such an arm has one member; else as many as those of fixed size


def _fixed(says: str, *changes: Table) -> Arm:
    """Return an arm whose population never changes its size."""

    def change(shared: Shared, found: Run | None) -> Table:
        rules = PAPER if shared.config.pbt.exploit.name == "none" else {}
        return {"pbt": _laid({"population_size": shared.fixed_size}, rules, *changes)}

    return Arm(says, change)


def _shrinking(says: str, *changes: Table, decays: bool = False) -> Arm:
    """Return an arm with the phases of the config, or those of halving if it has none."""

    def change(shared: Shared, found: Run | None) -> Table:
        phases = {} if shared.config.pbt.phases else {"population": {"rule": "halving"}}
        return {"pbt": _laid(phases, *changes, {"schedule": shared.decay} if decays else {})}

    return Arm(says, change)


def _two_stages(shared: Shared, found: Run | None) -> Table:
    """A search with as many members, and as large a share of the budget, as shrinking has before it is smallest."""
    pbt = shared.config.pbt
    later = pbt.later
    smallest = min(later, key=lambda phase: (phase.members, phase.begins), default=None)
    share = 1 / 3
    if smallest is not None:
        before = [phase for phase in later if phase.begins < smallest.begins]
        share = member_steps(pbt.population_size, before, smallest.begins) / shared.budget_steps
    population = [[0.0, max(pbt.population_size, 2)], [share, 1]]
    return {"pbt": {**NOBODY_COPIES, "policy": {"name": "two-stage"}, "population": population}}


def _alone(says: str, initial: Callable[[Space], list[Any]], decays: bool = False) -> Arm:
    """Return an arm of one member that gets the whole budget."""

    def change(shared: Shared, found: Run | None) -> Table:
        schedule = {"schedule": shared.decay} if decays else {}
        return {"pbt": {**NOBODY_COPIES, "population_size": 1, "initial": initial(shared.space), **schedule}}

    return Arm(says, change)


def _replay(after: str) -> Arm:
    def change(shared: Shared, found: Run | None) -> Table:
        assert found is not None  # this arm comes after the other
        line = found.lineage()
        length = line[-1].end_step - line[0].start_step
        schedule = stretched(replay(line, same_streams=False), length, shared.budget_steps, shared.unit)
        rows = schedule_settings(schedule)
        return {
            "seed": shared.config.seed + OTHER_SEED,
            "pbt": {**NOBODY_COPIES, "population_size": 1, "initial": [], "schedule": rows},
        }

    return Arm(
        f"one new member, trained with the schedule that the best member of {after} found in that seed, stretched to "
        "the whole budget (the search is not charged to it)",
        change,
        after=after,
    )


def _as_found(shared: Shared, found: Run | None) -> Table:
    """As many new members as the search had, for as long, so that they compare with those of `fixed`."""
    assert found is not None  # this arm comes after the other
    rows = schedule_settings(replay(found.lineage(), same_streams=False))
    return {
        "seed": shared.config.seed + OTHER_SEED,
        "pbt": {**NOBODY_COPIES, "population_size": shared.fixed_size, "initial": [], "schedule": rows},
    }


def _all_in_the_middle(shared: Shared, found: Run | None) -> Table:
    size = shared.fixed_size
    return {"pbt": {**NOBODY_COPIES, "population_size": size, "initial": [middles(shared.space)] * size}}


def _decayed(shape: Decay) -> Arm:
    says = f"random search whose rates decay to a hundredth, {shape}"
    return _fixed(says, NOBODY_COPIES, {"schedule": {"decay": shape}})


def _drawn(space: Space) -> list[Any]:
    return []


def _middle(space: Space) -> list[Any]:
    return [middles(space)]


def _laid(*tables: Table) -> dict[str, Any]:
    return {key: value for table in tables for key, value in table.items()}


ARMS: Mapping[str, Arm] = {
    PBT: _fixed("PBT with a population of fixed size, and the rules of the config, or the paper's if it has none"),
    RANDOM_SEARCH: _fixed("the same members and initial draws as pbt, without exploit and explore", NOBODY_COPIES),
    SHRINKING: _shrinking("a population that shrinks as the config says, with its rules"),
    "halving": _shrinking("a population that shrinks as the config says; nobody copies or moves", NOBODY_COPIES),
    "halving-decay": _shrinking("halving, whose rates decay", NOBODY_COPIES, decays=True),
    "asha": _shrinking("halving, where nobody waits for the others", NOBODY_COPIES, {"mode": "async"}),
    LONGER: _alone("one member at the middle of each hyperparameter's init, with all the steps", _middle),
    "longer-random": _alone(
        "one member with all the steps, at the setting that member 0 draws: what one gets who knows nothing", _drawn
    ),
    "longer-decay": _alone("longer, whose rates decay", _middle, decays=True),
    "longer-random-decay": _alone("longer-random, whose rates decay", _drawn, decays=True),
    "replay": _replay(PBT),
    "replay-shrinking": _replay(SHRINKING),
    "replay-all": Arm(
        f"as many new members as {PBT} had, each trained with the schedule that the best of them found in that seed, "
        "as it stands (the search is not charged to it)",
        _as_found,
        after=PBT,
        alone=False,
    ),
    "two-stage": Arm(
        "random search of as many members and steps as shrinking spends until it is smallest, then a new member at the "
        "best setting",
        _two_stages,
    ),
    "hyperband": _fixed(
        "brackets of successive halving, one after another, with sizes of their own that together cost as much as",
        NOBODY_COPIES,
        {"policy": {"name": "hyperband"}},
    ),
    "pb2": _fixed("pbt whose moves a Gaussian process chooses, PB2", {"explore": "pb2"}),
    "pb2-mix": _fixed("likewise, also of what is no number, PB2-Mix", {"explore": "pb2_mix"}),
    "trust-region": _fixed(
        "likewise, within a region around the best that grows and shrinks", {"explore": "trust_region"}
    ),
    "mf-pbt": _fixed(
        "sub-populations of which some decide more seldom than others, MF-PBT", {"policy": {"name": "mf-pbt"}}
    ),
    "fire": _fixed(
        "PBT of which some members are ranked by how fast a line improves from them, FIRE", {"policy": {"name": "fire"}}
    ),
    "ipbt": _fixed("pbt that restarts with a longer ready interval when it stalls, IPBT", {"policy": {"name": "ipbt"}}),
    "settle": _fixed("pbt whose moves settle: smaller towards the end, and along what helped", {"explore": "settle"}),
    "fixed": Arm(
        "every member has the middle of each hyperparameter's init; they differ in seeds only", _all_in_the_middle
    ),
    "linear": _decayed("linear"),
    "exponential": _decayed("exponential"),
    "cosine": _decayed("cosine"),
    "weights-only": _fixed(
        "pbt whose recipients copy weights and keep their own hyperparameters", {"exploit": {"copies": "weights"}}
    ),
    "hyperparameters-only": _fixed(
        "pbt whose recipients copy hyperparameters and keep their weights", {"exploit": {"copies": "hyperparams"}}
    ),
    "generator-only": _fixed(
        "pbt whose recipients copy hyperparameters and the generator, and keep their discriminator",
        {"exploit": {"copies": ["generator", "hyperparams"]}},
    ),
    "discriminator-only": _fixed(
        "pbt whose recipients copy hyperparameters and the discriminator, and keep their generator",
        {"exploit": {"copies": ["discriminator", "hyperparams"]}},
    ),
}
