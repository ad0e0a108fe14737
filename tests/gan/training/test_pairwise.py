import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gan.training.pairwise import cover, pairs, whole

factors = st.lists(st.integers(1, 4), min_size=2, max_size=5).map(
    lambda counts: {f"factor{n}": list(range(count)) for n, count in enumerate(counts)}
)


@pytest.mark.slow
@given(factors=factors, forbidden=st.frozensets(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=6))
def test_all_pairs_that_go_together_meet_and_no_others(factors, forbidden):
    def sensible(row):
        return (row["factor0"], row["factor1"]) not in forbidden

    rows = cover(factors, sensible)
    assert all(sensible(row) for row in rows)
    assert set().union(*map(pairs, rows)) == set().union(*map(pairs, whole(factors, sensible)))


def test_far_fewer_rows_than_combinations_do():
    factors = {f"factor{n}": list(range(4)) for n in range(6)}
    assert len(cover(factors, lambda row: True)) < 40  # of 4,096
