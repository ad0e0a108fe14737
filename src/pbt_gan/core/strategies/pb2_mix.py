"""PB2-Mix: choices by a bandit, and then numbers by a process that knows the choices."""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from pbt_gan.core.explore import EXPLORE, FACTORS, Context, perturb
from pbt_gan.core.population import Hyperparams, Value
from pbt_gan.core.registry import register
from pbt_gan.core.space import Space
from pbt_gan.core.strategies.bandit import probabilities
from pbt_gan.core.strategies.coordinates import Coordinates
from pbt_gan.core.strategies.model import Model
from pbt_gan.core.strategies.observations import ranks


@register(EXPLORE, looks_back=True)
def pb2_mix(
    hyperparams: Hyperparams, space: Space, rng: Generator, *, context: Context, factors: Sequence[float] = FACTORS
) -> dict[str, Value]:
    """Draw each choice by a bandit of its own, then put numbers where the process expects most given the choices.

    Without choices it is PB2. While the process has found nothing (`Model.of`), all are perturbed.

    Source: Parker-Holder et al. 2021, arXiv:2106.15883, algorithm 1. Departures: those of `pb2` and of the bandit
    (`bandit.probabilities`); how much of the kernel is sum and how much product is not learned, but half and half.
    """
    moved: dict[str, Value] = perturb(hyperparams, space, rng, factors=factors)
    coordinates = Coordinates.of(space)
    model = Model.of(coordinates, context.view.stretches, context, rng)
    if model is None:
        return moved
    seen, rewards = model.process.points.codes, (ranks(model.process.targets) - 0.5).tolist()
    codes = np.array(
        [
            rng.choice(len(domain.values), p=probabilities(own, rewards, len(domain.values)))
            for domain, own in zip(coordinates.choices.values(), seen.T.tolist(), strict=True)
        ],
        np.int64,
    )
    (here,) = coordinates.points([hyperparams], [0.0]).units
    return coordinates.setting(model.best_numbers(codes, here, rng, np.zeros_like(here), np.ones_like(here)), codes)
