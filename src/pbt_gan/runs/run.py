"""The whole program as one function."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pbt_gan.config.settings import Config, PBTSettings
from pbt_gan.config.source import merged, read_config
from pbt_gan.core.records import Record
from pbt_gan.errors import ConfigError
from pbt_gan.interfaces import Images, RunContext
from pbt_gan.runs.folder import holds_run
from pbt_gan.runs.launch import Project, go_on, in_memory, start
from pbt_gan.runs.result import Run


def run(source: str | None = None, *, out: Path | str | None = None, **settings: Any) -> Run:
    """Train a population and return what it did.

    A run that lies in `out` already is gone on with, if it has the same settings.

    Args:
        source: a preset, a `.toml` file, or a task of your own such as `my_task.py:Classifier`; None: the settings say
            everything, `task` included.
        out: the run's folder; None: in this process and in memory, nothing is kept but the records.
        settings: what to change: those of the `[pbt]` table by their names (`population_size=8`), tables as
            dicts (`space={"lr": [1e-4, 1e-2]}`), and the rest as in the file (`seed=1`).

    Raises:
        PbtGanError: see its subclasses.
    """
    config = read_config(source, [_change(settings)])
    if out is None:
        recorder = Recorder()
        in_memory(config, [recorder])
        return Run(recorder.config, tuple(recorder.records), "finished")
    train(config, Path(out))
    return Run.open(out)


def train(config: Config, folder: Path, **how: Any) -> str:
    """Begin a run in a folder, or go on with the one that lies there, if it is the same; return how it ended.

    Args:
        config: what to train.
        folder: the run's folder.
        how: `listeners` and `stop`, as `start` and `go_on` take them.
    """
    return go_on(folder, config, **how) if holds_run(folder) else start(Project(config), folder, **how)


class Recorder:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.config: Mapping[str, Any] = {}

    def start(self, context: RunContext) -> None:
        """Take the resolved configuration."""
        self.config = context.config

    def record(self, record: Record, preview: Images | None) -> None:
        """Take a record."""
        self.records.append(record)

    def flush(self) -> None:
        """Nothing waits to be written."""

    def close(self, ending: str) -> None:
        """Nothing is to be closed."""


def _change(settings: Mapping[str, Any]) -> dict[str, Any]:
    own = {key: value for key, value in settings.items() if key in Config.model_fields}
    pbt = {key: value for key, value in settings.items() if key in PBTSettings.model_fields}
    for key in settings:
        if key not in own and key not in pbt:
            raise ConfigError(
                f"run(…, {key}=…) is not a setting; there are "
                f"{', '.join([*Config.model_fields, *PBTSettings.model_fields])}."
            )
    return merged(own, {"pbt": pbt}) if pbt else own
