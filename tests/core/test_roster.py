"""A mapping by id of which every change makes another one."""

from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.roster import Roster

IDS = st.integers(0, 300)
CHANGES = st.lists(st.tuples(IDS, st.none() | st.integers()))  # None: the entry goes


@given(st.dictionaries(IDS, st.integers()), CHANGES)
def test_a_roster_does_what_a_plain_dict_does_and_none_before_it_changes(begun, changes):
    roster, plain, history = Roster(begun), dict(begun), []
    for number, item in changes:
        history.append((roster, dict(plain)))
        if item is None:
            roster = roster.without(number)
            plain.pop(number, None)
        else:
            roster = roster.changed(number, item)
            plain[number] = item
        assert (number in roster) == (number in plain)
        assert roster.get(number) == plain.get(number)
        assert len(roster) == len(plain)
        assert bool(roster) == bool(plain)
    for each, expected in [*history, (roster, plain)]:
        assert each == expected
        assert list(each.items()) == sorted(expected.items())


def test_nothing_stays_of_ids_that_are_gone():
    roster: Roster[str] = Roster()
    for number in range(5_000):  # ids are never used again
        roster = roster.changed(number, "new").without(number - 3)
    assert list(roster) == [4_997, 4_998, 4_999]
    assert len(roster._buckets) <= 2
