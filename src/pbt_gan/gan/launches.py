"""How much is computed at a time on a GPU, where every operation is a launch and each launch costs the same."""

PIXELS = 2**21
"""Of images that go through a net together: beside so many a launch costs nothing, and few GB hold what they become."""


def at_a_time(pixels: int) -> int:
    """Return how many things go through a net together that have so many pixels each, at least 1.

    >>> at_a_time(32 * 32), at_a_time(2**30)
    (2048, 1)
    """
    return max(1, PIXELS // pixels)
