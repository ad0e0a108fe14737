"""What steps used of the hyperparameters, noted where they act and not where they were ordered."""

from collections.abc import Iterator, Mapping
from itertools import islice

import torch
from torch import Tensor

from pbt_gan.core.population import Value

Place = str
"""Where a hyperparameter acts: "d" and "g" are the updates of the nets, "average" is that of the generator's average,
"game" is what the discriminators minimise."""

PLACES: Mapping[str, tuple[Place, ...]] = {
    "lr_g": ("g",),
    "lr_d": ("d",),
    "beta1": ("g", "d"),
    "beta2": ("g", "d"),
    "ema_half_life_kimg": ("average",),
}
"""Where each must have acted; all others in the game."""


class Used:
    """What one step used. Tensors stay where they are until somebody reads them, so that no device is waited for.

    Args:
        names: what the game that all played was made of, by the settings that name it.
    """

    def __init__(self, names: Mapping[str, str] | None = None) -> None:
        self._names = names or {}
        self._notes: list[tuple[Place, Mapping[str, Tensor]]] = []

    def note(self, place: Place, values: Mapping[str, Tensor]) -> None:
        """Note what was used by the first members at one place, each [m, 1]."""
        self._notes.append((place, values))

    def read(self, members: int) -> list["Values"]:
        """Return what each member used; waits for the device."""
        columns = [column.flatten() for _, values in self._notes for column in values.values()]
        # All at once: a device is waited for once.
        numbers = iter(torch.cat(columns).tolist() if columns else [])
        notes = [
            (place, {name: list(islice(numbers, len(column))) for name, column in values.items()})
            for place, values in self._notes
        ]
        return [
            Values(
                [
                    (place, {name: rows[member] for name, rows in values.items() if member < len(rows)})
                    for place, values in notes
                ],
                self._names,
            )
            for member in range(members)
        ]


class Values:
    """What one member used in one step, place by place."""

    def __init__(self, notes: list[tuple[Place, Mapping[str, float]]], names: Mapping[str, str]) -> None:
        self._notes = notes
        self._names = names

    def of(self, ordered: Mapping[str, Value]) -> Iterator[tuple[str, Value]]:
        """Yield each hyperparameter that was used wherever it has to be, with its value.

        Where places differ, it is a value other than the one ordered: one place that does something else is enough.
        """
        for name, value in ordered.items():
            found = [self._at(place, name) for place in PLACES.get(name, ("game",))]
            if name == "n_critic":
                yield name, self._updates()
            elif name in self._names:
                yield name, self._names[name]
            elif all(found):
                yield name, next((used for values in found for used in values if used != value), value)

    def _at(self, place: Place, name: str) -> list[float]:
        return [values[name] for at, values in self._notes if at == place and name in values]

    def _updates(self) -> int:
        """Return how often the discriminator was moved."""
        return sum(at == "d" and bool(values) for at, values in self._notes)


class Asked(Mapping[str, Tensor]):
    """Hyperparameters as a game is given them; what it asks for is noted.

    Args:
        hyper: the columns, float64[P, 1].
        dtype: what they are cast to.
    """

    def __init__(self, hyper: Mapping[str, Tensor], dtype: torch.dtype) -> None:
        self._hyper = hyper
        self._dtype = dtype
        self.used: dict[str, Tensor] = {}

    def __getitem__(self, name: str) -> Tensor:
        self.used[name] = self._hyper[name]
        return self._hyper[name].to(self._dtype)

    def __iter__(self) -> Iterator[str]:
        return iter(self._hyper)

    def __len__(self) -> int:
        return len(self._hyper)
