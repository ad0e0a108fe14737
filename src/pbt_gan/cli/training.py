"""`train` and `resume`."""

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from pbt_gan.cli.reading import table, write_report
from pbt_gan.config.source import Table, merged, parse_changes, read_config, read_table
from pbt_gan.config.settings import Config
from pbt_gan.engine import Stop
from pbt_gan.errors import ConfigError
from pbt_gan.reporting import default_listeners
from pbt_gan.runs.folder import holds_run, new_folder
from pbt_gan.runs.launch import Project, go_on, start
from pbt_gan.runs.result import Run
from pbt_gan.store.reader import read_run
from pbt_gan.validation import validated

DEFAULT_PRESET = "digits"

_PRESETS = {8: "digits", 28: "mnist", 32: "cifar10"}  # by the images' height

_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def train(
    source: str | None, data: str | None, out: Path | None, change: Table, max_time: str | None, dry_run: bool
) -> None:
    """Train what the options describe; in an existing run's folder, go on with that run."""
    console = Console(stderr=True)
    stop = Stop(deadline_s=deadline(max_time))
    if source is None:
        source = _preset_for(data)
        console.print(f"Preset: [bold]{source}[/bold]")
    own: list[Table] = [] if data is None else [{"task": {"data": _place(data)}}]
    if data is not None:
        own.append({"name": Path(data).name.split(".")[0] or "data"})
    config = read_config(source, [*own, change])
    if dry_run:
        from pbt_gan.cli.prediction import predict

        predict(config, Console())
        return
    if out is not None and holds_run(out):
        ending = go_on(out, config, listeners=default_listeners, stop=stop)
    else:
        project = Project(config)
        out = out or new_folder(project.config.name)
        ending = start(project, out, listeners=default_listeners, stop=stop)
    _tell(out, ending)


def resume(folder: Path, change: Table, max_time: str | None) -> None:
    """Go on with a run."""
    stop = Stop(deadline_s=deadline(max_time))
    config = validated(Config, merged(read_run(folder).config, change))
    ending = go_on(folder, config, listeners=default_listeners, stop=stop)
    _tell(folder, ending)


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


def _place(data: str) -> str:
    """A path must mean the same wherever the run is resumed from; a built-in name stays as it is."""
    return str(Path(data).resolve()) if Path(data).exists() or "/" in data or "." in data else data


def _preset_for(data: str | None) -> str:
    if data is None:
        return DEFAULT_PRESET
    from pbt_gan.gan.data import load_dataset

    height = load_dataset(_place(data)).images.shape[1]
    if height not in _PRESETS:
        raise ConfigError(
            f"Images of {height}×{height} have no preset; there are ones for {', '.join(map(str, _PRESETS))}."
        )
    return _PRESETS[height]


def _tell(folder: Path, ending: str) -> None:
    """Print what came out and where it lies; stopped early, also the command that goes on."""
    console = Console()
    run = Run.open(folder)
    console.print(table(run))
    console.print(write_report(folder))
    if ending not in ("finished", "finished already"):
        console.print(f"Stopped ({ending}). Go on with: [bold]pbt-gan resume {folder}[/bold]", soft_wrap=True)
    elif ending == "finished already":
        console.print(f"{folder} was finished already; --steps N trains it further.", soft_wrap=True)
