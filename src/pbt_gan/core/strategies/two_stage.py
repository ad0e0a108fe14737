"""Two stages: a short random search, then a fresh member at the best setting that it found."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pbt_gan.core.policy import Policy, kept
from pbt_gan.core.population import Hyperparams, Member, PopulationView
from pbt_gan.core.records import Birth, Decision, Retire
from pbt_gan.core.rng import stream
from pbt_gan.core.space import draw
from pbt_gan.errors import ConfigError

if TYPE_CHECKING:
    from pbt_gan.core.plan import Plan


class TwoStages(Policy):
    """What an expert does by hand: look at some settings for a while, then train a new model at the best of them.

    The phases of the plan say how many settings share how much of the budget; at the turn all of them retire, and as
    many new members as the second phase has are born with new weights, at the best settings, best first. Nobody copies
    weights, so what was spent on the search is spent for good. Settings rank as the strategy's selection sees them.

    In asynchronous runs those who arrive at the turn early wait for the others.

    Source: the usual recipe; Godbole et al. 2023, Deep Learning Tuning Playbook, call its stages exploration and
    exploitation.

    Raises:
        ConfigError: the plan has not two phases, or the second is not the smaller one.
    """

    def __init__(self, plan: "Plan") -> None:
        if len(plan.phases) != 1 or plan.phases[0].members >= plan.population_size:
            raise ConfigError(
                'pbt.policy = "two-stage" is a search and a training, such as pbt.population = [[0, 8], [0.3, 1]]: '
                "eight settings share three tenths of the budget, and one new member gets the rest."
            )
        self._plan = plan
        self._turn = plan.phases[0].begins

    def ready(self, member: Member, memory: Any) -> int:
        """Return where the search ends; beyond it nobody is due before the end."""
        return self._turn if member.trained_steps < self._turn else member.trained_steps + self._plan.total_steps

    def decide(self, due: Sequence[Member], view: PopulationView, memory: Any) -> Sequence[Decision]:
        """Retire all who have searched, once the last one has arrived, and bear their successors."""
        if elsewhere := [member for member in due if member.trained_steps != self._turn]:
            return [kept(member) for member in elsewhere]  # diverged: they arrive at the turn, or end, without training
        if len(due) < sum(member.trained_steps <= self._turn for member in view.current.values()):
            return []
        births = [
            Birth(view.next_id + number, setting, origin, trained_steps=self._turn, **self._plan.fresh)
            for number, (setting, origin) in enumerate(self._settings(due, view))
        ]
        return [*(Retire(m.id, m.interval, f"score {m.score:.5g}; the search ends") for m in due), *births]

    def _settings(self, here: Sequence[Member], view: PopulationView) -> list[tuple[Hyperparams, str]]:
        """Return the settings that are trained, best first, and where each is from."""
        plan = self._plan
        seen = plan.strategy.selection.seen(view, score_interval=plan.score_interval, total_steps=plan.last_step)
        ranked = seen.ranked.only({member.id for member in here})
        best_first = [member for member in reversed(ranked.ranking) if member.healthy]
        if not best_first and view.best is not None:
            best_first = [view.best]
        found: list[tuple[Hyperparams, str]] = [
            (member.hyperparams, f"anew at the setting of member {member.id}, with {member.score:.5g}")
            for member in best_first[: plan.phases[0].members]
        ]
        others = range(len(found), plan.phases[0].members)  # fewer than that are healthy
        return found + [(draw(plan.space, stream(plan.seed, "birth", view.next_id + n)), "drawn") for n in others]
