"""What failed in a run, by kind: a run that went well to its end may have had bad luck on the way."""

from collections import Counter
from collections.abc import Iterable, Sequence

from pbt_gan.core.records import Failure, Record
from pbt_gan.reporting.text import member_name


def failures(records: Iterable[Record]) -> str:
    """Tell how many orders failed, and of what; nothing if none did.

    >>> failures([Failure(3, 1, 1, "worker-0", "worker-0 was killed", "worker")])
    '1 order failed: 1 worker'
    """
    counts = Counter(record.kind for record in records if isinstance(record, Failure))
    total = counts.total()
    if total == 0:
        return ""
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
    return f"{total} {'order' if total == 1 else 'orders'} failed: {kinds}"


def rows(records: Iterable[Record]) -> Sequence[Sequence[str]]:
    """Return, for each kind, how often there was a failure of it, and what the last one said; most frequent first."""
    found: dict[str, list[Failure]] = {}
    for record in records:
        if isinstance(record, Failure):
            found.setdefault(record.kind, []).append(record)
    return [
        [kind, str(len(those)), f"{member_name(those[-1].member)}, interval {those[-1].interval}: {those[-1].error}"]
        for kind, those in sorted(found.items(), key=lambda each: -len(each[1]))
    ]
