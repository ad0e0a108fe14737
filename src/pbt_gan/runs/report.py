"""What is made from a run's journal after the training: plots, page, and the schedule that was found."""

from pathlib import Path

from pbt_gan import files
from pbt_gan.config.schedules import schedule_text
from pbt_gan.core.schedule import replay
from pbt_gan.reporting.page import write_page
from pbt_gan.runs.result import Run
from pbt_gan.store.reader import read_run

SCHEDULE = "schedule.toml"


def write_results(folder: Path, baseline: Path | None = None) -> Path:
    """Draw a run's plots, write its page and the schedule of its best member; return where the page lies.

    Args:
        folder: the run's.
        baseline: that of random search with the same members, drawn in grey beside it.

    Raises:
        StorageError: the disk refused.
        RunFolderError, DamageError: a run cannot be read.
    """
    ancestry = Run.open(folder).lineage()
    if ancestry and ancestry[-1].hyperparams:
        files.write(folder / SCHEDULE, schedule_text(replay(ancestry, same_streams=True)).encode(), durable=False)
    return write_page(read_run(folder), None if baseline is None else read_run(baseline))
