"""Which images there are nets for."""

from pbt_gan.errors import DataError


def halvings(size: int) -> int:
    """Return how often images of a size in pixels are halved between the image and a net's coarsest layer.

    Raises:
        DataError: halving it does not lead to a side of 4 to 7 pixels.
    """
    count, side = 0, size
    while side % 2 == 0 and side > 7:
        count, side = count + 1, side // 2
    if count == 0 or not 4 <= side <= 7:
        raise DataError(
            f"Images of {size}×{size} pixels have no net here: their size must be 4 to 7, doubled a few times. "
            "Resize them to 8, 16, 28, 32 or 64 pixels."
        )
    # 8×8 images are halved down to 2×2: a net of one layer would learn little.
    return 2 if size == 8 else count
