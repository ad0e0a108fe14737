"""A sorted sequence of which every change makes another one."""

from bisect import bisect_left
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.ordered import _LEAST, _MOST, Ordered

ITEMS = st.integers(0, 1_000)


@given(st.sets(ITEMS), st.lists(st.tuples(ITEMS, st.booleans())), st.lists(ITEMS))
def test_an_ordered_does_what_a_sorted_list_does_and_none_before_it_changes(begun, changes, asked):
    ordered, plain, history = Ordered(begun), sorted(begun), []
    for item, is_added in changes:
        history.append((ordered, list(plain)))
        if is_added:
            ordered = ordered.added(item)
            plain = sorted({*plain, item})
        else:
            ordered = ordered.without(item)
            plain = [other for other in plain if other != item]
    for each, expected in [*history, (ordered, plain)]:
        assert list(each) == expected
        assert each == Ordered(expected)
        assert (len(each), bool(each)) == (len(expected), bool(expected))
        assert [each[place] for place in range(-len(expected), len(expected))] == expected * 2
    for item in asked:
        assert (item in ordered) == (item in plain)
        assert ordered.rank(item) == bisect_left(plain, item)
        assert ordered.first(7, below=item) == [other for other in plain if other < item][:7]
    assert ordered.first(7) == plain[:7]
    assert ordered[1:5] == tuple(plain[1:5])


@pytest.mark.parametrize("seed", range(3))
def test_however_it_drifts_its_blocks_are_neither_large_nor_many(seed):
    random, ordered, plain = Random(seed), Ordered(range(2_000)), list(range(2_000))
    for number in range(4_000):  # as scores rise: the worst go, better ones come
        gone = plain.pop(random.randrange(len(plain) // 10))
        ordered = ordered.without(gone).added(2_000 + number)
        plain.append(2_000 + number)
    assert list(ordered) == plain
    assert max(map(len, ordered._blocks)) <= _MOST
    assert min(map(len, ordered._blocks)) >= _LEAST
