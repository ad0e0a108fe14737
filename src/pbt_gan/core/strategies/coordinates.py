"""Settings as points, and points as settings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pbt_gan.core.population import Hyperparams, Value
from pbt_gan.core.space import Choice, Float, Integer, Space
from pbt_gan.core.strategies.gaussian_process import Codes, Floats, Points


@dataclass(frozen=True)
class Coordinates:
    """The hyperparameters of a space in the order of their names: numbers by places in [0, 1], choices by codes."""

    numbers: dict[str, Float | Integer]
    choices: dict[str, Choice]

    @classmethod
    def of(cls, space: Space) -> "Coordinates":
        """Tell numbers from choices."""
        domains = [(name, space[name]) for name in sorted(space)]
        return cls(
            {name: domain for name, domain in domains if not isinstance(domain, Choice)},
            {name: domain for name, domain in domains if isinstance(domain, Choice)},
        )

    @property
    def size(self) -> int:
        """How many hyperparameters there are."""
        return len(self.numbers) + len(self.choices)

    def points(self, settings: Sequence[Hyperparams], times: Sequence[float]) -> Points:
        """Return settings as points."""
        units = [[domain.unit(setting[name]) for name, domain in self.numbers.items()] for setting in settings]
        codes = [[domain.code(setting[name]) for name, domain in self.choices.items()] for setting in settings]
        return Points(
            np.array(units, np.float64).reshape(len(settings), len(self.numbers)),
            np.array(codes, np.int64).reshape(len(settings), len(self.choices)),
            np.array(times, np.float64),
        )

    def setting(self, units: Floats, codes: Codes) -> dict[str, Value]:
        """Return one point, units float64[D] and codes int64[C], as a setting."""
        numbers = {
            name: domain.from_unit(float(unit))
            for (name, domain), unit in zip(self.numbers.items(), units, strict=True)
        }
        choices = {name: domain.values[code] for (name, domain), code in zip(self.choices.items(), codes, strict=True)}
        return {**numbers, **choices}

    @property
    def grain(self) -> Floats:
        """The least move that each number can make, in units, float64[D]: 1 between two whole numbers, 0 for others."""
        return np.array(
            [
                1 / (domain.bounds[1] - domain.bounds[0]) if isinstance(domain, Integer) else 0.0
                for domain in self.numbers.values()
            ]
        )

    def snapped(self, units: Floats) -> Floats:
        """Return points [N, D] where each whole number lies on one: the model must judge what will be trained."""
        grain = self.grain
        whole = grain > 0
        snapped = units.copy()
        snapped[:, whole] = np.round(units[:, whole] / grain[whole]) * grain[whole]
        return snapped
