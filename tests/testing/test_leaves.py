from collections import OrderedDict

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan import codec
from pbt_gan.testing.leaves import difference, differences, leaf

LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.sampled_from(["", "a", "a.b"])
TREES = st.recursive(
    LEAVES | st.lists(st.floats(width=32), max_size=3).map(lambda values: np.array(values, np.float32)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=2).map(tuple)
        | st.dictionaries(st.sampled_from(["a", "b", "a.b"]) | st.integers(0, 2), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(TREES)
def test_a_state_does_not_differ_from_its_copy(tree):
    assert difference(tree, codec.decode(codec.encode(tree))) is None


def ordered(tree):
    """Return a tree whose tables are in the order of their keys: that alone is no difference."""
    if isinstance(tree, dict):
        return {key: ordered(tree[key]) for key in sorted(tree, key=str)}
    return type(tree)(map(ordered, tree)) if isinstance(tree, list | tuple) else tree


@given(TREES, TREES)
def test_a_leaf_is_named_if_and_only_if_two_states_differ(one, other):
    found = difference(one, other)
    assert found == difference(other, one)
    assert (found is None) == (codec.encode(ordered(one)) == codec.encode(ordered(other)))


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ({"net": {"0.weight": torch.zeros(2)}}, {"net": {"0.weight": torch.tensor([0.0, -0.0])}}, ["net.0.weight"]),
        ({"a": 1, "b": [1, 2]}, {"a": 1, "b": [1]}, ["b.1"]),
        ({"a": 1}, {"a": 1.0}, ["a"]),
        ({"a": {}}, {"a": []}, ["a"]),
        ({"a": (1,)}, {"a": {"x": 1}}, ["a"]),
        ({"a": OrderedDict(x=1, y=2)}, {"a": {"x": 1, "y": 3}}, ["a.y"]),
        (1, 2, ["the state"]),
    ],
)
def test_differences_are_named_by_their_path(one, other, found):
    assert list(differences(one, other)) == found


def test_a_leaf_is_found_by_its_path_whatever_dots_its_keys_have():
    tree = {"net": {"0.weight": 3}, "groups": [{"lr": 4}], "net.0": 5}
    assert (leaf(tree, "net.0.weight"), leaf(tree, "groups.0.lr"), leaf(tree, "net.0")) == (3, 4, 5)
    assert leaf(tree, "net.1") is None
