"""Explore rules: how hyperparameters move.

`rule(hyperparams, space, rng, *, option=default, ...) -> new hyperparams`. A rule is pure, leaves no value's type or
bounds, and draws in the order of the names, so that its result does not depend on the order of a dict. One with a
keyword `memory` returns `(new hyperparams, memory)`, as an exploit rule does. One with a keyword `context` is also told
where the member stands, and can make its moves smaller towards the end, say:

    def cooling(hyperparams, space, rng, *, context):
        reach = 1 + context.budget_left
        return {name: space[name].perturb(hyperparams[name], (1 / reach, reach), rng) for name in sorted(space)}
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.random import Generator

from pbt_gan.core.population import Hyperparams, Member, PopulationView, Value
from pbt_gan.core.registry import register
from pbt_gan.core.space import Space, check_factors, draw
from pbt_gan.errors import ConfigError

ExploreRule = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Context:
    """Where a member stands when its hyperparameters move."""

    step: int  # age of the weights that it goes on with
    budget_left: float  # share of its line's steps that are still to come, in [0, 1]
    scores: tuple[float, ...]  # history of those weights, newest last
    member: Member  # who moves, as it was before
    donor: Member | None = None  # from whom it copies now; of a birth: its parent
    view: PopulationView = field(default_factory=lambda: PopulationView.of(()))
    decided: Mapping[int, Hyperparams] = field(default_factory=dict)  # by member, of those decided together before it
    ready_interval: int = 1

    @property
    def others(self) -> Sequence[Hyperparams]:
        """With what the other living members go on. O(P)."""
        going = {**{other.id: other.hyperparams for other in self.view.current.values()}, **self.decided}
        return [hyperparams for other, hyperparams in going.items() if other != self.member.id]


EXPLORE: dict[str, ExploreRule] = {}
"""The built-in rules, by the name that the config gives."""

FACTORS = (0.8, 1.2)
"""Those of the paper's examples; its GANs use 0.5 and 2."""


@register(EXPLORE)
def perturb(
    hyperparams: Hyperparams, space: Space, rng: Generator, *, factors: Sequence[float] = FACTORS
) -> dict[str, Value]:
    """Move each hyperparameter by one of the factors, drawn uniformly, or as its own domain says.

    Source: Jaderberg et al. 2017, arXiv:1711.09846, section 4.1.1.
    """
    check_factors("pbt.explore.factors", factors)
    return {name: space[name].perturb(hyperparams[name], factors, rng) for name in sorted(space)}


@register(EXPLORE)
def resample(hyperparams: Hyperparams, space: Space, rng: Generator) -> dict[str, Value]:
    """Draw each hyperparameter anew, as for a new member.

    Source: Jaderberg et al. 2017, arXiv:1711.09846, section 4.1.1.
    """
    return draw(space, rng)


@register(EXPLORE)
def perturb_or_resample(
    hyperparams: Hyperparams,
    space: Space,
    rng: Generator,
    *,
    probability: float = 0.25,
    factors: Sequence[float] = FACTORS,
) -> dict[str, Value]:
    """Draw each hyperparameter anew with a probability, each for itself, and perturb it otherwise."""
    if not 0 <= probability <= 1:
        raise ConfigError(f"pbt.explore.probability = {probability}: a probability lies in [0, 1].")
    check_factors("pbt.explore.factors", factors)
    return {
        name: space[name].draw(rng)
        if rng.random() < probability
        else space[name].perturb(hyperparams[name], factors, rng)
        for name in sorted(space)
    }


@register(EXPLORE)
def none(hyperparams: Hyperparams, space: Space, rng: Generator) -> dict[str, Value]:
    """Leave everything as it is."""
    return dict(hyperparams)
