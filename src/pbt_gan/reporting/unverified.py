"""What a run says of hyperparameters that were set, but that nobody saw act."""

from collections import Counter

from pbt_gan.core.lineage import History


def unverified(history: History) -> str:
    """Return a line about them for a person; empty: all were read back from where they act.

    >>> unverified(History({}, (), ()))
    ''
    """
    counts = Counter(name for report in history.reports for name in report.unverified)
    if not counts:
        return ""
    total = len(history.reports)
    names = (f"{name}{'' if count == total else f' ({count} of {total} reports)'}" for name, count in counts.items())
    return f"Unverified: {', '.join(sorted(names))}; set, but not seen to act."
