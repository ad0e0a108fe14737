"""What a run has taught about its space, at the place where a member stands: the model-based rules' common part."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from pbt_gan.core.explore import Context
from pbt_gan.core.population import Hyperparams, Stretch
from pbt_gan.core.strategies.acquisition import highest
from pbt_gan.core.strategies.coordinates import Coordinates
from pbt_gan.core.strategies.gaussian_process import ROWS, Codes, Floats, Points, Process, fit
from pbt_gan.core.strategies.observations import observations

NOISE = 0.9
"""Share beyond which a model has found nothing."""

PENDING = ROWS // 2
"""Settings of other members that are kept off, at most."""


@dataclass(frozen=True)
class Model:
    """A process and the moment for which it is asked."""

    coordinates: Coordinates
    process: Process
    now: float  # age of the weights that go on, in ready intervals

    @classmethod
    def of(
        cls, coordinates: Coordinates, stretches: Sequence[Stretch], context: Context, rng: Generator
    ) -> "Model | None":
        """Learn from stretches; None: they teach nothing.

        They are too few, less than twice the hyperparameters and two more; or what is likeliest is that nearly all of
        their differences are noise. A member that followed such a model would jump anywhere: the bound is as high
        wherever nobody has been.
        """
        seen = observations(stretches, coordinates, context.ready_interval)
        if len(seen) < 2 * coordinates.size + 2:
            return None
        process = fit(seen.points, seen.gains)
        if process.shape.noise > NOISE:
            return None
        now = context.step / context.ready_interval
        others: Sequence[Hyperparams] = context.others
        if len(others) > PENDING:
            others = [others[place] for place in sorted(rng.choice(len(others), PENDING, replace=False))]
        pending = coordinates.points(others, [now] * len(others))
        return cls(coordinates, process.trying(pending), now)

    def best_numbers(self, codes: Codes, start: Floats, rng: Generator, low: Floats, high: Floats) -> Floats:
        """Return the numbers with the highest upper bound under some choices, float64[D].

        Args:
            codes: of the choices, int64[C].
            start: where the member stands, float64[D]; it is looked at as well.
            rng: scatters the others.
            low: of the box to look in, float64[D].
            high: of the box to look in, float64[D].
        """
        return highest(
            lambda units: self.upper_bound(units, np.tile(codes, (len(units), 1))),
            low,
            high,
            rng,
            start=start,
            snapped=self.coordinates.snapped,
        )

    def upper_bound(self, units: Floats, codes: Codes) -> Floats:
        """Return how good settings may well be now, float64[N]."""
        return self.process.upper_bound(Points(units, codes, np.full(len(units), self.now)))
