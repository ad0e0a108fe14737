"""Averages of weights: which states go into one, and what it is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from pbt_gan.errors import TaskError
from pbt_gan.interfaces import Tree

Scores = Mapping[str, float]
"""`score`, and what else was measured with it."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Soup(Generic[T]):
    """What a greedy choice came to."""

    taken: Sequence[T]  # the first of all, and who was let in after it
    alone: Scores  # of the first
    together: Scores  # of the average of those taken


def greedy(candidates: Sequence[T], measure: Callable[[Sequence[T]], Scores]) -> Soup[T]:
    """Let candidates into an average, one after another, each only if the score does not fall.

    Source: Wortsman et al. 2022, arXiv:2203.05482, recipe 1.

    Args:
        candidates: the best first; at least one, which is always taken.
        measure: scores the average of those that it is given; higher is better, and not finite is worse than anything.

    Examples:
        >>> soup = greedy([4.0, 1.0, 8.0], lambda taken: {"score": -abs(5.0 - sum(taken) / len(taken))})
        >>> soup.taken, soup.alone, soup.together  # 4 and 1 make 2.5, which is worse than 4; 4 and 8 make 6
        ([4.0, 8.0], {'score': -1.0}, {'score': -1.0})
    """
    taken = [candidates[0]]
    alone = together = measure(taken)
    for candidate in candidates[1:]:
        tried = measure([*taken, candidate])
        if tried["score"] >= together["score"]:
            taken, together = [*taken, candidate], tried
    return Soup(taken, alone, together)


def mean(trees: Sequence[Tree]) -> Tree:
    """Return the first tree with each floating-point tensor as the mean of all, in its own dtype.

    The mean is taken in float64. Whatever else there is, such as integers and numbers that are no tensors, is the
    first one's; tensors that are tied in all trees stay so.

    Raises:
        TaskError: a tensor is missing from one of them, or has another shape or dtype there; says which.
    """
    made: dict[tuple[int, ...], Any] = {}

    def of(parts: Sequence[Any], place: str) -> Any:
        first = parts[0]
        if isinstance(first, dict):
            if any(not isinstance(part, dict) or part.keys() != first.keys() for part in parts):
                raise _unlike(place)
            return {key: of([part[key] for part in parts], _within(place, key)) for key in first}
        if isinstance(first, list | tuple):
            if any(type(part) is not type(first) or len(part) != len(first) for part in parts):
                raise _unlike(place)
            return type(first)(of(items, _within(place, index)) for index, items in enumerate(zip(*parts, strict=True)))
        if not _is_floating(first):
            return first
        if any(not _is_floating(part) or _form(part) != _form(first) for part in parts):
            raise _unlike(place)
        identity = tuple(map(id, parts))
        if identity not in made:
            made[identity] = _mean_of(parts)
        return made[identity]

    return of(trees, "")


def overlaid(tree: Tree, part: Tree) -> Tree:
    """Return a tree with what a part of it holds in the place of its own.

    >>> overlaid({"net": {"w": 1.0, "b": 2.0}, "steps": 3}, {"net": {"w": 5.0}})
    {'net': {'w': 5.0, 'b': 2.0}, 'steps': 3}
    """
    if not (isinstance(tree, dict) and isinstance(part, dict)):
        return part
    return {**tree, **{key: overlaid(tree.get(key), value) for key, value in part.items()}}


def _mean_of(tensors: Sequence[Any]) -> Any:
    if isinstance(tensors[0], np.ndarray):
        total = sum((tensor.astype(np.float64) for tensor in tensors[1:]), tensors[0].astype(np.float64))
        return np.asarray(total / len(tensors)).astype(tensors[0].dtype)
    total = sum((tensor.detach().double() for tensor in tensors[1:]), tensors[0].detach().double())
    return (total / len(tensors)).to(tensors[0].dtype)


def _is_floating(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return bool(np.issubdtype(value.dtype, np.floating))
    return hasattr(value, "is_floating_point") and bool(value.is_floating_point())


def _form(tensor: Any) -> tuple[Any, ...]:
    return type(tensor), tuple(tensor.shape), tensor.dtype


def _within(place: str, key: object) -> str:
    return f"{place}.{key}" if place else str(key)


def _unlike(place: str) -> TaskError:
    return TaskError(
        f"States of one line are unlike each other in {place or 'their kind'}, and cannot be averaged; of what differs "
        "by nature the task's `weights_of` returns nothing."
    )
