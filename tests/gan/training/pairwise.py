"""Few combinations in which every two values that go together meet."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any

Row = Mapping[str, Any]
"""A value for each factor."""

CANDIDATES = 40
"""Random rows of which the best is taken."""


def pairs(row: Row) -> set[tuple[tuple[str, Any], ...]]:
    """Return what meets in a row."""
    return set(combinations(row.items(), 2))


def whole(factors: Mapping[str, Sequence[Any]], sensible: Callable[[Row], bool]) -> Iterator[Row]:
    """Yield all rows that make sense."""
    rows = (dict(zip(factors, values, strict=True)) for values in product(*factors.values()))
    return (row for row in rows if sensible(row))


def cover(factors: Mapping[str, Sequence[Any]], sensible: Callable[[Row], bool], seed: int = 0) -> list[Row]:
    """Return rows that make sense, in which all pairs meet that meet in any row that makes sense; greedily.

    Args:
        factors: hashable values by name.
        sensible: whether a row makes sense.
        seed: of the candidates.
    """
    rng = random.Random(seed)
    missing = {
        ((one, a), (other, b))
        for one, other in combinations(factors, 2)
        for a, b in product(factors[one], factors[other])
    }
    rows = []
    # In a fixed order: that of a set of strings differs from process to process.
    for pair in sorted(missing, key=repr):
        if pair not in missing:
            continue
        found = [row for row in _candidates(factors, dict(pair), rng) if sensible(row)]
        if not found:  # by chance, or because they never go together
            found = list(whole({**factors, **{name: [value] for name, value in pair}}, sensible))
        if found:
            best = max(found, key=lambda row: len(pairs(row) & missing))
            rows.append(best)
            missing -= pairs(best)
        missing.discard(pair)
    return rows


def _candidates(factors: Mapping[str, Sequence[Any]], fixed: Row, rng: random.Random) -> Iterator[Row]:
    for _ in range(CANDIDATES):
        yield {name: fixed.get(name, rng.choice(values)) for name, values in factors.items()}
