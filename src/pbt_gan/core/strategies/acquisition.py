"""Where a function over [0, 1]^D is highest, about."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from pbt_gan.core.strategies.gaussian_process import Floats

SCATTERED = 256
KEPT = 4
TRIALS = 32
REACHES = (0.1, 0.03, 0.01)
"""Of the refinement, as shares of the sides: with these 640 points are looked at, whatever is asked."""


def highest(
    value: Callable[[Floats], Floats],
    low: Floats,
    high: Floats,
    rng: Generator,
    *,
    start: Floats,
    snapped: Callable[[Floats], Floats],
) -> Floats:
    """Return the best of points scattered in a box, and of points scattered ever closer around the best of them.

    Args:
        value: of points, [N, D] → [N].
        low: of the box, float64[D].
        high: of the box, float64[D].
        rng: draws the points.
        start: one more point, float64[D].
        snapped: puts points where they can be, [N, D] → [N, D].
    """
    points = snapped(np.concatenate([start[None], rng.uniform(low, high, (SCATTERED, len(low)))]))
    values = value(points)
    for reach in REACHES:
        best = np.argsort(-values, kind="stable")[:KEPT]
        around = np.repeat(points[best], TRIALS, axis=0)
        tried = snapped(np.clip(around + reach * (high - low) * rng.normal(size=around.shape), low, high))
        points, values = np.concatenate([points[best], tried]), np.concatenate([values[best], value(tried)])
    return np.asarray(points[np.argmax(values)])
