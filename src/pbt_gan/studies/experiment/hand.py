"""A process that trains whole runs, one after another, for an experiment: `python -m … FILE_DESCRIPTOR`."""

import os
import sys
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue

from pbt_gan.engine import Stop
from pbt_gan.errors import PbtGanError
from pbt_gan.interfaces import Listener
from pbt_gan.runs.run import train
from pbt_gan.studies.experiment.beside import Job


def work(pipe: Connection) -> None:
    """Train what is sent and answer how it ended, or with the error, until a signal ends it."""
    jobs: SimpleQueue[Job] = SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, jobs), daemon=True).start()
    stop = Stop()
    while stop.reason is None:
        try:
            answer: str | PbtGanError = train(*jobs.get(), listeners=_logged, stop=stop)
        except PbtGanError as error:
            answer = error
        pipe.send(answer)


def _listen(pipe: Connection, jobs: "SimpleQueue[Job]") -> None:
    """Take what is sent; end with the process that sends it, even if that was killed: a run may be cut off anywhere."""
    try:
        while True:
            jobs.put(pipe.recv())
    except (EOFError, OSError):
        os._exit(1)


def _logged(folder: Path) -> Sequence[Listener]:
    from pbt_gan.reporting.log import RunLog

    return [RunLog()]


if __name__ == "__main__":
    work(Connection(int(sys.argv[1])))
