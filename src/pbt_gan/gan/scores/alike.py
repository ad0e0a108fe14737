"""Images brought to the size and colours of those that they are compared with."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Images = NDArray[np.uint8]


def alike(images: Images, size: int, channels: int) -> tuple[Images, tuple[str, ...]]:
    """Return images as squares of another size and with as many channels, and what was done to them, a remark each.

    They are resized antialiased (Lanczos); what is grey is repeated, colours become their luma. Of a resized image a
    network sees less, or other, detail than of one that was made so large: scores of sizes do not compare.

    Args:
        images: uint8[N, H, W, C].
        size: H and W that are wanted.
        channels: 1 or 3.
    """
    remarks = []
    have = images.shape[3]
    if have != channels:
        remarks.append(
            f"the images were turned {'to grey' if channels == 1 else 'from grey to colour'}, as the real ones are"
        )
        if channels == 3:
            images = np.repeat(images, 3, axis=3)
        else:
            images = np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in images])[..., None]
    height, width = images.shape[1:3]
    if (height, width) != (size, size):
        remarks.append(f"the images were resized from {width}×{height} to {size}×{size} pixels, as the real ones are")
        images = np.stack([_resized(image, size) for image in images])
    return images, tuple(remarks)


def _resized(image: Images, size: int) -> Images:
    pixels = image[..., 0] if image.shape[2] == 1 else image
    resized = Image.fromarray(pixels).resize((size, size), Image.Resampling.LANCZOS)
    return np.asarray(resized, np.uint8).reshape(size, size, image.shape[2])
