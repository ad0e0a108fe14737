"""Two states compared, leaf by leaf and bit by bit."""

from collections.abc import Iterator, Mapping
from typing import Any

from pbt_gan import codec
from pbt_gan.interfaces import Tree


def difference(one: Tree, other: Tree) -> str | None:
    """Return the path of the first leaf in which two states differ; None: they are equal in every bit.

    >>> difference({"net": {"steps": 3}}, {"net": {"steps": 4}})
    'net.steps'
    """
    return next(differences(one, other), None)


def differences(one: Tree, other: Tree, path: str = "") -> Iterator[str]:
    """Yield the path of every leaf in which two states differ; also of one that only one of them has."""
    mine, others = _children(one), _children(other)
    if _kind(one) is not _kind(other) or not (mine or others):
        if codec.encode(one) != codec.encode(other):
            yield path or "the state"
        return
    for key in sorted({**mine, **others}, key=str):
        there = f"{path}.{key}" if path else str(key)
        if key in mine and key in others:
            yield from differences(mine[key], others[key], there)
        else:
            yield there


def leaf(tree: Tree, path: str) -> Any:
    """Return what stands at a path; None: nothing does."""
    if not path:
        return tree
    for key, child in _children(tree).items():
        if path == str(key):
            return child
        if path.startswith(f"{key}.") and (found := leaf(child, path[len(str(key)) + 1 :])) is not None:
            return found
    return None


def _kind(tree: Tree) -> type:
    return dict if isinstance(tree, Mapping) else type(tree)


def _children(tree: Tree) -> Mapping[Any, Tree]:
    if isinstance(tree, Mapping):
        return tree
    return dict(enumerate(tree)) if isinstance(tree, list | tuple) else {}
