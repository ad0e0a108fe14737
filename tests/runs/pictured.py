"""The toy, with pictures: so that every default listener has something to write."""

from typing import Any

import numpy as np

from pbt_gan.toy.quadratic import Quadratic


class Pictured(Quadratic):
    """Draws where a member is."""

    def preview(self, state: Any, rng: np.random.Generator) -> Any:
        latents = rng.normal(size=(4, 8, 8, 1))
        return (128 + 50 * state["theta"].sum() + 10 * latents).clip(0, 255).astype(np.uint8)

    def reals(self, count: int) -> Any:
        return np.full((count, 8, 8, 1), 128, np.uint8)
