"""A sequence that only grows."""

from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.log import Log


@given(st.lists(st.integers()), st.lists(st.integers()), st.lists(st.integers()))
def test_what_is_added_to_a_log_changes_no_other_that_began_with_it(common, ours, theirs):
    log = Log(common)
    one = other = log
    for mine in ours:
        one = one.added(mine)
    for yours in theirs:
        other = other.added(yours)
    assert (list(log), list(one), list(other)) == (common, common + ours, common + theirs)
    assert len(one) == len(common) + len(ours)
    assert [one[place] for place in range(len(one))] == common + ours
    assert one[-2:] == (common + ours)[-2:]
