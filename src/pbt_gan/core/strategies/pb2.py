"""PB2: numbers go where a process that learns from the whole run expects most, or knows least."""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from pbt_gan.core.explore import EXPLORE, FACTORS, Context, perturb
from pbt_gan.core.population import Hyperparams, Value
from pbt_gan.core.registry import register
from pbt_gan.core.space import Choice, Space
from pbt_gan.core.strategies.coordinates import Coordinates
from pbt_gan.core.strategies.model import Model


@register(EXPLORE, looks_back=True)
def pb2(
    hyperparams: Hyperparams, space: Space, rng: Generator, *, context: Context, factors: Sequence[float] = FACTORS
) -> dict[str, Value]:
    """Put numbers where the upper confidence bound of the next interval's gain is highest; perturb choices.

    A Gaussian process learns from what members gained, forgets with the age of the weights, and keeps off what the
    others are trying now. While it has found nothing (`Model.of`), numbers are perturbed as well.

    Source: Parker-Holder et al. 2020, arXiv:2002.02518, algorithm 1. Departures: noise is learned and not fitted away,
    and a model that finds nothing else is not followed; gains are corrected for age and score, and divergence is the
    worst of them (`observations`); the newest 200 rows are used, not as many as are likeliest of thousands.
    """
    moved: dict[str, Value] = perturb(hyperparams, space, rng, factors=factors)
    coordinates = Coordinates.of({name: domain for name, domain in space.items() if not isinstance(domain, Choice)})
    model = Model.of(coordinates, context.view.stretches, context, rng)
    if model is None or not coordinates.numbers:
        return moved
    (here,) = (own := coordinates.points([hyperparams], [0.0])).units
    whole = np.zeros(len(here)), np.ones(len(here))
    return {**moved, **coordinates.setting(model.best_numbers(own.codes[0], here, rng, *whole), own.codes[0])}
