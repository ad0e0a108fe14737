"""Pickles of plain values and arrays of bytes, read so that they can do nothing else.

A pickle may run any code. This reader lets one build plain values and mere descriptions of NumPy arrays; everything
else that it asks for is refused, and nothing is executed.
"""

import io
import pickle
import pickletools
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pbt_gan.errors import DataError

MOST_OPCODES = 600_000
"""Three times those of CIFAR-100's largest file, most of which are names of files and labels."""

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


class ByteArray:
    """What a pickle says of a `numpy.ndarray`."""

    type: "_Type"
    columns_first: bool
    data: bytes

    def __init__(self, *_: object) -> None:
        """The arguments of NumPy's `_reconstruct` are placeholders; the content follows as state."""

    def __setstate__(self, state: tuple[int, object, "_Type", bool, bytes]) -> None:
        _, _, self.type, self.columns_first, self.data = state

    def array(self) -> NDArray[np.uint8]:
        """Return its bytes, in one row.

        Raises:
            DataError: it holds something else than bytes, or in another order.
        """
        if self.type.code != "u1" or self.columns_first or not isinstance(self.data, bytes):
            raise DataError("holds an array of another type or order than rows of uint8")
        return np.frombuffer(self.data, np.uint8)


class _Type:
    """What a pickle says of a `numpy.dtype`."""

    def __init__(self, code: bytes | str, *_: object) -> None:
        self.code = code if isinstance(code, str) else code.decode()

    def __setstate__(self, state: object) -> None:
        """Byte order and the like; a byte has none."""


def plain(data: bytes) -> Any:
    """Return what a pickle describes: values, lists, dicts with texts for keys, and `ByteArray`s.

    Raises:
        DataError: it asks for more than that.
        Exception: of any kind, for one that is damaged.
    """
    for number, (opcode, _, _) in enumerate(pickletools.genops(data)):  # before anything is built
        if opcode.name not in _OPCODES or number >= MOST_OPCODES:
            what = f"the operation {opcode.name}" if opcode.name not in _OPCODES else f"{MOST_OPCODES:,} operations"
            raise DataError(f"is a pickle with {what}, more than CIFAR's have; nothing was executed")
    return _Unpickler(io.BytesIO(data), encoding="bytes").load()


_ADMITTED: Mapping[tuple[str, str], type] = {
    ("numpy", "ndarray"): ByteArray,
    ("numpy", "dtype"): _Type,
    ("numpy.core.multiarray", "_reconstruct"): ByteArray,
    ("numpy._core.multiarray", "_reconstruct"): ByteArray,
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
                f"is a pickle that asks for {f'{module}.{name}'[:80]!r}, where only NumPy arrays are admitted; "
                f"nothing was executed"
            ) from None

    dispatch: ClassVar[dict[int, Any]] = {**pickle._Unpickler.dispatch, **_CHECKED}
