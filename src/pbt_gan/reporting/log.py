"""RUN/log.txt: what happened, line by line, with the time; and what was warned of, with its traceback."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress

from pbt_gan import files
from pbt_gan.core.population import START, WHOLE, Hyperparams
from pbt_gan.core.records import Birth, Exploit, Failure, Measure, Measurement, Record, Report, Retire
from pbt_gan.errors import StorageError, printable
from pbt_gan.interfaces import Images, RunContext
from pbt_gan.reporting.failures import failures
from pbt_gan.reporting.fallbacks import told
from pbt_gan.reporting.text import member_name, number, usage

_PACKAGE = "pbt_gan"


class RunLog:
    """Adds a line to RUN/log.txt for every record, and every message of this package's loggers.

    Unlike what other listeners write, the log is not made anew on resume: it tells what really happened.
    """

    def start(self, context: RunContext) -> None:
        """Open the log."""
        assert context.folder is not None
        self._usage = context.usage
        self._file = files.Appender(context.folder / "log.txt")
        self._messages = _Messages(self._say)
        self._failures = [record for record in context.records if isinstance(record, Failure)]
        logging.getLogger(_PACKAGE).addHandler(self._messages)
        done = sum(isinstance(record, Report) for record in context.records)
        self._say(f"run goes on after {done} of {context.total_orders} orders" if done else "run begins")
        if context.fallback is not None:
            self._say(printable(told(context.fallback)), "WARNING")

    def record(self, record: Record, preview: Images | None) -> None:
        """Write one line."""
        self._say(printable(line(record)))
        if isinstance(record, Failure):
            self._failures.append(record)

    def flush(self) -> None:
        """Say that a commit follows."""
        self._say("commit")

    def close(self, ending: str) -> None:
        """Say what failed, how the workers were used, and how the run ended."""
        if self._failures:
            self._say(failures(self._failures))
        if used := usage(self._usage()):
            self._say(used)
        self._say(f"run ended: {ending}")
        self._release()

    def _say(self, text: str, level: str = "INFO") -> None:
        try:
            said = "\n".join(map(printable, text.splitlines()))  # a message may end in a traceback
            self._file.append(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {level:7} {said}\n".encode(errors="replace"))
        except StorageError:
            self._release()  # this listener will be dropped, and not be closed
            raise

    def _release(self) -> None:
        logging.getLogger(_PACKAGE).removeHandler(self._messages)
        self._file.close()


class _Messages(logging.Handler):
    """Passes messages on to the log."""

    def __init__(self, say: Callable[[str, str], None]) -> None:
        super().__init__()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message. Where the disk refuses, whoever logs it has nothing to do with that."""
        with suppress(StorageError):
            self._say(self.format(record), record.levelname)


def line(record: Record) -> str:
    """Tell one record in a line.

    >>> line(Birth(3, {"lr_g": 2e-4}, "drawn"))
    'm03 born, drawn: lr_g 2.00e-4'
    """
    match record:
        case Birth():
            state = f", with the state {START}" if record.sources.get(WHOLE) == START else ""
            return f"{member_name(record.member)} born, {record.origin}{state}: {settings(record.hyperparams)}"
        case Report():
            metrics = "".join(f", {name} {number(value)}" for name, value in sorted(record.metrics.items()))
            return (
                f"{member_name(record.member)} interval {record.interval}, step {record.step}: "
                f"score {number(record.score)}{metrics}; {settings(record.hyperparams)}"
                + (f"; diverged: {record.diverged}" if record.diverged else "")
            )
        case Measurement():
            return (
                f"{member_name(record.member)} interval {record.interval}, measured again ({record.repeat}): "
                f"score {number(record.score)}"
            )
        case Measure():
            return f"{member_name(record.member)} is measured again: {record.reason}"
        case Exploit():
            if record.kept:
                return f"{member_name(record.recipient)} goes on unchanged: {record.reason}"
            donor = (
                f"copies {' and '.join(record.copied)} of {member_name(record.donor.member)}"
                if record.donor
                else "explores"
            )
            return (
                f"{member_name(record.recipient)} {donor} ({record.rule}: {record.reason}); "
                f"{record.operation}: {settings(record.after)}"
            )
        case Retire():
            return f"{member_name(record.member)} retires: {record.reason}"
        case Failure():
            return (
                f"{member_name(record.member)} failed in interval {record.interval}, attempt {record.attempt}, "
                f"on {record.worker} ({record.kind}): {record.error}"
            )


def settings(hyperparams: Hyperparams) -> str:
    """Write hyperparameters in a line."""
    return ", ".join(f"{name} {number(value)}" for name, value in sorted(hyperparams.items()))
