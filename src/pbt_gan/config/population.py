"""From a share of the budget to steps: what a resolved configuration says about its population."""

from collections.abc import Iterator

from pbt_gan.config.settings import ExploitSettings, ExploreSettings, HalvingSettings, PBTSettings, PhaseSettings
from pbt_gan.core import budget
from pbt_gan.core.budget import Newcomers
from pbt_gan.errors import ConfigError
from pbt_gan.validation import validated

_RULES = ExploitSettings().name, ExploreSettings().name
"""What stands there when nobody chose anything."""


def settled(pbt: PBTSettings) -> PBTSettings:
    """Return settings in which budget and shares have become steps: `population_size`, `phases` and `total_steps`.

    So a run that is trained further, with more steps, has the phases that it had; its last one is longer.
    """
    if pbt.population is None and pbt.budget_steps is None:
        return pbt
    unit = pbt.score_interval or pbt.ready_interval
    later = pbt.later
    if later:  # and a budget
        assert pbt.budget_steps is not None
        spent = budget.member_steps(pbt.population_size, later, later[-1].begins)
        total = later[-1].begins + max((pbt.budget_steps - spent) // (later[-1].members * unit), 1) * unit
    else:
        shares = _shares(pbt)
        wanted = pbt.budget_steps or budget.budget_of(shares, pbt.total_steps)
        total = pbt.total_steps if pbt.budget_steps is None else budget.total_steps(shares, wanted, unit)
        later = tuple(phase for phase in budget.phases(shares, wanted, unit)[1:] if phase.begins < total)
    plain = {**pbt.model_dump(), "total_steps": total, "population": None, "budget_steps": None}
    plain["phases"] = pbt.phases or tuple(PhaseSettings(begins=each.begins, members=each.members) for each in later)
    return PBTSettings(**{key: value for key, value in plain.items() if value is not None})


def resized(pbt: PBTSettings, place: int, members: int, newcomers: Newcomers) -> PBTSettings:
    """Return resolved settings with so many members from a place on, until the next phase begins.

    A phase that begins right there gives way.

    Raises:
        ConfigError: the run ends there, or before.
    """
    if place >= pbt.total_steps:
        raise ConfigError(
            f"population = {members}: the number of members changes at a ready point, and before the end, at step "
            f"{pbt.total_steps}, there is none left that nobody has passed. Give more steps as well."
        )
    before = [phase for phase in pbt.phases if phase.begins < place]
    after = [phase for phase in pbt.phases if phase.begins > place]
    size = before[-1].members if before else pbt.population_size
    between = [{"begins": place, "members": members, "newcomers": newcomers}] if size != members else []
    return validated(PBTSettings, {**pbt.model_dump(exclude_none=True), "phases": [*before, *between, *after]}, "pbt")


def as_resized(pbt: PBTSettings, then: PBTSettings) -> PBTSettings:
    """Return settings with the sizes that a run was given on the way, if they are those of its plan but for these.

    So whoever began a run with a command goes on with the same command.
    """
    given = [phase for phase in then.phases if phase.newcomers is not None]
    places = {phase.begins for phase in given}
    planned = [phase for phase in then.phases if phase.newcomers is None]
    if not given or [phase for phase in pbt.phases if phase.begins not in places] != planned:
        return pbt
    return pbt.model_copy(update={"phases": then.phases})


def remarks(asked: PBTSettings, found: PBTSettings) -> Iterator[str]:
    """Tell what somebody may not expect of the plan that was found for what they asked."""
    if asked.population is None:
        return
    unit = asked.score_interval or asked.ready_interval
    later = found.later
    spent = budget.member_steps(found.population_size, later, found.total_steps)
    meant, left = _shares(asked)[-1][1], later[-1].members if later else found.population_size
    if asked.budget_steps is not None and spent > asked.budget_steps:
        yield (
            f"pbt.budget_steps = {asked.budget_steps} is little: with {unit} steps between two scores this population "
            f"trains {spent} in all. A smaller pbt.ready_interval would help."
        )
    elif left != meant:
        yield (
            f"pbt.total_steps = {found.total_steps} ends with {left} members, not with {meant}: each number of members "
            f"trains for at least the {unit} steps between two scores."
        )
    chosen = asked.exploit.name, asked.explore.name
    if later and left == 1 and "none" not in chosen and chosen != _RULES:
        together = budget.member_steps(found.population_size, later[:-1], later[-1].begins) / spent
        if asked.selection is not None and together <= asked.selection.warmup:
            yield (
                f"pbt.exploit = {chosen[0]!r} and pbt.explore = {chosen[1]!r} serve only to rescue who diverges: when "
                f"pbt.selection.warmup = {asked.selection.warmup:g} of the budget is spent, one member is left. Set "
                "that to 0, or keep all with pbt.population = [[0, 8]]."
            )


def _shares(pbt: PBTSettings) -> budget.Shares:
    match pbt.population:
        case None:
            return [(0.0, pbt.population_size)]
        case HalvingSettings() as rule:
            return budget.halving(pbt.population_size, eta=rule.eta, share=rule.share, last=rule.last)
        case shares:
            return shares
