"""The listeners that a run has unless it is told otherwise."""

from pathlib import Path

from rich.console import Console

from pbt_gan.interfaces import Listener


def default_listeners(folder: Path | None, console: Console | None = None) -> list[Listener]:
    """Return the default listeners.

    Args:
        folder: the run's; None: nothing is written, and only the progress is shown.
        console: where the progress goes; None: to standard error.
    """
    from pbt_gan.reporting.images import SampleGrids
    from pbt_gan.reporting.log import RunLog
    from pbt_gan.reporting.metrics import MetricsTable
    from pbt_gan.reporting.progress import Progress
    from pbt_gan.reporting.tensorboard import TensorBoard

    shown: list[Listener] = [Progress(console)]
    if folder is None:
        return shown
    # The log first, so that it also tells of listeners that fail.
    return [RunLog(), *shown, MetricsTable(), SampleGrids(), TensorBoard()]


def brief_listeners(folder: Path) -> list[Listener]:
    """Return the listeners of one run among many: its log and the progress; `report` makes the rest."""
    from pbt_gan.reporting.log import RunLog
    from pbt_gan.reporting.progress import Progress

    return [RunLog(), Progress()]
