"""Which images there are nets for."""

from pbt_gan.errors import DataError


def doublings(size: int) -> int:
    """Return how often a side of 4 to 7 pixels is doubled to one of images of a size in pixels.

    Raises:
        DataError: no such side leads there.
    """
    count, side = 0, size
    while side % 2 == 0 and side > 7:
        count, side = count + 1, side // 2
    if count == 0 or not 4 <= side <= 7:
        raise DataError(
            f"Images of {size}×{size} pixels have no net here: their size must be 4 to 7, doubled a few times. "
            "Resize them to 8, 16, 28, 32 or 64 pixels."
        )
    return count


def coarsest(size: int) -> int:
    """Return that side, 4 to 7."""
    return size >> doublings(size)


def halvings(size: int) -> int:
    """Return how often strided convolutions halve images of a size in pixels.

    Raises:
        DataError: halving it does not lead to a side of 4 to 7 pixels.
    """
    # 8×8 images are halved down to 2×2: a net of one layer would learn little.
    return 2 if size == 8 else doublings(size)
