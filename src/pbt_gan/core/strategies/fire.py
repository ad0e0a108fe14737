"""FIRE PBT: some members are ranked by how fast a line improves from their weights, not by their scores."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import inf
from statistics import fmean
from typing import TYPE_CHECKING, Any

from pbt_gan.core.copying import anew, cloned, rescuer, whole
from pbt_gan.core.policy import Policy, kept
from pbt_gan.core.population import Hyperparams, Member, PopulationView
from pbt_gan.core.records import Exploit
from pbt_gan.core.rng import stream
from pbt_gan.errors import ConfigError

if TYPE_CHECKING:
    from pbt_gan.core.plan import Plan

GREEDY, PARENTS, EVALUATORS = 0, 1, 2
"""The sub-populations."""

_FEWEST = 4  # members: a greedy one, two parents, an evaluator

Curve = Sequence[tuple[int, float]]
"""Places and smoothed scores, oldest first, of weights that were only trained meanwhile."""


def smoothed(curve: Curve, last: int = 3) -> Curve:
    """Return a curve of means, each of a score and of up to `last` - 1 before it.

    >>> smoothed([(10, 1.0), (20, 3.0), (30, 5.0), (40, 7.0)])
    [(10, 1.0), (20, 2.0), (30, 3.0), (40, 5.0)]
    """
    scores = [score for _, score in curve]
    return [(place, fmean(scores[max(n + 1 - last, 0) : n + 1])) for n, (place, _) in enumerate(curve)]


def rate(curve: Curve, level: float) -> float:
    """Return how fast a curve rose since it came to a level, in score a step; -inf: it never did.

    >>> rate([(10, 1.0), (20, 3.0), (40, 7.0)], 3.0)
    0.2
    """
    beyond = [point for point in curve if point[1] >= level]
    if not beyond:
        return -inf
    (begins, score), (ends, latest) = beyond[0], curve[-1]
    return (latest - score) / max(ends - begins, 1)


def faster(one: Curve, other: Curve) -> bool:
    """Whether a curve rises faster than another from the first score on that both have reached.

    >>> slow, high = [(10, 1.0), (20, 2.0), (30, 4.0)], [(10, 2.0), (20, 2.5), (30, 3.0)]
    >>> faster(slow, high), faster(high, slow)
    (True, False)
    """
    level = max(one[0][1], other[0][1])
    return rate(one, level) > rate(other, level)


@dataclass(frozen=True, slots=True)
class _Memory:
    """What is remembered, by members' ids as JSON has them; places are those of the plan."""

    watches: Mapping[str, Any] = field(default_factory=dict)  # by evaluator: its parent, its child, where it began
    shown: Mapping[str, Any] = field(default_factory=dict)  # by parent: the evaluator of last time, from where to where
    copied: Mapping[str, int] = field(default_factory=dict)  # where a member's weights were replaced last
    explore: Any = None


class FasterImprovementRate(Policy):
    """A greedy sub-population, one of parents that look ahead, and evaluators that find out which of them do.

    - An *evaluator* takes the state of a parent and the hyperparameters of the best greedy member, its *child*, and
      trains. It ends when it has won, when its parent's or its child's weights were replaced, or after `patience` ready
      intervals; then it takes the parent that was not evaluated for longest.
    - A *parent's* fitness is how many others it beats: of two evaluators' curves the one that rises faster from the
      first score on that both have reached. The least fit quarter copies the fittest one, explored.
    - A *greedy* member whose evaluator has overtaken it, with a higher smoothed score and a faster rise, takes that
      one's state: what a parent had put off pays off there. Otherwise the worst quarter copies the best, explored.

    Departs from the paper: there is one sub-population of parents, not a chain of them; curves are smoothed by means of
    three scores instead of a Gaussian process, and compared as they are, since runs of tens of scores are too short for
    the paper's binomial test; evaluators are a quarter of the members. Diverged members are rescued as everywhere.

    Source: Dalibard and Jaderberg 2021, arXiv:2109.13800, section 3.

    Args:
        plan: of the run. Of its strategy it uses the explore rule.
        patience: ready intervals that an evaluation takes at most.

    Raises:
        ConfigError: the plan has phases, or fewer than four members; or `patience` makes no sense.
    """

    def __init__(self, plan: "Plan", *, patience: int = 5) -> None:
        if plan.phases:
            raise ConfigError('pbt.policy = "fire" keeps its size; leave pbt.population and pbt.phases out.')
        if plan.population_size < _FEWEST:
            raise ConfigError(
                f'pbt.policy = "fire" needs {_FEWEST} members or more: a greedy one, two parents and an evaluator; '
                f"population_size = {plan.population_size}."
            )
        if patience < 2:
            raise ConfigError(f"pbt.policy.patience = {patience}: a curve has two points or more.")
        self._plan = plan
        self._patience = patience * plan.ready_interval

    def home(self, member: int) -> int:
        """Return where a member lives: the last quarter evaluates; of the others the first half is greedy, or less."""
        size = self._plan.population_size
        others = size - size // 4
        return EVALUATORS if member >= others else GREEDY if member < others // 2 else PARENTS

    def ready(self, member: Member, memory: Any) -> int:
        """Return the next multiple of the ready interval."""
        interval = self._plan.ready_interval
        return (member.trained_steps // interval + 1) * interval

    def decide(self, due: Sequence[Member], view: PopulationView, memory: Any) -> Sequence[Exploit]:
        """Decide about greedy members first, then about parents, then about evaluators."""
        now = _Memory(**memory) if memory else _Memory()
        decisions: list[Exploit] = []
        going: dict[int, Hyperparams] = {}
        for member in sorted(due, key=lambda member: (member.subpopulation, member.id)):
            before = now
            decision, now = self._decided(member, view, going, now)
            going[member.id] = decision.after
            decisions.append(decision if now == before else replace(decision, memory=asdict(now)))
        return decisions

    def _decided(
        self, member: Member, view: PopulationView, going: Mapping[int, Hyperparams], now: _Memory
    ) -> tuple[Exploit, _Memory]:
        if member.subpopulation == EVALUATORS:
            return self._evaluator(member, view, now)
        if not member.healthy:
            donor: Member | None = rescuer(member, view, stream(self._plan.seed, "exploit", member.id, member.interval))
            if donor is None:
                return anew(self._plan, member), _replaced(now, member)
            return self._clone(member, donor, "rescue", view, going, now)
        if member.subpopulation == GREEDY:
            rival = self._overtaken(member, view, now)
            if rival is not None:
                reason = f"its evaluator, member {rival.id}, has overtaken it with {rival.score:.5g}"
                ended = _replaced(_ended(now, rival.id, rival.trained_steps), member)
                return whole(member, rival, "overtaken", reason, rival.hyperparams), ended
            order = [each.id for each in view.subpopulation(GREEDY).ranking]
        else:
            fitness = self._fitness(view, now)
            order = sorted(fitness, key=lambda parent: (fitness[parent], parent))
            if member.id not in fitness or fitness[member.id] == fitness[order[-1]]:
                return kept(member, "fire", "a parent that is not known to be less fit than another"), now
        quarter = max(len(order) // 4, 1)
        place = order.index(member.id)
        if place >= quarter or len(order) < 2:
            return kept(member, "fire", f"stands {place + 1} of {len(order)} from below"), now
        return self._clone(member, view.members[order[len(order) - quarter + place]], "fire", view, going, now)

    def _overtaken(self, member: Member, view: PopulationView, now: _Memory) -> Member | None:
        """Return the best of the evaluators that have overtaken their child, if any."""
        own = _curve(view, member.id, now.copied.get(str(member.id), 0))
        rivals = []
        for evaluator, watch in now.watches.items():
            rival = view.members.get(int(evaluator))
            if watch["child"] != member.id or rival is None or not rival.healthy or not own:
                continue
            curve = _curve(view, rival.id, watch["begins"])
            if len(curve) > 1 and curve[-1][1] > own[-1][1] and faster(curve, own):
                rivals.append(rival)
        return max(rivals, key=lambda rival: (rival.score, rival.id), default=None)

    def _evaluator(self, member: Member, view: PopulationView, now: _Memory) -> tuple[Exploit, _Memory]:
        """Go on with what it is at, or take another parent."""
        watch = now.watches.get(str(member.id))
        if watch is not None:
            replaced = max(now.copied.get(str(watch[whose]), 0) for whose in ("parent", "child"))
            patient = member.trained_steps - watch["begins"] < self._patience
            if member.healthy and patient and replaced <= watch["begins"]:
                return kept(member, "fire", f"evaluates parent {watch['parent']}"), now
            now = _ended(now, member.id, member.trained_steps)
        busy = {each["parent"] for each in now.watches.values()}
        parents = [
            parent
            for parent in view.subpopulation(PARENTS).ranking
            if parent.healthy and parent.id not in busy and now.copied.get(str(parent.id), -1) < parent.trained_steps
        ]
        greedy = view.subpopulation(GREEDY)
        if not parents or not greedy.healthy:
            return kept(member, "fire", "there is nobody to evaluate"), now
        child = greedy.at(len(greedy) - 1)
        parent = min(parents, key=lambda parent: (now.shown.get(str(parent.id), {"ends": -1})["ends"], parent.id))
        reason = f"evaluates parent {parent.id} with the hyperparameters of member {child.id}"
        decision = whole(member, parent, "evaluate", reason, child.hyperparams)
        begun = {"parent": parent.id, "child": child.id, "begins": member.trained_steps}
        now = _replaced(now, member)
        return decision, replace(now, watches={**now.watches, str(member.id): begun})

    def _clone(
        self,
        member: Member,
        donor: Member,
        rule: str,
        view: PopulationView,
        going: Mapping[int, Hyperparams],
        now: _Memory,
    ) -> tuple[Exploit, _Memory]:
        reason = f"score {member.score:.5g}"
        decision, explore = cloned(self._plan, member, donor, rule, reason, view, going, now.explore)
        return decision, replace(_replaced(now, member), explore=explore)

    def _fitness(self, view: PopulationView, now: _Memory) -> Mapping[int, int]:
        """Return of each parent that is or was evaluated how many others it beats."""
        spans = dict(now.shown)
        for evaluator, watch in now.watches.items():
            if not _stands(now, watch):
                continue
            spans[str(watch["parent"])] = {"evaluator": int(evaluator), "begins": watch["begins"], "ends": inf}
        curves: dict[int, Curve] = {}
        for parent, span in spans.items():
            curve = _curve(view, span["evaluator"], span["begins"], span["ends"])
            if len(curve) > 1 and int(parent) in view.members:
                curves[int(parent)] = curve
        return {one: sum(faster(curves[one], curves[other]) for other in curves if other != one) for one in curves}


def _curve(view: PopulationView, member: int, begins: int, ends: float = inf) -> Curve:
    """Return a member's smoothed scores from a place to another."""
    return smoothed(
        [
            (stretch.begins + stretch.steps, stretch.after)
            for stretch in view.stretches
            if stretch.member == member and begins <= stretch.begins < ends
        ]
    )


def _replaced(now: _Memory, member: Member) -> _Memory:
    """Note that a member's weights are other ones from here on: nothing is known of them."""
    own = str(member.id)
    shown = {parent: span for parent, span in now.shown.items() if parent != own}
    return replace(now, shown=shown, copied={**now.copied, own: member.trained_steps})


def _ended(now: _Memory, evaluator: int, place: int) -> _Memory:
    """Note that an evaluator is free, and what it has shown of its parent."""
    watch = now.watches[str(evaluator)]
    span = {"evaluator": evaluator, "begins": watch["begins"], "ends": place}
    watches = {other: each for other, each in now.watches.items() if other != str(evaluator)}
    shown = {**now.shown, str(watch["parent"]): span} if _stands(now, watch) else now.shown
    return replace(now, watches=watches, shown=shown)


def _stands(now: _Memory, watch: Mapping[str, Any]) -> bool:
    """Whether a parent still has the weights that its evaluator took."""
    return bool(now.copied.get(str(watch["parent"]), 0) <= watch["begins"])
