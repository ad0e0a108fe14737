"""Whether an experiment has seeds enough to find anything, known before any training."""

from pbt_gan.reporting.text import number
from pbt_gan.studies.experiment.statistics import SIGNIFICANT, pairs_needed, smallest_p


def too_few_seeds(seeds: int, arms: int) -> str | None:
    """Return why no difference between the arms can be significant, whatever is measured, and what would be enough.

    None: one can be, or there is no other arm to compare with. An experiment makes as many comparisons as it has arms
    beside the baseline; Holm's correction is for these, figure by figure.

    Args:
        seeds: at least one.
        arms: the baseline included.

    >>> too_few_seeds(6, 2) is None
    True
    """
    comparisons = arms - 1
    if comparisons < 1 or comparisons * smallest_p(seeds) < SIGNIFICANT:
        return None
    lowest, needed = min(comparisons * smallest_p(seeds), 1.0), pairs_needed(comparisons)
    corrected = f" after the correction for {comparisons} comparisons" if comparisons > 1 else ""
    return (
        f"With {seeds} {'seed' if seeds == 1 else 'seeds'} no difference between these {arms} arms can be significant, "
        f"whatever is measured: the lowest possible p-value{corrected} is {number(lowest)}, and it has to be below "
        f"{SIGNIFICANT}. {f'{needed} seeds could show one.' if needed else 'Compare fewer arms.'}"
    )
