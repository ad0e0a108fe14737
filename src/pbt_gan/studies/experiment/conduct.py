"""Carrying an experiment out, run by run; whatever is there already is not done again."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from pbt_gan import files
from pbt_gan.config.source import folder_name
from pbt_gan.engine import Stop
from pbt_gan.runs.folder import holds_run, scorers
from pbt_gan.runs.launch import ListenerMaker
from pbt_gan.runs.result import Run
from pbt_gan.runs.run import train
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
    say: Callable[[str], None] = lambda line: None,
) -> bool:
    """Train every run that is not finished, seed by seed; return whether all are now.

    Before the first one it is said whether there are seeds enough to find anything.

    Raises:
        RunFolderError: the folder holds another experiment.
        PbtGanError: a run failed; see its subclasses.
    """
    keep(experiment, folder)
    places = list(_order(experiment))
    files.make_folder(folder / "runs")
    missing = [(number, *each) for number, each in enumerate(places, 1) if not _finished(run_folder(folder, *each))]
    caution = too_few_seeds(len(experiment.settings.seeds), len(experiment.settings.arms))
    if missing and caution:
        say(caution)
    for number, arm, seed in missing:
        place = run_folder(folder, arm, seed)
        say(f"run {number} of {len(places)}: {arm}, seed {seed}")
        needed = experiment.arm(arm).after
        found = Run.open(run_folder(folder, needed, seed)) if needed else None
        config = experiment.run_config(arm, seed, found)
        if config.task == experiment.config.task:
            _share(scorers(folder), scorers(place))
        if not train(config, place, listeners=listeners, stop=stop).startswith("finished"):
            return False
        if config.task == experiment.config.task:
            _share(scorers(place), scorers(folder))
    return True


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


def _share(source: Path, target: Path) -> None:
    """Lay the files that all members depend on where another run finds them, so that they are trained once.

    They are a matter of the task alone: every run would make the same.
    """
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
