"""The one place that prints: what is meant for a person is cleaned here, whatever names and errors of others hold."""

import logging
import os
import shutil
import sys
from typing import TYPE_CHECKING, TextIO

from pbt_gan.errors import printable
from pbt_gan.terminal.cleaning import clean, escaped

if TYPE_CHECKING:
    from rich.console import Console

_WIDE = 200  # characters of a line that is piped: a log holds whole tables
_NARROWEST = 20  # characters: lines for a terminal of fewer are broken by the terminal
_WIDEST = 10_000


def console(*, stderr: bool = False, quiet: bool = False) -> "Console":
    """Return a console on which names are printed as they are, whatever brackets they hold, but cleaned."""
    from pbt_gan.terminal.clean_console import CleanConsole  # `--help` does without

    made = CleanConsole(
        stderr=stderr,
        quiet=quiet,
        markup=False,
        highlight=False,
        emoji=False,
        width=_asked(),
        _environ={name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")},  # any text
    )
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = _WIDE
    elif made.width < _NARROWEST:
        made.width = _NARROWEST
    return made


def say(text: str, *, title: str = "") -> None:
    """Print one line for a person to standard error, behind a title in red."""
    import typer

    head = f"{typer.style(printable(title), fg='red', bold=True)}: " if title else ""
    typer.echo(head + clean(text, _encoding(sys.stderr)), err=True)


def put(text: str) -> None:
    """Print TOML or JSON, for other programs too: what cannot be printed stands escaped, as both read it."""
    print(escaped(text, _encoding(sys.stdout)), flush=True)  # who reads it may be waiting


def show_messages() -> None:
    """Print what no run's log takes, such as that scorers are being trained: a line each, without tracebacks."""
    if logging.lastResort is not None:
        logging.getLogger("pbt_gan").setLevel(logging.INFO)
        logging.lastResort.setLevel(logging.INFO)
        logging.lastResort.setFormatter(_OneLine())


class _OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Return the first line of the message; a mere message begins without its level."""
        said = printable(record.getMessage().splitlines()[0])
        return said if record.levelno <= logging.INFO else f"{record.levelname.capitalize()}: {said}"


def _asked() -> int | None:
    """Return the width that is asked for by COLUMNS; None: nothing is, and the terminal is asked itself."""
    columns = os.environ.get("COLUMNS")
    if columns is None:
        return None
    asked = int(columns) if columns.isdecimal() and len(columns) < 9 else 0
    return min(asked, _WIDEST) or max(shutil.get_terminal_size().columns, _NARROWEST)


def _encoding(stream: TextIO) -> str:
    return getattr(stream, "encoding", None) or "utf-8"
