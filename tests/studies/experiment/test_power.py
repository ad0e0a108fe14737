import pytest

from pbt_gan.studies.experiment.power import too_few_seeds


@pytest.mark.parametrize(
    ("seeds", "arms", "needed"), [(1, 2, 6), (3, 2, 6), (5, 2, 6), (6, 3, 7), (7, 5, 8), (8, 11, 9), (3, 101, 12)]
)
def test_seeds_that_can_show_nothing_are_told_with_the_number_that_could(seeds, arms, needed):
    told = too_few_seeds(seeds, arms)
    assert told is not None
    assert told.endswith(f"{needed} seeds could show one.")
    assert too_few_seeds(needed, arms) is None


@pytest.mark.parametrize(("seeds", "arms"), [(6, 2), (7, 3), (40, 2), (1, 1)])
def test_nothing_is_said_where_seeds_are_enough_or_nothing_is_compared(seeds, arms):
    assert too_few_seeds(seeds, arms) is None


def test_more_comparisons_than_any_number_of_seeds_can_carry_are_said_to_be_too_many():
    assert str(too_few_seeds(30, 5_000)).endswith("Compare fewer arms.")
