"""Pictures of one size, decoded into a data set."""

import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from pbt_gan.errors import DataError
from pbt_gan.gan.data.dataset import Dataset, check_size
from pbt_gan.gan.data.pictures.collection import Collection

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""What Pillow may take a file for. It goes by the content: left to itself it starts Ghostscript on PostScript."""


def read_pictures(path: Path, collection: Collection) -> Dataset:
    """Decode all pictures to train on.

    Images stay grey if all are; otherwise all become RGB. Transparency is dropped.
    """
    items = [item for item in collection.items if item.part == "train"]
    pictures = []
    for item in items:
        file = path / item.name
        pictures.append(_pixels(file, collection.read(item)))
        if pictures[-1].shape[:2] != pictures[0].shape[:2]:
            (height, width), (first_height, first_width) = pictures[-1].shape[:2], pictures[0].shape[:2]
            raise DataError(
                f"{file} has {width} x {height} pixels, but {items[0].name} has {first_width} x {first_height}. All "
                f"must be of one size: resize them, for example mogrify -resize 32x32! '*.png'."
            )
        check_size(str(path), len(items) * pictures[0].nbytes)
    channels = max(picture.shape[2] for picture in pictures)
    images = np.stack([np.broadcast_to(picture, (*picture.shape[:2], channels)) for picture in pictures])
    labels = np.array([collection.class_names.index(item.label) for item in items if item.label is not None], np.int64)
    return Dataset.of(path.resolve().name, images, labels if len(labels) else None)


def _pixels(file: Path, data: bytes) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(data), formats=FORMATS) as picture:
                if picture.mode[0] in "IF":
                    raise ValueError("it has more than 8 bits a channel; convert it to 8")
                grey = picture.mode in ("1", "L")
                pixels = np.asarray(picture.convert("L" if grey else "RGB"))
    except Exception as error:  # Pillow raises a dozen kinds on damaged and on hostile files
        raise DataError(f"{file} cannot be read as an image ({error}); mend or remove it.") from error
    return pixels.reshape(*pixels.shape[:2], -1)
