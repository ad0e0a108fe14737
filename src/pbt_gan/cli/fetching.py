"""`--download`: a known data set is fetched before it is looked at, with a bar for each file."""

from collections.abc import Mapping
from pathlib import Path

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from pbt_gan.cli.training import DEFAULT_PRESET
from pbt_gan.config.source import Table, data_place, read_config_table
from pbt_gan.errors import ConfigError
from pbt_gan.gan.data.download import download
from pbt_gan.terminal import console


def fetch_for(source: str | None, change: Table) -> None:
    """Fetch the data set that a preset or a config is to train on. See `fetch_data`."""
    task = read_config_table(source or DEFAULT_PRESET, [change]).get("task")
    name = task.get("data") if isinstance(task, Mapping) else None
    if not isinstance(name, str):
        raise ConfigError(f"--download: {source} names no data that could be fetched; leave it out.")
    fetch_data(name)


def fetch_data(name: str) -> None:
    """Fetch a data set, and say where it lies. If there is a file or folder of that name, nothing is fetched.

    Raises:
        ConfigError: nothing of that name is known.
        DataError: nobody has it.
        StorageError: the disk refused.
    """
    shown = console(stderr=True)
    here = Path(data_place(name, Path.cwd()))
    if here.exists():
        shown.print(f"Nothing was fetched: {here} is there already.", soft_wrap=True)
        return
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(
        TextColumn("{task.description}"), *columns, console=shown, transient=True, disable=not shown.is_terminal
    ) as progress:
        bars = {}

        def told(file: str, there: int, total: int | None) -> None:
            if file not in bars:
                bars[file] = progress.add_task(file, total=total)
            progress.update(bars[file], completed=there, total=total)

        place = download(name, told)
    shown.print(f"{name} is in {place}", soft_wrap=True)
