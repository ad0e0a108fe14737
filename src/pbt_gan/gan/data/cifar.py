"""CIFAR-10 as its authors publish it: `cifar-10-python.tar.gz`, or the folder that it unpacks to.

The batches are pickles, and a pickle may run any code. This reader lets a pickle build plain values and mere
descriptions of NumPy arrays; everything else that it asks for is refused, and nothing is executed.
"""

import io
import pickle
import pickletools
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pbt_gan.errors import DataError
from pbt_gan.gan.data.bounded import Bounded, read_up_to, unpacked
from pbt_gan.gan.data.dataset import Dataset

FOLDER = "cifar-10-batches-py"
BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
MOST_BATCH_BYTES = 64 * 2**20
"""Twice the size of a real batch."""

MOST_ARCHIVE_BYTES = 512 * 2**20
"""Three times what the published archive unpacks to."""

MOST_OPCODES = 300_000
"""Ten times those of a real batch, most of which are names of files and labels."""

_PIXELS = 3 * 32 * 32

# Values, texts, lists, dicts that only `SETITEM(S)` fill, and what builds an array. No sets, whose items are hashed; no
# long numbers, and no buffers that take the length that is announced.
_OPCODES = frozenset(
    (
        *("PROTO", "FRAME", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2"),
        *("LONG1", "STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "UNICODE", "BINUNICODE"),
        *("SHORT_BINUNICODE", "EMPTY_DICT", "SETITEM", "SETITEMS", "EMPTY_LIST", "LIST", "APPEND", "APPENDS"),
        *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"),
        *("GET", "BINGET", "LONG_BINGET", "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"),
    )
)


def is_cifar_folder(path: Path) -> bool:
    """Whether a folder holds the five training batches, or the folder that does."""
    return (path / BATCHES[0]).is_file() or (path / FOLDER).is_dir()


def read_cifar_folder(path: Path) -> Dataset:
    """Read the training images; the test batch is left alone."""
    folder = path if (path / BATCHES[0]).is_file() else path / FOLDER

    def batches() -> Iterator[tuple[str, bytes]]:
        for name in BATCHES:
            if not (folder / name).is_file():
                raise DataError(f"{folder} lacks {name}; unpack cifar-10-python.tar.gz anew, or give that file itself.")
            with (folder / name).open("rb") as file:
                yield str(folder / name), bytes(read_up_to(file, MOST_BATCH_BYTES + 1))

    return _dataset(batches())


def read_cifar_archive(path: Path) -> Dataset:
    """Read the training images straight from the archive, in one pass; nothing is unpacked to the disk."""
    try:
        with unpacked(path) as file:
            found = _members(path, Bounded(path, file, MOST_ARCHIVE_BYTES))
    except tarfile.TarError as error:
        raise DataError(f"{path} is truncated, damaged or no .tar.gz ({error}); fetch it again.") from error
    for name in BATCHES:
        if name not in found:
            raise DataError(
                f"{path} lacks {FOLDER}/{name}; of archives, only cifar-10-python.tar.gz is read. Unpack others first."
            )
    return _dataset((f"{path}/{name}", found[name]) for name in BATCHES)


def _members(path: Path, file: Bounded) -> dict[str, bytes]:
    """Return the batches of a tar, by name.

    Header by header, where `tarfile` follows what they announce: it takes a long name into memory whatever its length.
    """
    found: dict[str, bytes] = {}
    while len(found) < len(BATCHES):
        head = file.read(tarfile.BLOCKSIZE)
        if not head.strip(b"\0"):  # the end, or nothing at all
            break
        entry = tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
        folder, _, name = entry.name.removeprefix("./").rpartition("/")
        padding = -entry.size % tarfile.BLOCKSIZE
        if folder != FOLDER or name not in BATCHES:
            file.skip(entry.size + padding)
            continue
        if not entry.isreg():
            raise DataError(f"{path}: {name} is no plain file; fetch cifar-10-python.tar.gz again.")
        if entry.size > MOST_BATCH_BYTES:
            raise DataError(f"{path}/{name} is larger than any CIFAR-10 batch; fetch CIFAR-10 again.")
        found[name] = file.read(entry.size)
        if len(found[name]) < entry.size:
            raise DataError(f"{path} is truncated within {name}; fetch it again.")
        file.skip(padding)
    return found


def _dataset(batches: Iterable[tuple[str, bytes]]) -> Dataset:
    parts = [_batch(name, data) for name, data in batches]
    pixels = np.concatenate([images for images, _ in parts]).reshape(-1, 3, 32, 32)
    return Dataset.of("cifar-10", pixels, np.concatenate([labels for _, labels in parts]))


def _batch(name: str, data: bytes) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    if not data or len(data) > MOST_BATCH_BYTES:
        raise DataError(f"{name} is {'larger than any CIFAR-10 batch' if data else 'empty'}; fetch CIFAR-10 again.")
    try:
        _check_opcodes(data)
        batch = _Unpickler(io.BytesIO(data), encoding="bytes").load()
        images, labels = _entry(batch, "data").array().reshape(-1, _PIXELS), _labels(_entry(batch, "labels"))
    except DataError as error:
        raise DataError(f"{name} {error}") from error
    except Exception as error:  # a damaged or hostile pickle can make the unpickler raise anything
        raise DataError(f"{name} is truncated, damaged or no CIFAR-10 batch; fetch CIFAR-10 again.") from error
    if labels.shape != (len(images),):
        raise DataError(f"{name} has {len(images)} images but {labels.size} labels; fetch CIFAR-10 again.")
    return images, labels


def _check_opcodes(data: bytes) -> None:
    """Refuse a pickle that does more than a batch needs, or does it too often, before anything is built."""
    for number, (opcode, _, _) in enumerate(pickletools.genops(data)):
        if opcode.name not in _OPCODES or number >= MOST_OPCODES:
            what = f"the operation {opcode.name}" if opcode.name not in _OPCODES else f"{MOST_OPCODES:,} operations"
            raise DataError(
                f"is a pickle with {what}, more than any CIFAR-10 batch has; nothing was executed. Fetch CIFAR-10 from "
                f"a place that you trust."
            )


def _entry(batch: dict[bytes | str, Any], name: str) -> Any:
    return batch[name] if name in batch else batch[name.encode()]


def _labels(labels: object) -> NDArray[np.int64]:
    # Before NumPy sees them: it follows lists in lists, and a few lists that share each other are gigabytes unfolded.
    if type(labels) is not list or not all(type(label) is int for label in labels):
        raise ValueError("the labels are no list of whole numbers")
    return np.array(labels, np.int64)


class _Type:
    """What a pickle says of a `numpy.dtype`."""

    def __init__(self, code: bytes | str, *_: object) -> None:
        self.code = code if isinstance(code, str) else code.decode()

    def __setstate__(self, state: object) -> None:
        """Byte order and the like; a byte has none."""


class _Array:
    """What a pickle says of a `numpy.ndarray`."""

    type: _Type
    columns_first: bool
    data: bytes

    def __init__(self, *_: object) -> None:
        """The arguments of NumPy's `_reconstruct` are placeholders; the content follows as state."""

    def __setstate__(self, state: tuple[int, object, _Type, bool, bytes]) -> None:
        _, _, self.type, self.columns_first, self.data = state

    def array(self) -> NDArray[np.uint8]:
        if self.type.code != "u1" or self.columns_first or not isinstance(self.data, bytes):
            raise DataError("holds an array of another type or order than CIFAR-10's uint8 rows; fetch CIFAR-10 again.")
        return np.frombuffer(self.data, np.uint8)


_ADMITTED: Mapping[tuple[str, str], type] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
}


# A key is hashed, and tuples of tuples that share each other are hashed for years, in C, where Ctrl-C is not heard.
def _checked(fill: Callable[[Any], None], items: slice) -> Callable[[Any], None]:
    def load(unpickler: Any) -> None:
        if not all(type(key) in (bytes, str) for key in unpickler.stack[items][::2]):
            raise ValueError("a key is no text")
        fill(unpickler)

    return load


_CHECKED = {
    operation[0]: _checked(pickle._Unpickler.dispatch[operation[0]], items)
    for operation, items in ((pickle.SETITEM, slice(-2, None)), (pickle.SETITEMS, slice(None)))
}


# The unpickler in Python: the one in C lets a few bytes of a pickle claim gigabytes for its memo.
class _Unpickler(pickle._Unpickler):
    def find_class(self, module: str, name: str) -> type:
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise DataError(
                f"is a pickle that asks for {f'{module}.{name}'[:80]!r}. Only NumPy arrays are admitted; "
                f"nothing was executed. Fetch CIFAR-10 from a place that you trust."
            ) from None

    dispatch: ClassVar[dict[int, Any]] = {**pickle._Unpickler.dispatch, **_CHECKED}
