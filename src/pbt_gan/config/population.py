"""From a share of the budget to steps: what a resolved configuration says about its population."""

from collections.abc import Iterator

from pbt_gan.config.settings import ExploitSettings, ExploreSettings, HalvingSettings, PBTSettings, PhaseSettings
from pbt_gan.core import budget

_RULES = ExploitSettings().name, ExploreSettings().name
"""What stands there when nobody chose anything."""


def settled(pbt: PBTSettings) -> PBTSettings:
    """Return settings in which budget and shares have become steps: `population_size`, `phases` and `total_steps`.

    So a run that is trained further, with more steps, has the phases that it had; its last one is longer.

    Raises:
        ValueError: never; whatever was wrong has been said when the settings were read.
    """
    if pbt.population is None and pbt.budget_steps is None:
        return pbt
    unit = pbt.score_interval or pbt.ready_interval
    later = tuple(budget.Phase(phase.begins, phase.members) for phase in pbt.phases)
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
    plain["phases"] = tuple(PhaseSettings(begins=phase.begins, members=phase.members) for phase in later)
    return PBTSettings(**{key: value for key, value in plain.items() if value is not None})


def remarks(asked: PBTSettings, found: PBTSettings) -> Iterator[str]:
    """Tell what somebody may not expect of the plan that was found for what they asked."""
    if asked.population is None:
        return
    unit = asked.score_interval or asked.ready_interval
    later = [budget.Phase(phase.begins, phase.members) for phase in found.phases]
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
