"""The whole program as one function."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from pbt_gan import references, streams
from pbt_gan.config.durations import deadline
from pbt_gan.config.settings import Config, PBTSettings
from pbt_gan.config.source import merged, read_config
from pbt_gan.core.budget import Newcomers
from pbt_gan.core.records import Record
from pbt_gan.engine import Stop
from pbt_gan.errors import ConfigError
from pbt_gan.interfaces import Images, Listener, Problem, RunContext, RunView, TaskSource
from pbt_gan.reporting import default_listeners
from pbt_gan.runs.folder import holds_run
from pbt_gan.runs.given import Given
from pbt_gan.runs.launch import go_on, in_memory, left_alone, start
from pbt_gan.runs.pretrained import own_run
from pbt_gan.runs.project import Project
from pbt_gan.runs.report import write_results
from pbt_gan.runs.result import Run
from pbt_gan.terminal import console
from pbt_gan.validation import meant

_OWN = ("source", "out", "quiet", "max_time")  # of `run` itself, beside the settings


def run(
    source: str | type[TaskSource] | TaskSource | None = None,
    *,
    out: Path | str | None = None,
    quiet: bool = False,
    max_time: float | str | None = None,
    **settings: Any,
) -> Run:
    """Train a population and return what it did.

    A run that lies in `out` already is gone on with, if it has the same settings. The call belongs under
    `if __name__ == "__main__":` in a file whose task is trained by worker processes, which load that file too.

    Args:
        source: a task of your own, as a class or an object, or by name (`my_task.py:Classifier`); a preset, or a
            `.toml` file; None: the settings say everything, `task` included. A class is built by every worker; an
            object, or a class of a notebook, is trained in this process.
        out: the run's folder; None: in this process and in memory, nothing is kept but the records.
        quiet: show no progress.
        max_time: stop cleanly after so many seconds, or after `"8h"`; None: never.
        settings: what to change: those of the `[pbt]` table by their names (`population_size=8`; or, for a population
            that shrinks, `population=[[0, 8], [0.5, 1]]`: from which share of the budget on how many members, with
            `budget_steps=1_600`, the steps of all together), tables as dicts (`space={"lr": [1e-4, 1e-2]}`), and the
            rest as in the file (`seed=1`). Rules may be functions (`exploit=my_rule`), and listeners objects or
            classes (`listeners=[MyListener()]`). `stop={"score": 0.9, "patience": 5}` ends the run before its plan
            does, and so does a function of yours, `stop=lambda run: run.images > 10**6`, which is shown a
            `pbt_gan.core.stopping.Progress`.

    Raises:
        PbtGanError: see its subclasses.

    With the paper's toy, which needs no data; a task of your own takes the place of `"quadratic"`:

    Examples:
        >>> import pbt_gan
        >>> done = pbt_gan.run("quadratic", population_size=4, total_steps=20, ready_interval=5, quiet=True)
        >>> len(done.history.reports), done.best.trained_steps
        (16, 20)
    """
    references.refuse_while_loading()
    streams.hold()
    given = Given.of(source, settings)
    config = given.placed(read_config(given.source, [_change(given.settings)]))
    watched = _Watched(given, quiet, max_time)
    if out is None:
        recorder = Recorder()
        ending = in_memory(config, [recorder, *watched.listeners(None)], given.task, watched.stop)
        return Run(recorder.config, tuple(recorder.records), ending)
    return watched.run(partial(train, config, Path(out)))


def resume(
    folder: Path | str,
    task: str | type[TaskSource] | TaskSource | None = None,
    *,
    population: int | None = None,
    newcomers: Newcomers = "winners",
    quiet: bool = False,
    max_time: float | str | None = None,
    trust: bool = False,
    **settings: Any,
) -> Run:
    """Go on with the run that lies in a folder, and return what it did.

    Args:
        folder: the run's.
        task: its task, if that lives in this program only.
        population: how many members there are from the next ready point on that nobody has passed, until the next phase
            of the plan; None: as many as it has planned.
        newcomers: of whom they are born, if there are more than before: of the best, or `"fresh"`, drawn anew.
        quiet: as of `run`.
        max_time: likewise.
        trust: that the run may run whatever code it names, also if you have not trained it here.
        settings: what to change, as of `run`; see `docs/run-folder.md` for what may be.

    Raises:
        PbtGanError: see its subclasses.

    Examples:
        >>> import pbt_gan, tempfile
        >>> size = {"population_size": 2, "total_steps": 20, "ready_interval": 5}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = pbt_gan.run("quadratic", **size, out=folder, quiet=True, max_time=1e-6)
        ...     len(pbt_gan.resume(folder, population=3, quiet=True).history.births)
        3
    """
    references.refuse_while_loading()
    streams.hold()
    given = Given.of(task, settings)
    change = partial(go_on, own_run(folder), change=_change(given.settings), population=population, newcomers=newcomers)
    return _Watched(given, quiet, max_time).run(partial(change, trust=trust))


class _Watched:
    """How a run is watched and ended that was asked for in Python."""

    def __init__(self, given: Given, quiet: bool, max_time: float | str | None) -> None:
        self._given = given
        self._screen = console(stderr=True, quiet=quiet)
        self.stop = Stop(deadline_s=deadline(max_time, "max_time"), rule=given.stop)

    def listeners(self, folder: Path | None) -> Sequence[Listener]:
        """Return those of the package and those that were handed over."""
        return [*default_listeners(folder, self._screen), *self._given.listeners]

    def run(self, train: Callable[..., str]) -> Run:
        """Train, write what a run's folder shows, and return the run."""
        ended: list[RunView] = []
        task = self._given.task
        ending = train(task=task, listeners=self.listeners, stop=self.stop, conclude=ended.append)
        if not left_alone(ending):
            write_results(ended[0])
        return replace(Run.of(ended[0], trust=True), task=task)


def train(config: Config, folder: Path, *, task: Problem | None = None, **how: Any) -> str:
    """Begin a run in a folder, or go on with the one that lies there, if it is the same; return how it ended.

    Args:
        config: what to train.
        folder: the run's folder.
        task: as `Project` takes it.
        how: `listeners`, `stop` and `conclude`, as `start` and `go_on` take them.
    """
    if holds_run(folder):
        return go_on(folder, config, task=task, **how)
    return start(Project(config, task), folder, **how)


class Recorder(Listener):
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


def _change(settings: Mapping[str, Any]) -> dict[str, Any]:
    own = {key: value for key, value in settings.items() if key in Config.model_fields}
    pbt = {key: value for key, value in settings.items() if key in PBTSettings.model_fields}
    for key in settings:
        if key not in own and key not in pbt:
            known = [*Config.model_fields, *PBTSettings.model_fields, *_OWN]
            raise ConfigError(f"run(…, {key}=…) is not a setting.{meant(key, known, Config)}")
    return merged(own, {"pbt": pbt}) if pbt else own
