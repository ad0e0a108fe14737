"""`train` and `resume`."""

import re
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pbt_gan.cli.reading import contents, overview
from pbt_gan.cli.terminal import console
from pbt_gan.config.settings import Config
from pbt_gan.config.source import Table, folder_name, merged, parse_changes, read_config
from pbt_gan.engine import Stop
from pbt_gan.errors import ConfigError, StorageError, TaskError, WorkerError
from pbt_gan.reporting import default_listeners
from pbt_gan.reporting.page import write_report
from pbt_gan.runs.folder import new_folder
from pbt_gan.runs.launch import Project, go_on
from pbt_gan.runs.result import Run
from pbt_gan.runs.run import train as train_in
from pbt_gan.store.reader import read_run
from pbt_gan.validation import validated

DEFAULT_PRESET = "digits"

_PRESETS = {8: "digits", 28: "mnist", 32: "cifar10"}  # by the images' height

_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def train(
    source: str | None, data: str | None, out: Path | None, change: Table, max_time: str | None, dry_run: bool
) -> None:
    """Train what the options describe; in an existing run's folder, go on with that run."""
    stop = Stop(deadline_s=deadline(max_time))
    if source is None:
        source = _preset_for(data)
        console(stderr=True).print(f"Preset: {source}")
    own: list[Table] = []
    if data is not None:
        place = absolute(data)
        own = [{"name": folder_name(Path(place).name.split(".")[0]), "task": {"data": place}}]
    config = read_config(source, [*own, change])
    if dry_run:
        from pbt_gan.cli.prediction import predict

        predict(config)
        return
    project = Project(config)  # before a folder is made: it tells what is wrong with the settings
    folder = out or new_folder(project.config.name)
    with _told(folder):
        ending = train_in(project, folder, listeners=default_listeners, stop=stop)
    _conclude(folder, ending)


def resume(folder: Path, change: Table, max_time: str | None) -> None:
    """Go on with a run."""
    stop = Stop(deadline_s=deadline(max_time))
    config = validated(Config, merged(read_run(folder).config, change))
    with _told(folder):
        ending = go_on(folder, config, listeners=default_listeners, stop=stop)
    _conclude(folder, ending)


def changes(options: Mapping[str, Any], sets: Sequence[str]) -> Table:
    """Return the options that were given as one table, and the `--set`s laid over it."""
    table: Table = {}
    for key, value in options.items():
        if value is not None:
            for part in reversed(key.split(".")):
                value = {part: value}
            table = merged(table, value)
    return merged(table, parse_changes(sets))


def deadline(max_time: str | None) -> float | None:
    """Return the time.monotonic() at which a run is to stop.

    Raises:
        ConfigError: it is no time such as 90s, 30m or 8h.
    """
    if max_time is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", max_time.strip())
    if match is None or float(match[1]) == 0:
        raise ConfigError(f"--max-time {max_time}: write a number and s, m, h or d, such as 90s, 30m or 8h.")
    return time.monotonic() + float(match[1]) * _UNITS_S[match[2]]
