"""TOML that a person hands over: decoded, bounded, parsed. No file makes the parser take the machine's memory."""

import re
import tomllib
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from pbt_gan.errors import ConfigError

_MOST_BYTES = 8 << 20
_DEEPEST = 32  # tables and lists inside of each other
_PART = r"""(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')"""
_LONG_KEY = re.compile(rf"""(?<![\w.-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{_DEEPEST}}}""")
"""A dotted key of too many parts, found before the parser takes memory and time with their square."""


def read(path: Path) -> dict[str, Any]:
    """Return the table in a file; a byte order mark is skipped.

    Raises:
        ConfigError: it cannot be read, is too large or nested too deep, or is not TOML.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise ConfigError(f"{path} is larger than {_MOST_BYTES >> 20} MiB, which no settings are.")
        if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) or b"\0" in data:
            raise ConfigError(f"{path} cannot be read: it is UTF-16, or no text. Save it as UTF-8.")
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}.") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} cannot be read: {error}. Save it as UTF-8.") from None
    return parse(text, str(path))


def parse(text: str, where: str) -> dict[str, Any]:
    """Return the table in a text; `where` is its name for a person.

    Raises:
        ConfigError: it is nested too deep, or is not TOML.
    """
    try:
        return bounded(text, where)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where} is not TOML: {error}.") from None


def bounded(text: str, where: str) -> dict[str, Any]:
    """Parse a text of which it is not known whether it is TOML at all.

    Raises:
        TOMLDecodeError: it is not.
        ConfigError: it holds what no setting needs: a number of more than 64 bits, too many tables in each other.
    """
    too_deep = ConfigError(f"{where} has keys or lists of more than {_DEEPEST} levels; no setting needs so many.")
    if _LONG_KEY.search(text):
        raise too_deep
    try:
        table = tomllib.loads(text)
    except RecursionError:
        raise too_deep from None
    except tomllib.TOMLDecodeError:
        raise
    except ValueError:  # Python refuses to read thousands of digits
        raise _too_large(where) from None
    level: list[Any] = [table]
    for _ in range(_DEEPEST):
        level = [item for each in level for item in _items(each)]
        if any(isinstance(item, int) and item.bit_length() > 63 for item in level):
            raise _too_large(where)
        if not level:
            return table
    raise too_deep


def written(table: Mapping[str, Any]) -> bytes:
    """Return a table as a file.

    TOML is text: of a path that is no UTF-8, the bytes that are none stand as question marks. A run's journal has them.
    """
    return tomli_w.dumps(table).encode(errors="replace")


def check_key(parts: list[str], where: str) -> None:
    """Raise ConfigError if a dotted key has more parts than any setting."""
    if len(parts) > _DEEPEST:
        raise ConfigError(f"{where} names a key of {len(parts):,} parts; no setting has so many.")


def _items(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list) else []


def _too_large(where: str) -> ConfigError:
    return ConfigError(f"{where} holds a whole number of more than 64 bits; write a smaller one, or a float.")
