"""A folder as somebody brings it: a thousand pictures of all kinds and sizes, and what else lies among them."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("cats", "dogs")
COUNT, UNSEEN, CORRUPT = 1_000, 100, 3


def mixed_pictures(folder: Path) -> Path:
    """Write 1,000 pictures in two classes, a tenth of them in `test/`, of which three are damaged; return the folder.

    They are stripes whose direction is that of their class.
    """
    rng = np.random.default_rng(0)
    for number in range(COUNT):
        kind = number % len(CLASSES)
        place = folder / ("test" if number < UNSEEN else "train") / CLASSES[kind] / f"{number:04d}"
        place.parent.mkdir(parents=True, exist_ok=True)
        _write(place, _striped(rng, upright=kind == 0), number)
    for number in range(UNSEEN, UNSEEN + CORRUPT):
        (path,) = (folder / "train" / CLASSES[number % 2]).glob(f"{number:04d}.*")
        path.write_bytes(path.read_bytes()[:40])
    for junk in (".thumbnails", "train/cats/@eaDir", "__MACOSX/train/dogs", "train/.ipynb_checkpoints"):
        (folder / junk).mkdir(parents=True)
        Image.new("RGB", (16, 16)).save(folder / junk / "a.png")
    (folder / "notes.txt").write_text("from the camera")
    return folder


def _striped(rng: np.random.Generator, *, upright: bool) -> Image.Image:
    height, width = (int(side) for side in rng.integers(20, 61, 2))
    period = int(rng.integers(6, 10))
    along = (np.arange(width if upright else height) // (period // 2)) % 2
    light = np.broadcast_to(along if upright else along[:, None], (height, width))[..., None]
    colours = rng.integers(0, 256, (2, 3))
    pixels = np.where(light == 1, colours[0], colours[1]) + rng.integers(-10, 11, (height, width, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _write(place: Path, picture: Image.Image, number: int) -> None:
    """Save a picture in one of six ways, by its number."""
    match number // 2 % 6:
        case 0:
            picture.save(place.with_suffix(".png"))
        case 1:  # stored lying on its side
            exif = Image.Exif()
            exif[0x0112] = 6
            data = io.BytesIO()
            picture.transpose(Image.Transpose.ROTATE_90).save(data, "JPEG", exif=exif, quality=95)
            place.with_suffix(".JPG").write_bytes(data.getvalue())
        case 2:
            picture.putalpha(Image.linear_gradient("L").resize(picture.size))
            picture.save(place.with_suffix(".webp"), lossless=True)
        case 3:
            picture.convert("P", palette=Image.Palette.ADAPTIVE).save(place.with_suffix(".gif"))
        case 4:
            picture.convert("CMYK").save(place.with_suffix(".tif"))
        case _:
            picture.convert("L").save(place.with_suffix(".bmp"))
