"""What a person sees while a population trains: a bar with a live table, or plain lines where output is piped."""

import logging
import math
import time

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pbt_gan import terminal
from pbt_gan.core.records import Exploit, Failure, Record
from pbt_gan.interfaces import Images, RunContext
from pbt_gan.reporting import table
from pbt_gan.reporting.pace import Pace
from pbt_gan.reporting.text import duration, member_name, number

_REFRESH_S = 0.5
_LINE_S = 2.0
_NARROWEST = 40  # characters: where lines break, nothing can be drawn in place
_LINES_AROUND = 7  # rows of the terminal that the table leaves free
_EXECUTORS = "pbt_gan.executors"


class _Sayings(logging.Handler):
    """Shows what the executor says of its workers: that one is silent or was lost, while nothing else happens."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.WARNING)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Show the first line of a message."""
        self._console.print(Text(record.getMessage().splitlines()[0], "yellow"), soft_wrap=True)


class Progress:
    """Shows how far a run is. On a terminal it draws in place; elsewhere it writes a line a generation at most.

    Nothing is drawn by a thread of its own: a redraw costs time that belongs to the training, so it happens after a
    record, and at most twice a second.
    """

    def __init__(self, console: Console | None = None):
        self._console = console or terminal.console(stderr=True)
        self._live: Live | None = None

    def start(self, context: RunContext) -> None:
        """Begin to show, from where the run is."""
        self._sayings = _Sayings(self._console)
        logging.getLogger(_EXECUTORS).addHandler(self._sayings)
        self._population = table.Population.of(context.records)
        self._started = self._shown = time.monotonic()
        self._pace = Pace(context, self._started)
        self._exploits = sum(isinstance(record, Exploit) and not record.kept for record in context.records)
        self._said = self._pace.done
        if self._console.is_terminal and self._console.width >= _NARROWEST:
            self._live = Live(self._view(), console=self._console, auto_refresh=False, transient=True)
            self._live.start(refresh=True)

    def record(self, record: Record, preview: Images | None) -> None:
        """Take a record in, and show it if something was not shown just now."""
        self._population.add(record)
        self._pace.add(record, time.monotonic())
        match record:
            case Exploit():
                self._exploits += not record.kept
            case Failure():
                said = (
                    f"{member_name(record.member)} failed in interval {record.interval} (attempt {record.attempt}, "
                    f"{record.worker}): {record.error}"
                )
                self._console.print(Text(said, "red"))
        since_s = time.monotonic() - self._shown
        if self._live is not None:
            if since_s >= _REFRESH_S:
                self._live.update(self._view(), refresh=True)
                self._shown = time.monotonic()
        elif since_s >= _LINE_S and self._pace.done - self._said >= self._population.size:
            self._say()

    def flush(self) -> None:
        """Do nothing: what is shown is kept nowhere."""

    def close(self, ending: str) -> None:
        """Take the table away and say how far the run came, and how it ended."""
        logging.getLogger(_EXECUTORS).removeHandler(self._sayings)
        if self._live is not None:
            self._live.stop()
            self._live = None
        if self._said < self._pace.done:
            self._say()
        elapsed = duration(time.monotonic() - self._started)
        self._console.print(Text(f"{ending} after {elapsed}"))

    def _eta(self) -> str:
        if self._pace.done >= self._pace.total:
            return ""
        left_s = self._pace.left_s(time.monotonic())
        return "time left unknown" if left_s is None else f"{duration(left_s)} left"

    def _say(self) -> None:
        rows = self._population.living
        standing = "no finite score"
        if rows and math.isfinite(rows[0].score):
            median = table.quantile((row.score for row in rows if row.interval), 0.5)
            standing = f"best {member_name(rows[0].member)} {number(rows[0].score)}, median {number(median)}"
        done, total = self._pace.done, self._pace.total
        said = [
            f"{done}/{total} orders",
            f"step {number(max((row.place for row in rows), default=0))}",
            *([f"{len(rows)} living"] if len(rows) < len(self._population.rows) else []),
            standing,
            f"{self._exploits} exploits",
            self._eta(),
        ]
        self._console.print(Text(" | ".join(filter(None, said))), soft_wrap=True)
        self._said, self._shown = done, time.monotonic()

    def _view(self) -> RenderableType:
        bar = Table.grid(padding=(0, 1))
        bar.add_row(
            ProgressBar(self._pace.total, self._pace.done, width=32),
            Text(f"{self._pace.done}/{self._pace.total} orders"),
            Text(f"{self._exploits} exploits", style="cyan"),
            Text(self._eta(), style="dim"),
        )
        rows = list(self._population.rows.values())
        return Group(table.render(rows, max(self._console.height - _LINES_AROUND, 4)), Text(), bar)
