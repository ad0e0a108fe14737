"""The hyperparameters as `train` is handed them: a mapping that notes which of them it was asked for."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pbt_gan.core.population import Hyperparams, Value

ARGUMENT = "hyperparams"


class Handed(Mapping[str, Value]):
    """The values of all hyperparameters; nothing can be set here.

    Examples:
        >>> handed = Handed({"batch_size": 64, "lr": 0.1})
        >>> handed["batch_size"], handed.asked
        (64, {'batch_size'})
    """

    def __init__(self, values: Hyperparams) -> None:
        self._values = values
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> Value:
        value = self._values[name]
        self.asked.add(name)
        return value

    def __contains__(self, name: object) -> bool:
        return name in self._values  # whether there is one says nothing of its value

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict(self._values)})"


def takes_hyperparams(train: Callable[..., Any]) -> bool:
    """Whether a task's `train` has an argument for them."""
    return ARGUMENT in inspect.signature(train).parameters
