"""Every error that this package raises on purpose, each with its exit code."""

import sysconfig
import traceback
from pathlib import Path


class PbtGanError(Exception):
    """Base of all errors meant for a person: one line, what was wrong and how to mend it."""

    exit_code = 1
    hint = ""
    """A second line, added on the way by somebody who knows more: how a run goes on, say."""


class ConfigError(PbtGanError):
    """A setting, an option or a name is wrong."""

    exit_code = 2


class DataError(PbtGanError):
    """The user's images cannot be read, or are not images this package can train on."""

    exit_code = 2


class RunFolderError(PbtGanError):
    """A run folder cannot be used as asked: no run in it, another config, another version, in use."""

    exit_code = 2


class DamageError(PbtGanError):
    """A file of a run is damaged: its bytes are not those that were written."""


class StorageError(PbtGanError):
    """The disk refused a write: full, read-only, or gone."""


class TaskError(PbtGanError):
    """A task broke its contract, or raised while it trained or scored a member."""


class WorkerError(PbtGanError):
    """Workers keep dying, do not answer in time, or cannot be started."""


class OutOfMemoryError(PbtGanError):
    """A member, even alone, does not fit into the memory that is left."""


def printable(text: str) -> str:
    r"""Return a text on one line, without what could move a cursor, colour a terminal or hide: names may hold anything.

    >>> printable("red\x1b[31m\nname")
    'red?[31m name'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in text)


def one_line(error: BaseException) -> str:
    """Return what an error says, on one line without a full stop; with its type, unless it is meant for a person."""
    said = " ".join(str(error).split()).removesuffix(".")
    if isinstance(error, PbtGanError):
        return said
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def place(error: BaseException) -> str:
    """Return where an error was raised that nobody meant to raise, such as `my_task.py, line 3`.

    That is the innermost line of a person's own code; where there is none, simply the innermost one.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    libraries = ("<", str(Path(__file__).parent), *map(sysconfig.get_path, ("stdlib", "purelib", "scripts")))
    own = [frame for frame in frames if not frame.filename.startswith(libraries)] or list(frames)
    return f"{own[-1].filename}, line {own[-1].lineno}" if own else "pbt-gan"
