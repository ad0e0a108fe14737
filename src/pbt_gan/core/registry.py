"""Tables of functions by name."""

from collections.abc import Callable
from typing import Any, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])


def register(table: dict[str, _F], *, looks_back: bool = False) -> Callable[[_F], _F]:
    """Return a decorator that enters a function in a table under its own name.

    Args:
        table: such as `EXPLORE`.
        looks_back: whether the function looks at `PopulationView.past`.
    """

    def enter(function: _F) -> _F:
        table[function.__name__] = function
        if not looks_back:
            _FORWARD.append(function)
        return function

    return enter


def looks_back(function: Callable[..., Any]) -> bool:
    """Whether a function may look at all that was trained so far: of one of somebody's own nothing is known."""
    return not any(function is each for each in _FORWARD)


_FORWARD: list[Callable[..., Any]] = []
