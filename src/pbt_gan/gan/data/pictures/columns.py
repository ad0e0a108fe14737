"""Which column of a table holds pictures, and which one says what they show."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pbt_gan.errors import printable

if TYPE_CHECKING:
    import pyarrow as pa

_PICTURES = ("image", "img", "images", "picture", "photo", "jpg", "jpeg", "png", "webp")
_LABELS = ("label", "labels", "class", "class_name", "target", "y", "category", "fine_label")
"""Names of columns, of which the first that is there is taken."""

_LONGEST_NAME = 100  # letters of a class's name


class Columns(NamedTuple):
    """The columns that are read."""

    pictures: str
    packed: bool  # in a column of pairs, bytes and path, as Hugging Face's library writes them
    labels: str | None
    class_names: Sequence[str] | None  # by number, where the labels are numbers of named classes


def columns(schema: "pa.Schema") -> Columns | None:
    """Choose columns by what Hugging Face's library notes in a table, else by their types and names.

    Returns:
        None: no column can hold encoded pictures.
    """
    from pyarrow import types

    said = _features(schema.metadata or {})
    pairs = [field.name for field in schema if types.is_struct(field.type) and _holds_bytes(field.type)]
    plain = [field.name for field in schema if _is_bytes(field.type)]
    marked = [name for name in pairs + plain if said.get(name, {}).get("_type") == "Image"]
    pictures = _first(_PICTURES, marked) or _first(_PICTURES, pairs) or _first(_PICTURES, plain)
    if pictures is None:
        return None
    named = {name: names for name, feature in said.items() if (names := _class_names(feature)) is not None}
    classes = [field.name for field in schema if types.is_integer(field.type) and field.name in named]
    label = _first(_LABELS, classes)
    if label is None:
        label = next((name for name in _LABELS if name in schema.names and _is_label(schema.field(name).type)), None)
    return Columns(pictures, pictures in pairs, label, named.get(label) if label else None)


def class_name(value: object, names: Sequence[str] | None) -> str | None:
    """Return what a label is called; None: there is none, which some data sets write as -1.

    Examples:
        >>> class_name(1, ["cat", "dog"]), class_name(7, None), class_name(-1, ["cat"]), class_name("a cat", None)
        ('dog', '7', None, 'a cat')
    """
    if isinstance(value, int) and names is not None:
        return names[value] if 0 <= value < len(names) else None
    if value is None or (isinstance(value, int) and value < 0):
        return None
    return printable(str(value))[:_LONGEST_NAME]


def _features(metadata: Mapping[bytes, bytes]) -> Mapping[str, Mapping[str, Any]]:
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return {name: feature for name, feature in features.items() if isinstance(feature, dict)}
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        return {}


def _class_names(feature: Mapping[str, Any]) -> list[str] | None:
    names = feature.get("names")
    if feature.get("_type") != "ClassLabel" or not isinstance(names, list):
        return None
    return [printable(str(name))[:_LONGEST_NAME] for name in names]


def _holds_bytes(kind: "pa.StructType") -> bool:
    place = kind.get_field_index("bytes")
    return place >= 0 and _is_bytes(kind.field(place).type)


def _is_bytes(kind: "pa.DataType") -> bool:
    from pyarrow import types

    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _is_label(kind: "pa.DataType") -> bool:
    from pyarrow import types

    kind = kind.value_type if types.is_dictionary(kind) else kind
    return bool(types.is_integer(kind) or types.is_string(kind) or types.is_large_string(kind))


def _first(usual: Sequence[str], names: Sequence[str]) -> str | None:
    """Return the name that is most usual, or else the first one."""
    return min(names, key=lambda name: usual.index(name.lower()) if name.lower() in usual else len(usual), default=None)
