"""The checkpoint codec: a member's state as safetensors bytes, and back as exactly what it was.

Any safetensors reader finds the tensors under their dotted paths. What that format has no place for (nesting, numbers,
strings, whether a tensor was torch's or NumPy's, tied tensors) stands as JSON under the metadata key `pbt_gan`:
a scalar and a list stand for themselves; `{"dict": [[key, value], ...]}` keeps the order and the type of keys;
`{"tuple": [...]}`, `{"float": "nan"}`; `{"torch": name}` and `{"numpy": name}` point at a tensor.
"""

import json
import math
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbt_gan.errors import DamageError, TaskError

_KEY = "pbt_gan"
_METADATA = "__metadata__"
_LENGTH_BYTES = 8
_ALIGNMENT = 64

_DTYPES = {  # of safetensors: torch's name, NumPy's name, bytes
    "BOOL": ("bool", "bool", 1),
    "U8": ("uint8", "uint8", 1),
    "I8": ("int8", "int8", 1),
    "U16": ("uint16", "uint16", 2),
    "I16": ("int16", "int16", 2),
    "U32": ("uint32", "uint32", 4),
    "I32": ("int32", "int32", 4),
    "U64": ("uint64", "uint64", 8),
    "I64": ("int64", "int64", 8),
    "F16": ("float16", "float16", 2),
    "F32": ("float32", "float32", 4),
    "F64": ("float64", "float64", 8),
    "C64": ("complex64", "complex64", 8),
    "BF16": ("bfloat16", None, 2),
    "F8_E4M3": ("float8_e4m3fn", None, 1),
    "F8_E5M2": ("float8_e5m2", None, 1),
    "F8_E4M3FNUZ": ("float8_e4m3fnuz", None, 1),
    "F8_E5M2FNUZ": ("float8_e5m2fnuz", None, 1),
}
_DAMAGE = (ValueError, KeyError, TypeError, AttributeError, RuntimeError, OverflowError)
"""What it comes to when bytes are read that nobody meant."""

_OF_TORCH = {torch_name: name for name, (torch_name, _, _) in _DTYPES.items()}
_OF_NUMPY = {numpy_name: name for name, (_, numpy_name, _) in _DTYPES.items() if numpy_name}


def encode(tree: Any) -> bytes:
    """Return a tree as safetensors bytes; equal trees give equal bytes.

    Raises:
        TaskError: the tree holds something else than the leaves of `interfaces.Tree`; says where.
    """
    return b"".join(Encoding(tree).parts)


def decode(data: bytes | bytearray | memoryview) -> Any:
    """Return the tree that was encoded; its tensors own their memory and lie on the CPU.

    Raises:
        DamageError: these are not the bytes that `encode` made.
    """
    try:
        tensors, metadata = _parse(data)
        return _Builder(tensors).build(json.loads(metadata[_KEY]))
    except _DAMAGE as error:
        raise DamageError(f"This checkpoint is damaged or was not written by pbt-gan: {error}.") from error


def encode_tensors(tensors: Mapping[str, Any], metadata: Mapping[str, str]) -> bytes:
    """Return tensors (torch's or NumPy's) as plain safetensors bytes for others: by these names, beside some texts.

    Raises:
        TaskError: there is a tensor that the format has no place for.
    """
    laid_out = {}
    for name, tensor in tensors.items():
        dtype = _dtype(tensor)
        if dtype is None or name == _METADATA:
            raise _refused(tensor, name)
        laid_out[name] = _Tensor(dtype, list(tensor.shape), _content(tensor))
    return b"".join(_laid_out(laid_out, metadata))


def decode_tensors(data: bytes | bytearray | memoryview) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the tensors of safetensors bytes by their names, on the CPU, and the texts beside them.

    Raises:
        DamageError: this is no safetensors file, or a damaged one.
    """
    try:
        tensors, metadata = _parse(data)
        made = _Builder(tensors).build({"dict": [[name, {"torch": name}] for name in tensors]})
        if not all(isinstance(text, str) for text in metadata.values()):
            raise ValueError("its metadata holds more than texts")
        return made, metadata
    except _DAMAGE as error:
        raise DamageError(f"This is no safetensors file, or a damaged one: {error}.") from error


def clone(tree: Any) -> Any:
    """Return an independent copy: equal to `decode(encode(tree))` and made in a third of the time, or on its device."""
    if _on_device(tree):
        return mapped(tree, lambda leaf: leaf.clone() if _is_torch(leaf) else leaf.copy())
    encoding = Encoding(tree)
    return _Builder(encoding.tensors).build(encoding.structure)


def mapped(tree: Any, change: Callable[[Any], Any]) -> Any:
    """Return a tree with each of its tensors changed, torch's and NumPy's; those that are tied stay so."""
    return _mapped(tree, change, {})


def _mapped(value: Any, change: Callable[[Any], Any], made: dict["_Identity", Any]) -> Any:
    # A function within `mapped` that calls itself would keep what was made until the garbage collector comes by.
    if isinstance(value, dict):
        return {key: _mapped(item, change, made) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_mapped(item, change, made) for item in value)
    if not (_is_torch(value) or isinstance(value, np.ndarray)):
        return value
    identity = _identity(value)
    if identity not in made:
        made[identity] = change(value)
    return made[identity]


class Encoding:
    """A tree laid out as safetensors, before the one copy that puts its parts into a file or shared memory."""

    def __init__(self, tree: Any) -> None:
        self.tensors: dict[str, _Tensor] = {}
        self._tied: dict[_Identity, str] = {}
        self.structure = self._structure(tree, "")

    @property
    def parts(self) -> list[bytes | memoryview]:
        """The bytes to write, one after another, without a copy of any tensor."""
        return _laid_out(self.tensors, {_KEY: _dumps(self.structure)})

    def _structure(self, value: Any, path: str) -> Any:
        match value:
            case None | bool() | int() | str():
                return value
            case float():
                return float(value) if math.isfinite(value) else {"float": str(float(value))}
            case dict():
                return {
                    "dict": [[_key(key, path), self._structure(item, _join(path, key))] for key, item in value.items()]
                }
            case list():
                return [self._structure(item, _join(path, i)) for i, item in enumerate(value)]
            case tuple():
                return {"tuple": [self._structure(item, _join(path, i)) for i, item in enumerate(value)]}
            case np.ndarray():
                return {"numpy": self._name(value, path)}
        if _is_torch(value):
            return {"torch": self._name(value, path)}
        raise _refused(value, path)

    def _name(self, value: Any, path: str) -> str:
        dtype = _dtype(value)
        if dtype is None:
            raise _refused(value, path)
        identity = _identity(value)
        if identity in self._tied:
            return self._tied[identity]
        name = path or "tensor"
        while name in self.tensors or name == _METADATA:  # {"a.b": …, "a": {"b": …}}
            name += "'"
        self.tensors[name] = _Tensor(dtype, list(value.shape), _content(value))
        self._tied[identity] = name
        return name


class _Tensor(NamedTuple):
    dtype: str  # safetensors' name
    shape: list[int]
    content: NDArray[np.uint8]  # a view wherever it can be


def _laid_out(tensors: Mapping[str, _Tensor], metadata: Mapping[str, str]) -> list[bytes | memoryview]:
    """Return a safetensors file in parts."""
    # The widest first, so that every tensor is aligned; the header is padded for the same reason.
    laid_out = dict(sorted(tensors.items(), key=lambda item: -_DTYPES[item[1].dtype][2]))
    header: dict[str, Any] = {_METADATA: dict(metadata)}
    end = 0
    for name, tensor in laid_out.items():
        start, end = end, end + tensor.content.nbytes
        header[name] = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [start, end]}
    text = _dumps(header).encode()
    text += b" " * (-len(text) % _LENGTH_BYTES)
    length = len(text).to_bytes(_LENGTH_BYTES, "little")
    return [length, text, *(tensor.content.data for tensor in laid_out.values())]


def _parse(data: bytes | bytearray | memoryview) -> tuple[dict[str, _Tensor], dict[str, str]]:
    """Return the tensors, as views of the data, and the metadata."""
    start = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")
    if start > len(data):
        raise ValueError("it is shorter than its header")
    header = json.loads(bytes(data[_LENGTH_BYTES:start]))
    metadata: dict[str, str] = dict(header.pop(_METADATA, {}))
    contents = np.frombuffer(data, np.uint8)[start:]
    tensors: dict[str, _Tensor] = {}
    for name, entry in header.items():
        dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        if min(shape, default=0) < 0 or not 0 <= begin <= end <= len(contents):
            raise ValueError(f"{name} lies outside of it")
        if end - begin != math.prod(shape) * _DTYPES[dtype][2]:
            raise ValueError(f"{name} has another size than its shape")
        tensors[name] = _Tensor(dtype, shape, contents[begin:end])
    if sum(tensor.content.nbytes for tensor in tensors.values()) > len(contents):
        raise ValueError("its tensors lie over each other")
    return tensors, metadata


class _Builder:
    """Makes a tree, with copies of the tensors, all in one new piece of memory.

    NumPy asks for huge pages where one array is large, which makes the copy several times faster than many small
    allocations. Each tensor begins at 64 bytes, as torch's own do: the last bit of a matrix product may depend on it.
    """

    def __init__(self, tensors: Mapping[str, _Tensor]) -> None:
        self._tensors = tensors
        self._made: dict[str, Any] = {}
        memory = np.empty(sum(map(_room, tensors.values())) + _ALIGNMENT, np.uint8)
        self._free = memory[-memory.__array_interface__["data"][0] % _ALIGNMENT :]

    def build(self, structure: Any) -> Any:
        """Return what a piece of the structure stands for."""
        if isinstance(structure, list):
            return [self.build(item) for item in structure]
        if not isinstance(structure, dict):
            return structure
        ((kind, content),) = structure.items()
        match kind:
            case "dict":
                return {key: self.build(item) for key, item in content}
            case "tuple":
                return tuple(self.build(item) for item in content)
            case "float":
                return float(content)
            case "torch" | "numpy":
                if content not in self._made:
                    self._made[content] = self._leaf(kind, self._tensors[content])
                return self._made[content]
        raise ValueError(f"it holds a {kind!r}")

    def _leaf(self, kind: str, tensor: _Tensor) -> Any:
        content = self._free[: tensor.content.nbytes]
        self._free = self._free[_room(tensor) :]
        content[:] = tensor.content
        torch_name, numpy_name, _ = _DTYPES[tensor.dtype]
        if kind == "numpy":
            return content.view(np.dtype(numpy_name)).reshape(tensor.shape)
        import torch

        return torch.from_numpy(content).view(getattr(torch, torch_name)).reshape(tensor.shape)


def _room(tensor: _Tensor) -> int:
    return tensor.content.nbytes + -tensor.content.nbytes % _ALIGNMENT


_Identity = tuple[Any, ...]
"""Two tensors of one identity are the same numbers in the same place: tied."""


def _identity(value: Any) -> _Identity:
    if isinstance(value, np.ndarray):
        place = value.__array_interface__["data"][0] if value.size else id(value)
        return ("numpy", place, value.shape, value.strides, value.dtype.str)
    place = value.data_ptr() if value.numel() else id(value)
    return ("torch", str(value.device), place, tuple(value.shape), value.stride(), value.dtype)


def _is_torch(value: Any) -> bool:
    torch = sys.modules.get("torch")  # nobody holds a tensor before torch is imported
    return torch is not None and isinstance(value, torch.Tensor)


def _on_device(tree: Any) -> bool:
    if isinstance(tree, dict):
        return any(map(_on_device, tree.values()))
    if isinstance(tree, list | tuple):
        return any(map(_on_device, tree))
    return _is_torch(tree) and tree.device.type != "cpu"


def _dtype(value: Any) -> str | None:
    """Return safetensors' name for it; None: there is none."""
    if isinstance(value, np.ndarray):
        return _OF_NUMPY.get(value.dtype.name)
    return _OF_TORCH.get(str(value.dtype).removeprefix("torch.")) if str(value.layout) == "torch.strided" else None


def _content(value: Any) -> NDArray[np.uint8]:
    """Return the bytes of a tensor, a view of it wherever that can be."""
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(value, value.dtype.newbyteorder("<")).reshape(-1).view(np.uint8)
    import torch

    plain = value.detach().cpu().resolve_conj().contiguous()
    flat = plain.as_strided((plain.numel(),), (1,))  # not by reshape: an axis of one element may have any stride
    content: NDArray[np.uint8] = flat.view(torch.uint8).numpy()
    return content


def _key(key: Any, path: str) -> Any:
    if type(key) not in (str, int):
        raise TaskError(
            f"A member's state has the key {key!r} at {path or 'its top'}; use strings or integers as keys."
        )
    return key


def _join(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)


def _refused(value: Any, path: str) -> TaskError:
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    dtype = f" of {value.dtype}" if hasattr(value, "dtype") else ""
    return TaskError(
        f"A member's state holds a {kind}{dtype} at {path or 'its top'}; a checkpoint keeps nested dicts, lists and "
        "tuples of tensors (torch or NumPy), numbers, strings, booleans and None."
    )


def _dumps(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
