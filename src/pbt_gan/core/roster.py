"""What is known of each member by its id, as a mapping of which every change makes another one."""

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

_T = TypeVar("_T")

_BITS = 6  # 64 ids a bucket: about as much as there are buckets at 4,000 members, and most populations have one


class Roster(Mapping[int, _T], Generic[_T]):
    """An immutable mapping from ids, by rising id. A changed copy shares nearly all with it: O(√P) of P entries.

    It is equal to every mapping with the same entries.

    >>> one = Roster({7: "g"})
    >>> two = one.changed(3, "c")
    >>> dict(one), dict(two), dict(two.without(7))
    ({7: 'g'}, {3: 'c', 7: 'g'}, {3: 'c'})
    """

    __slots__ = ("_buckets", "_length")

    def __init__(self, entries: Mapping[int, _T] | None = None) -> None:
        self._buckets: dict[int, dict[int, _T]] = {}
        self._length = 0
        for number, item in (entries or {}).items():
            self._buckets.setdefault(number >> _BITS, {})[number] = item
            self._length += 1

    def changed(self, number: int, item: _T) -> "Roster[_T]":
        """Return the mapping with an item under an id, whether there was one or not."""
        bucket = {**self._buckets.get(number >> _BITS, {}), number: item}
        return self._with(number, bucket)

    def without(self, number: int) -> "Roster[_T]":
        """Return the mapping without an id, whether it was there or not."""
        if number not in self:
            return self
        bucket = dict(self._buckets[number >> _BITS])
        del bucket[number]
        return self._with(number, bucket)

    def _with(self, number: int, bucket: dict[int, _T]) -> "Roster[_T]":
        other: Roster[_T] = Roster()
        place = number >> _BITS
        other._buckets = {**self._buckets, place: bucket}
        other._length = self._length + len(bucket) - len(self._buckets.get(place, ()))
        if not bucket:  # ids are never used again, so it would stay for ever
            del other._buckets[place]
        return other

    def __getitem__(self, number: int) -> _T:
        return self._buckets[number >> _BITS][number]

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and number in self._buckets.get(number >> _BITS, ())

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[int]:
        for place in sorted(self._buckets):
            yield from sorted(self._buckets[place])

    def __repr__(self) -> str:
        return f"Roster({dict(self)})"
