"""What is said when something went wrong, and the exit code for it: 2 for a person's mistake, 1 for the rest."""

import os
import traceback

import typer

from pbt_gan.errors import PbtGanError, place

TRACEBACK = "PBT_GAN_TRACEBACK"
"""An environment variable: set to 1, the whole traceback is shown too."""


def tell(error: Exception) -> int:
    """Print an error in one or two lines to standard error and return the exit code."""
    if os.environ.get(TRACEBACK):
        traceback.print_exception(error)
    title, text, code = _told(error)
    lines = ("".join(c if c.isprintable() else " " for c in line) for line in text.splitlines())
    typer.echo(f"{typer.style(title, fg='red', bold=True)}: " + "\n".join(lines), err=True)
    return code


def _told(error: Exception) -> tuple[str, str, int]:
    if isinstance(error, PbtGanError):
        return type(error).__name__, str(error), error.exit_code
    if hasattr(error, "format_message"):  # typer's own, which it has under different names in different versions
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "pbt-gan"
        message = error.format_message().strip()
        return "UsageError", f"{message}{'' if message[-1:] in '.?' else '.'} See `{command} --help`.", 2
    if isinstance(error, OSError) and error.filename is not None:
        return "Error", f"{error.filename}: {error.strerror}. Check the path.", 2
    lines = str(error).strip().splitlines()
    said = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    hint = f"In code of your own, mend it there; else it is a bug of pbt-gan. {TRACEBACK}=1 shows the whole traceback."
    return place(error), f"{said}\n{hint}", 1
