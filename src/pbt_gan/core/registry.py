"""Tables of functions by name."""

from collections.abc import Callable
from typing import Any, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])


def register(table: dict[str, _F]) -> Callable[[_F], _F]:
    """Return a decorator that enters a function in a table under its own name."""

    def enter(function: _F) -> _F:
        table[function.__name__] = function
        return function

    return enter
