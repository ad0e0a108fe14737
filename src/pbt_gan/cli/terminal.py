"""Where the command line prints."""

import logging
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_WIDE = 200  # characters of a line that is piped: a log holds whole tables


def console(*, stderr: bool = False) -> "Console":
    """Return a console on which names are printed as they are, whatever brackets they hold."""
    from rich.console import Console  # `--help` does without

    made = Console(stderr=stderr, markup=False, highlight=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = _WIDE
    return made


def show_messages() -> None:
    """Print what no run's log takes, such as that scorers are being trained: a line each, without tracebacks."""
    if logging.lastResort is not None:
        logging.getLogger("pbt_gan").setLevel(logging.INFO)
        logging.lastResort.setLevel(logging.INFO)
        logging.lastResort.setFormatter(_OneLine())


class _OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Return the first line of the message; a mere message begins without its level."""
        said = record.getMessage().splitlines()[0]
        return said if record.levelno <= logging.INFO else f"{record.levelname.capitalize()}: {said}"
