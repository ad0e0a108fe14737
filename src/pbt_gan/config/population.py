"""From a share of the budget to steps: what a resolved configuration says about its population."""

from pbt_gan.config.settings import HalvingSettings, PBTSettings, PhaseSettings
from pbt_gan.core import budget


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


def _shares(pbt: PBTSettings) -> budget.Shares:
    match pbt.population:
        case None:
            return [(0.0, pbt.population_size)]
        case HalvingSettings() as rule:
            return budget.halving(pbt.population_size, eta=rule.eta, share=rule.share, last=rule.last)
        case shares:
            return shares
