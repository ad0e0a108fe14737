"""Where the command line prints."""

import os

from rich.console import Console

_WIDE = 200  # characters of a line that is piped: a log holds whole tables


def console(*, stderr: bool = False) -> Console:
    """Return a console on which names are printed as they are, whatever brackets they hold."""
    made = Console(stderr=stderr, markup=False, highlight=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = _WIDE
    return made
