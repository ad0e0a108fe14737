"""Every error that this package raises on purpose, each with its exit code."""

import difflib
import sysconfig
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FrameType

FORMULA = ("=", "+", "-", "@")
"""What a spreadsheet takes for the begin of a formula."""

_LONGEST_NAME = 100  # characters
_MOST_NAMES = 12  # that are listed in an error


class PbtGanError(Exception):
    """Base of all errors meant for a person: one line, what was wrong and how to mend it.

    Examples:
        >>> import pbt_gan
        >>> try:
        ...     pbt_gan.run("quadratic", exploit="truncaton")
        ... except pbt_gan.PbtGanError as error:
        ...     print(error)
        pbt.exploit = 'truncaton' is not known. Did you mean 'truncation'?
    """

    exit_code = 1
    hint = ""
    """A second line, added on the way by somebody who knows more: how a run goes on, say."""

    def __str__(self) -> str:
        """Return what was wrong on one line that can be printed, whatever names are told in it."""
        return printable(super().__str__())


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


class DivergedError(TaskError):
    """Every member diverges, wherever it begins."""


class WorkerError(PbtGanError):
    """Workers keep dying, do not answer in time, or cannot be started."""


class OutOfMemoryError(PbtGanError):
    """A member, even alone, does not fit into the memory that is left."""


class RemoteError(Exception):
    """What was raised in another process: its traceback as text. The cause of the error that tells of it here."""

    def __str__(self) -> str:
        """Return the traceback on lines of its own, as it would stand there."""
        return f"\n{self.args[0]}"


def printable(text: str) -> str:
    r"""Return a text on one line, without what could move a cursor, colour a terminal or hide: names may hold anything.

    Examples:
        >>> printable("red\x1b[31m\nname")
        'red?[31m name'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in text)


def unfit(name: object) -> str:
    r"""Return why something cannot name a hyperparameter or a metric; nothing: it can.

    Such a name becomes a column of a table, a tag, a word of a log; and a spreadsheet takes what begins like a formula
    for one.

    Examples:
        >>> unfit("loss/d"), unfit("lr\n")
        ('', 'use letters, digits and signs that can be printed, 100 at most')
    """
    if not isinstance(name, str):
        return f"a name is a text, not a {type(name).__name__}"
    if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable() or name != name.strip():
        return f"use letters, digits and signs that can be printed, {_LONGEST_NAME} at most"
    return f"begin it with none of {' '.join(FORMULA)}" if name.startswith(FORMULA) else ""


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
    frames = [frame for each in _chain(error) for frame in traceback.extract_tb(each.__traceback__)]
    return own_place(error) or (f"{frames[-1].filename}, line {frames[-1].lineno}" if frames else "pbt-gan")


def own_place(error: BaseException) -> str:
    """Return the innermost line of a person's own code that an error has passed; nothing: there is none."""
    for each in _chain(error):
        if isinstance(each, SyntaxError) and each.filename:
            return f"{each.filename}, line {each.lineno}"
        for frame in reversed(traceback.extract_tb(each.__traceback__)):
            if _is_own(frame.filename):
                return f"{frame.filename}, line {frame.lineno}"
    return ""


def own_line(frame: FrameType | None) -> str:
    """Return the innermost line of a person's own code under which a frame runs; nothing: there is none."""
    for each, number in traceback.walk_stack(frame) if frame is not None else ():
        if _is_own(each.f_code.co_filename):
            return f"{each.f_code.co_filename}, line {number}"
    return ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Return an error and what it came from on purpose, innermost last."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _is_own(file: str) -> bool:
    path = Path(file)
    libraries = (Path(__file__).parent, *map(Path, map(sysconfig.get_path, ("stdlib", "scripts"))))
    return not (
        file.startswith("<")
        or any(map(path.is_relative_to, libraries))
        or {"site-packages", "dist-packages"}.intersection(path.parts)
    )


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ` Did you mean 'truncation'?` if one of the known names is close, else nothing.

    Examples:
        >>> suggestion("Truncaton", ["truncation", "t_test"])
        " Did you mean 'truncation'?"
    """
    names = {each.lower(): each for each in known}
    close = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    return f" Did you mean {names[close[0]]!r}?" if close else ""


def instead(name: str, known: Iterable[str], there: str = "There are") -> str:
    """Return the end of a line that refuses a name: which was probably meant, or else those that there are.

    Examples:
        >>> instead("truncaton", ["truncation", "t_test"])
        " Did you mean 'truncation'?"
        >>> instead("lottery", ["truncation", "t_test"])
        ' There are truncation, t_test.'
    """
    names = list(known)
    more = [f"{len(names) - _MOST_NAMES} more"] if len(names) > _MOST_NAMES else []
    return suggestion(name, names) or f" {there} {', '.join([*names[:_MOST_NAMES], *more]) or 'none'}."
