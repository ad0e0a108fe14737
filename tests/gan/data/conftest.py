from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pbt_gan.errors import DataError
from pbt_gan.gan.data.pictures.collection import Collection, Item


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own; the path of its data sets."""
    monkeypatch.setenv("PBT_GAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "data"


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


@pytest.fixture
def pictures() -> Callable[..., Path]:
    """Makes a folder of pictures: so many PNGs of these sizes, in turn."""

    def made(folder: Path, count: int = 12, sizes: Sequence[tuple[int, int]] = ((8, 8),), first: int = 0) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(first, first + count):
            height, width = sizes[number % len(sizes)]
            Image.fromarray(noise(height, width, seed=number)).save(folder / f"{number:03}.png")
        return folder

    return made


class Given(Collection):
    """Pictures in memory."""

    kind = "pictures in memory"

    def __init__(self, content: dict[Item, bytes], class_names: Sequence[str] = ()) -> None:
        self.items = list(content)
        self.class_names = class_names
        self.ignored = {"hidden files": 2}
        self.remarks = ["as it was given"]
        self._content = {item.name: data for item, data in content.items()}

    def read(self, item: Item) -> bytes:
        data = self._content[item.name]
        if not data:
            raise DataError("it is not there")
        return data


@pytest.fixture
def given() -> type[Given]:
    """Makes a collection of pictures in memory."""
    return Given
