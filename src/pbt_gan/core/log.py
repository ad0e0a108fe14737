"""What happened so far, as a sequence that only grows."""

from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar, overload

_T = TypeVar("_T")


class Log(Sequence[_T], Generic[_T]):
    """An immutable sequence to which one more can be added in O(1); the shorter one stays what it was.

    >>> short = Log().added(1)
    >>> long = short.added(2)
    >>> list(short), list(long)
    ([1], [1, 2])
    """

    __slots__ = ("_items", "_length")

    def __init__(self, items: Sequence[_T] = ()) -> None:
        self._items: list[_T] = list(items)
        self._length = len(self._items)

    def added(self, item: _T) -> "Log[_T]":
        """Return the sequence with one more at its end."""
        longer: Log[_T] = Log.__new__(Log)
        # Whoever is the newest shares its list with those before it, which do not look beyond their own length.
        longer._items = self._items if len(self._items) == self._length else self._items[: self._length]
        longer._items.append(item)
        longer._length = self._length + 1
        return longer

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[_T]:
        return (self._items[place] for place in range(self._length))

    @overload
    def __getitem__(self, place: int) -> _T: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[_T]: ...
    def __getitem__(self, place: int | slice) -> _T | Sequence[_T]:
        if isinstance(place, slice):
            return self._items[: self._length][place]
        return self._items[range(self._length)[place]]
