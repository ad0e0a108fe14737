"""What follows for the scores from how few images there are."""

FEW = 1_000
"""Fewer than the samples that a score is measured on by default; with more there is nothing to say."""


def remark(images: int, classes: int, features: int) -> str:
    """Return one line on what so few images mean for the scores; empty: they are enough.

    Args:
        images: how many there are.
        classes: 0 without labels.
        features: the most that a scorer sees in an image.

    Examples:
        >>> remark(60_000, 10, 64)
        ''
        >>> remark(300, 10, 64)
        'Only 300 images: a class has about 30 to teach a classifier; a generator can learn them by heart.'
    """
    if images >= FEW:
        return ""
    said = [f"a class has about {images // classes} to teach a classifier"] if classes else []
    if images <= features:
        said.append(
            f"a Fréchet distance in {features:,} features reads high, as they are more than the images; a kernel "
            "distance does not"
        )
    said.append("a generator can learn them by heart")
    return f"Only {images:,} images: {'; '.join(said)}."
