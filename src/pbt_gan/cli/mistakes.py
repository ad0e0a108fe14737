"""What is said when something went wrong, and the exit code for it: 2 for a person's mistake, 1 for the rest."""

import errno
import os
import traceback
from collections.abc import Mapping
from typing import NamedTuple

from pbt_gan.errors import PbtGanError, one_line, place, suggestion
from pbt_gan.terminal import say

TRACEBACK = "PBT_GAN_TRACEBACK"
"""An environment variable: set to 1, the whole traceback is shown too."""

_LONGEST = 1_000  # characters of a message: it quotes what was given

_SHORT: Mapping[int, str] = {
    errno.EMFILE: "This program may have too few files open; allow it more, by `ulimit -n 1024`",
    errno.ENFILE: "The whole system has too many files open; end what you do not need",
    errno.ENOMEM: "Memory is short; use fewer workers, or a smaller population",
    errno.EAGAIN: "The system starts no more threads or processes; use fewer workers",
    errno.ENOSPC: "The disk is full, or what the output goes to; free some space",
}
"""What the machine is short of, and how to mend it: nobody's mistake, and no bug."""


class Mistake(NamedTuple):
    """An error as it is told."""

    title: str
    said: str
    hint: str  # a second line, or nothing
    code: int


def tell(error: Exception) -> int:
    """Print an error in one or two lines to standard error and return the exit code."""
    if os.environ.get(TRACEBACK):
        for line in "".join(traceback.format_exception(error)).splitlines():
            say(line)
    mistake = _mistake(error)
    say(_shortened(mistake.said), title=mistake.title)
    if mistake.hint:
        say(mistake.hint)
    return mistake.code


def _mistake(error: Exception) -> Mistake:
    if isinstance(error, PbtGanError):
        return Mistake(type(error).__name__, str(error), error.hint, error.exit_code)
    if hasattr(error, "format_message"):  # typer's own, which it has under different names in different versions
        context = getattr(error, "ctx", None)
        said = error.format_message().strip()
        close = suggestion(getattr(error, "option_name", ""), getattr(error, "possibilities", None) or ())
        if close:
            said = said.partition(" (")[0]  # typer lists what is possible in brackets
        stop = "" if said[-1:] in ".?" else "."
        command = context.command_path if context else "pbt-gan"
        return Mistake("UsageError", f"{said}{stop}{close} See `{command} --help`.", "", 2)
    if short := _short(error):
        return Mistake("Error", f"{short} ({one_line(error)}).", "", 1)
    if isinstance(error, OSError) and error.filename is not None:
        return Mistake("Error", f"{error.filename}: {error.strerror}. Check the path.", "", 2)
    if isinstance(error, OSError) and error.errno == errno.ENOENT:  # without a name: no path was asked for
        return Mistake("Error", "The folder that you are in is gone; change to another one.", "", 2)
    hint = f"In code of your own, mend it there; else it is a bug of pbt-gan. {TRACEBACK}=1 shows the whole traceback."
    return Mistake(place(error), one_line(error), hint, 1)


def _short(error: Exception) -> str | None:
    """Return what the machine is short of, if that is behind an error: an import may fail for want of a file, say."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError):
            return _SHORT[errno.ENOMEM]
        if isinstance(cause, OSError) and (short := _SHORT.get(cause.errno or 0)):
            return short
        cause = cause.__cause__ or cause.__context__
    return None


def _shortened(text: str) -> str:
    half = _LONGEST // 2
    return text if len(text) <= _LONGEST else f"{text[:half]} … {text[-half:]}"
