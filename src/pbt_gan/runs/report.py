"""What is made from a run's journal after the training: plots, page, and the schedule that was found."""

from pathlib import Path

from pbt_gan import files
from pbt_gan.config.schedules import schedule_text
from pbt_gan.core.schedule import replay
from pbt_gan.interfaces import RunView
from pbt_gan.reporting.page import write_page
from pbt_gan.runs.result import Run
from pbt_gan.runs.sense import check_sense

SCHEDULE = "schedule.toml"


def write_results(view: RunView, baseline: RunView | None = None) -> Path:
    """Draw a run's plots, write its page and the schedule of its best member; return where the page lies.

    Args:
        view: the run.
        baseline: another run, such as the same members without PBT, drawn in grey beside it.

    Raises:
        StorageError: the disk refused.
        RunFolderError: the run was made by a later version.
    """
    if baseline is not None:
        check_sense(baseline.folder, baseline.records)
    ancestry = Run.of(view).lineage()
    if ancestry and ancestry[-1].hyperparams:
        files.write(view.folder / SCHEDULE, schedule_text(replay(ancestry, same_streams=True)).encode(), durable=False)
    return write_page(view, baseline)
