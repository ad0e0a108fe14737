"""Carrying an experiment out, run by run; whatever is there already is not done again."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from pbt_gan import files
from pbt_gan.config.settings import Config
from pbt_gan.config.source import folder_name
from pbt_gan.engine import Stop
from pbt_gan.errors import ConfigError
from pbt_gan.runs.folder import holds_run, scorers
from pbt_gan.runs.launch import ListenerMaker
from pbt_gan.runs.project import Project
from pbt_gan.runs.result import Run
from pbt_gan.runs.run import train
from pbt_gan.studies.experiment.beside import side_by_side
from pbt_gan.studies.experiment.plan import Experiment, keep
from pbt_gan.studies.experiment.power import too_few_seeds

Place = tuple[str, int]
"""An arm and a seed."""


def conduct(
    experiment: Experiment,
    folder: Path,
    *,
    listeners: ListenerMaker | None = None,
    stop: Stop | None = None,
    jobs: int = 1,
    say: Callable[[str], None] = lambda line: None,
) -> bool:
    """Train every run that is not finished, seed by seed; return whether all are now.

    Before the first one it is said whether there are seeds enough to find anything.

    Args:
        experiment: what to carry out.
        folder: where.
        listeners: as `start` takes them; heard only where runs are trained in this process.
        stop: ends it early.
        jobs: how many runs are trained at a time, each in a process of its own, on one device; 1: in this process.
        say: told of each run that begins.

    Raises:
        ConfigError: several devices are named, and several runs at a time.
        RunFolderError: the folder holds another experiment.
        PbtGanError: a run failed; see its subclasses.
    """
    devices = experiment.config.executor.devices
    if jobs > 1 and len(devices) > 1:
        raise ConfigError(f"--jobs {jobs} trains each run on one device, and {len(devices)} are named; name one.")
    keep(experiment, folder)
    places = list(_order(experiment))
    files.make_folder(folder / "runs")
    missing = [(number, *each) for number, each in enumerate(places, 1) if not _finished(run_folder(folder, *each))]
    caution = too_few_seeds(len(experiment.settings.seeds), len(experiment.settings.arms))
    if missing and caution:
        say(caution)
    stop = stop or Stop()

    def begin(place: tuple[int, str, int]) -> tuple[Config, Path] | None:
        number, arm, seed = place
        needed = experiment.arm(arm).after
        if needed and not _finished(run_folder(folder, needed, seed)):
            return None
        found = Run.open(run_folder(folder, needed, seed)) if needed else None
        say(f"run {number} of {len(places)}: {arm}, seed {seed}")
        config, its_folder = experiment.run_config(arm, seed, found), run_folder(folder, arm, seed)
        if (config.task, config.metrics) == (experiment.config.task, experiment.config.metrics):
            _lay(scorers(folder), scorers(its_folder))
        return config, its_folder

    if missing:
        Project(experiment.config).task.prepare(scorers(folder))
    if jobs > 1:
        return side_by_side(missing, lambda place: _alone(begin(place)), jobs=jobs, stop=stop)
    for place in missing:
        order = begin(place)
        if order is None or not train(*order, listeners=listeners, stop=stop).startswith("finished"):
            return False
    return True


def _alone(order: tuple[Config, Path] | None) -> tuple[Config, Path] | None:
    """Return an order whose members train in the one process of their run."""
    if order is None:
        return None
    config, folder = order
    executor = config.executor.model_copy(
        update={"name": "serial", "deadline_s": "off", "memory_fraction": None, "nice": 0}
    )
    return config.model_copy(update={"executor": executor}), folder


def finished_runs(experiment: Experiment, folder: Path) -> Mapping[Place, Run]:
    """Return the runs of every seed of which all arms are finished: what can be compared in pairs."""
    runs: dict[Place, Run] = {}
    for seed in experiment.settings.seeds:
        of_seed = {(arm, seed): run_folder(folder, arm, seed) for arm in experiment.settings.arms}
        if all(map(_finished, of_seed.values())):
            runs |= {place: Run.open(path) for place, path in of_seed.items()}
    return runs


def run_folder(folder: Path, arm: str, seed: int) -> Path:
    """Return where an experiment keeps a run."""
    return folder / "runs" / f"{folder_name(arm)}-{seed}"


def _lay(source: Path, target: Path) -> None:
    """Lay what the task has prepared where a run finds it: a matter of the task alone, so that it is made once."""
    if not source.is_dir() or target.exists():
        return
    files.make_folder(target.parent)
    # Renamed when whole: no run finds half of them.
    with files.explained(target), TemporaryDirectory(prefix=".", dir=target.parent) as draft:
        Path(shutil.copytree(source, Path(draft) / target.name)).rename(target)


def _order(experiment: Experiment) -> Iterator[Place]:
    """Seed by seed, so that what is there when it is stopped can be compared; arms that need another's run last."""
    arms = sorted(experiment.settings.arms, key=lambda arm: experiment.arm(arm).after is not None)
    for seed in experiment.settings.seeds:
        for arm in arms:
            yield arm, seed


def _finished(folder: Path) -> bool:
    return holds_run(folder) and Run.open(folder).ending == "finished"
