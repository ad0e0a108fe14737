"""What a run says of commits that it could not go on from, since checkpoints of theirs were damaged."""

from pbt_gan.interfaces import Fallback

_SHOWN = 3  # keys of checkpoints


def told(fallback: Fallback) -> str:
    """Return a line about one for a person.

    >>> told(Fallback(("m00-i0012", "m01-i0012"), 22, 2))
    'Damaged on disk: m00-i0012, m01-i0012. The run went on from an older commit, and trained 2 reports again.'
    """
    names = ", ".join(fallback.damaged[:_SHOWN])
    more = f" and {len(fallback.damaged) - _SHOWN} more" if len(fallback.damaged) > _SHOWN else ""
    again = f"{fallback.lost:,} {'report' if fallback.lost == 1 else 'reports'}"
    return f"Damaged on disk: {names}{more}. The run went on from an older commit, and trained {again} again."
