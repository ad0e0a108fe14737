"""Standard input, output and error: there from the first line on, and never the reason why a program ends."""

import io
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TextIO

_NAMES = ("stdin", "stdout", "stderr")  # in the order of their descriptors


def hold() -> None:
    """Open what is closed of the three on /dev/null, before a file of the run takes its number.

    Whatever prints below Python, such as a C library, writes to descriptors 1 and 2, whichever file that is; and a
    worker inherits them.
    """
    for number in range(len(_NAMES)):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free is this one: those below are open by now.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for name in _NAMES:
        if getattr(sys, name) is None:
            # On a handle of its own: where 1 is open all the same, it is somebody's file.
            setattr(sys, name, Path(os.devnull).open("r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: SIM115


def forgive() -> None:
    """Let a letter that standard output has no code for be printed as a question mark, rather than raise."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def settle() -> None:
    """Write out what is left to be written; where nobody takes it any more, drop it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # or Python would say so once more when it ends, with an exit code of its own
            _drop(stream)


def _drop(stream: TextIO) -> None:
    with suppress(OSError, ValueError):
        handle = os.open(os.devnull, os.O_WRONLY)
        os.dup2(handle, stream.fileno())
        os.close(handle)
