"""A folder of image files; where all lie in sub-folders, those are the classes."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from pbt_gan.errors import DataError
from pbt_gan.gan.data.dataset import Dataset, check_size

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""What Pillow may take a file for. It goes by the content: left to itself it starts Ghostscript on PostScript."""

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")


def read_folder(path: Path) -> Dataset:
    """Read all images of a folder and its sub-folders, in the order of their names.

    Images stay grey if all are; otherwise all become RGB. Transparency is dropped.
    """
    files = sorted(
        file
        for file in path.rglob("*")
        if file.suffix.lower() in ENDINGS and not file.name.startswith(".") and file.is_file()
    )
    if not files:
        raise DataError(
            f"{path} holds no images ({', '.join(ENDINGS[:5])}, …) and none of the files that are known: "
            f"train-images-idx3-ubyte[.gz], data_batch_1 … 5. Give a folder with images, or a file."
        )
    pictures = []
    for file in files:
        pictures.append(_pixels(file))
        if pictures[-1].shape[:2] != pictures[0].shape[:2]:
            (height, width), (first_height, first_width) = pictures[-1].shape[:2], pictures[0].shape[:2]
            raise DataError(
                f"{file} has {width} x {height} pixels, but {files[0].name} has {first_width} x {first_height}. All "
                f"must be of one size: resize them, for example mogrify -resize 32x32! '*.png'."
            )
        check_size(str(path), len(files) * pictures[0].nbytes)
    channels = max(picture.shape[2] for picture in pictures)
    images = np.stack([np.broadcast_to(picture, (*picture.shape[:2], channels)) for picture in pictures])
    sorted_by_class = all(file.parent != path for file in files)
    labels = np.unique([str(file.parent) for file in files], return_inverse=True)[1] if sorted_by_class else None
    return Dataset.of(path.resolve().name, images, labels)


def _pixels(file: Path) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=FORMATS) as picture:
                if picture.mode[0] in "IF":
                    raise ValueError("it has more than 8 bits a channel; convert it to 8")
                grey = picture.mode in ("1", "L")
                pixels = np.asarray(picture.convert("L" if grey else "RGB"))
    except Exception as error:  # Pillow raises a dozen kinds on damaged and on hostile files
        raise DataError(f"{file} cannot be read as an image ({error}); mend or remove it.") from error
    return pixels.reshape(*pixels.shape[:2], -1)
