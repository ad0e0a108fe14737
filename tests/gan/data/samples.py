"""Small files of every kind of data set, and what a refusal has to be."""

import gzip
import io
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pbt_gan.errors import DataError
from pbt_gan.gan.data import load_dataset

FOLDER = "cifar-10-batches-py"
BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
COUNT = 40


def pictures(channels: int = 1, size: int = 8, count: int = COUNT) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, channels), dtype=np.uint8)


IMAGES = pictures()
LABELS = np.arange(COUNT) % 4


def idx(array: NDArray[Any]) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype("u1").tobytes()


def cifar_batch(number: int, count: int = 20) -> bytes:
    """Write a batch as the authors' Python 2 did: protocol 2, byte strings, an array rebuilt by `_reconstruct`."""
    pixels = np.random.default_rng(number).integers(0, 256, count * 3072, dtype=np.uint8).tobytes()
    labels = b"".join(b"K" + bytes([i % 4]) for i in range(count))
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR"
        b"(K\x01K" + bytes([count]) + b"M\x00\x0c\x86cnumpy\ndtype\n(U\x02u1K\x00K\x01tR"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"
        + struct.pack("<i", len(pixels))
        + pixels
        + b"tb"
    )
    return b"\x80\x02}(U\x06labels](" + labels + b"eU\x04data" + array + b"u."


def cifar_folder(path: Path, **replaced: bytes) -> Path:
    folder = path / FOLDER
    folder.mkdir()
    for number, name in enumerate(BATCHES):
        (folder / name).write_bytes(replaced.get(name, cifar_batch(number)))
    return folder


def cifar_archive(path: Path, folder: Path) -> Path:
    archive = path / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, FOLDER)
    return archive


def refused(place: Path | str) -> str:
    with pytest.raises(DataError) as caught:
        load_dataset(str(place))
    message = str(caught.value)
    assert len(message.splitlines()) <= 2
    assert len(message) < 400
    return message


def tar(*entries: tuple[str, bytes, bytes]) -> bytes:
    """Return a gzipped tar of entries (name, type, content); what the content announces need not follow."""
    blocks = b""
    for name, kind, content in entries:
        info = tarfile.TarInfo(name)
        info.type, info.size = kind, len(content)
        blocks += info.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % 512)
    return gzip.compress(blocks + bytes(1024), 1)


def npy(shape: str, kind: str = "|u1") -> bytes:
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header + b"\n"


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in files.items():
            archive.writestr(f"{name}.npy", content)
    return buffer.getvalue()


class Evil:
    """Pickles to a call that makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)
