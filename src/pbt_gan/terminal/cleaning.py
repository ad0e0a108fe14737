"""What a terminal is spared: control characters, and letters that it has no code for."""

from collections.abc import Callable

_PLAINER = {"–": "-", "—": "-", "·": "-", "×": "x", "…": "~", "’": "'", "→": ">"}
"""Signs of our own, and how they are written where there is only ASCII."""


def clean(text: str, encoding: str, cells: Callable[[str], int] = lambda letter: 1) -> str:
    """Return a line without control characters, and with a question mark for each letter that an encoding lacks.

    Args:
        text: the line.
        encoding: of the terminal.
        cells: how wide a letter is; what stands in its place is as wide.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if _has(encoding, c) else _stand_in(c) * cells(c) for c in text)


def escaped(text: str, encoding: str) -> str:
    """Return TOML or JSON with escapes that both know in place of what `clean` would replace; lines stay lines."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c == "\n" or _has(encoding, c) else _escape(c) for c in text)


def _has(encoding: str, letter: str) -> bool:
    if letter.isascii() or not letter.isprintable():
        return letter.isprintable()
    try:
        letter.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _stand_in(letter: str) -> str:
    return " " if letter.isspace() else _PLAINER.get(letter, "?")


def _escape(letter: str) -> str:
    code = ord(letter)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
