"""What is said when something went wrong, and the exit code for it: 2 for a person's mistake, 1 for the rest."""

import os
import traceback

import typer

from pbt_gan.errors import PbtGanError, one_line, place

TRACEBACK = "PBT_GAN_TRACEBACK"
"""An environment variable: set to 1, the whole traceback is shown too."""


def tell(error: Exception) -> int:
    """Print an error in one or two lines to standard error and return the exit code."""
    if os.environ.get(TRACEBACK):
        traceback.print_exception(error)
    title, said, hint, code = _told(error)
    typer.echo(f"{typer.style(title, fg='red', bold=True)}: {_printable(said)}", err=True)
    if hint:
        typer.echo(_printable(hint), err=True)
    return code


def _told(error: Exception) -> tuple[str, str, str, int]:
    """Return a title, what was wrong and how to mend it, perhaps a second line, and the exit code."""
    if isinstance(error, PbtGanError):
        return type(error).__name__, str(error), error.hint, error.exit_code
    if hasattr(error, "format_message"):  # typer's own, which it has under different names in different versions
        context = getattr(error, "ctx", None)
        said = error.format_message().strip()
        stop = "" if said[-1:] in ".?" else "."
        return "UsageError", f"{said}{stop} See `{context.command_path if context else 'pbt-gan'} --help`.", "", 2
    if isinstance(error, OSError) and error.filename is not None:
        return "Error", f"{error.filename}: {error.strerror}. Check the path.", "", 2
    hint = f"In code of your own, mend it there; else it is a bug of pbt-gan. {TRACEBACK}=1 shows the whole traceback."
    return place(error), one_line(error), hint, 1


def _printable(text: str) -> str:
    """Return a text on one line, without what could move the cursor: names of files may hold anything."""
    return "".join(c if c.isprintable() else " " for c in text)
