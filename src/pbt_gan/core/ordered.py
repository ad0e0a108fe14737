"""A sorted sequence of which every change makes another one: ranks, and who is free, waits or is due."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain, islice
from operator import itemgetter
from typing import Any, Generic, TypeVar, overload

_K = TypeVar("_K", bound="int | tuple[int, int] | tuple[bool, float, int]")

_MOST = 128  # items of a block; a full one is split
_LEAST = _MOST // 4  # a smaller one joins a neighbour
_last = itemgetter(-1)


class Ordered(Sequence[_K], Generic[_K]):
    """An immutable sorted sequence without repetitions. A changed copy shares nearly all with it: O(√P) of P items.

    >>> few = Ordered([5, 3])
    >>> more = few.added(4)
    >>> list(few), list(more), list(more.without(3)), more.rank(5)
    ([3, 5], [3, 4, 5], [4, 5], 2)
    """

    __slots__ = ("_blocks", "_starts")

    def __init__(self, items: Iterable[_K] = ()) -> None:
        inside = sorted(set(items))
        half = _MOST // 2
        blocks = range(0, len(inside), half)
        self._blocks: tuple[tuple[_K, ...], ...] = tuple(tuple(inside[place : place + half]) for place in blocks)
        self._starts: list[int] = []  # of each block, and the end; made when it is asked for

    def added(self, item: _K) -> "Ordered[_K]":
        """Return the sequence with one more item, whether it was there or not."""
        at = min(self._block_of(item), len(self._blocks) - 1)
        if at < 0:
            return Ordered([item])
        block = self._blocks[at]
        place = bisect_left(block, item)
        if block[place : place + 1] == (item,):
            return self
        return self._with(at, (*block[:place], item, *block[place:]))

    def without(self, item: _K) -> "Ordered[_K]":
        """Return the sequence without an item, whether it was there or not."""
        if item not in self:
            return self
        at = self._block_of(item)
        block = self._blocks[at]
        place = bisect_left(block, item)
        return self._with(at, block[:place] + block[place + 1 :])

    def rank(self, item: _K) -> int:
        """Return how many items are smaller."""
        at = self._block_of(item)
        return self._begins()[at] + (bisect_left(self._blocks[at], item) if at < len(self._blocks) else 0)

    def first(self, count: int, below: _K | None = None) -> list[_K]:
        """Return the smallest items, at most so many, and only those below a bound if there is one."""
        return list(islice(self, count if below is None else min(count, self.rank(below))))

    def __contains__(self, item: object) -> bool:
        at = self._block_of(item)
        if at == len(self._blocks):
            return False
        block: Sequence[Any] = self._blocks[at]
        return bool(block[bisect_left(block, item)] == item)

    def __len__(self) -> int:
        return self._begins()[-1]

    def __bool__(self) -> bool:
        return bool(self._blocks)

    def __iter__(self) -> Iterator[_K]:
        return chain.from_iterable(self._blocks)

    @overload
    def __getitem__(self, place: int) -> _K: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[_K]: ...
    def __getitem__(self, place: int | slice) -> _K | Sequence[_K]:
        if isinstance(place, slice):
            return tuple(self)[place]
        place = range(len(self))[place]
        at = bisect_right(self._begins(), place) - 1
        return self._blocks[at][place - self._begins()[at]]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ordered) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Ordered({list(self)})"

    def _block_of(self, item: Any) -> int:
        """Return in which block an item is, or would be; the number of blocks if it is the largest."""
        return bisect_left(self._blocks, item, key=_last)

    def _begins(self) -> list[int]:
        if not self._starts:
            self._starts = [*accumulate(map(len, self._blocks), initial=0)]
        return self._starts

    def _with(self, at: int, block: tuple[_K, ...]) -> "Ordered[_K]":
        """Return the sequence with another block in a place; one that became too large is split, a small one joins."""
        first, end = at, at + 1
        if len(block) < _LEAST and len(self._blocks) > 1:
            first, end = (at - 1, at + 1) if at else (0, 2)
            block = self._blocks[first] + block if at else block + self._blocks[1]
        half = len(block) // 2
        parts = (block[:half], block[half:]) if len(block) > _MOST else (block,) if block else ()
        other: Ordered[_K] = Ordered()
        other._blocks = (*self._blocks[:first], *parts, *self._blocks[end:])
        return other
