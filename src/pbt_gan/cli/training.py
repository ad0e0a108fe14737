"""`train` and `resume`."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Any, get_args

from pbt_gan.cli.endings import ends_by
from pbt_gan.cli.reading import contents, overview
from pbt_gan.config.durations import deadline
from pbt_gan.config.preset_choice import Found, preset_for
from pbt_gan.config.settings import Config
from pbt_gan.config.source import Table, data_place, folder_name, merged, parse_changes, read_config
from pbt_gan.core.budget import Newcomers
from pbt_gan.core.failures import ENDINGS
from pbt_gan.core.stopping import PREFIX
from pbt_gan.engine import Stop
from pbt_gan.errors import ConfigError
from pbt_gan.interfaces import RunView
from pbt_gan.reporting import default_listeners
from pbt_gan.runs.folder import holds_run, new_folder
from pbt_gan.runs.launch import go_on, left_alone, start
from pbt_gan.runs.places import Moved
from pbt_gan.runs.project import Project
from pbt_gan.runs.replay import Agreement, agreement, replay_config
from pbt_gan.runs.report import write_results
from pbt_gan.runs.result import Run
from pbt_gan.runs.run import train as train_in
from pbt_gan.terminal import console
from pbt_gan.validation import validated

DEFAULT_PRESET = "digits"


def train(
    source: str | None, data: str | None, out: Path | None, change: Table, max_time: str | None, dry_run: bool
) -> None:
    """Train what the options describe; in an existing run's folder, go on with that run."""
    stop = Stop(deadline_s=deadline(max_time, "--max-time"))
    own: Table = {}
    if data is not None:
        data = data_place(data, Path.cwd())
        own = {"name": folder_name(Path(data).name.split(".")[0]), "task": {"data": data}}
    if source is None:
        source, found = _fitting(data, change)
        own = merged(own, found)
    config = read_config(source, [own, change])
    if dry_run:
        from pbt_gan.cli.prediction import predict

        predict(config)
        return
    ended: list[RunView] = []
    if out is None:
        project = Project(config)  # first: what is wrong with settings or data is told before a folder is made
        folder = new_folder(config.name)
        with _continuation_told(folder):
            ending = start(project, folder, listeners=default_listeners, stop=stop, conclude=ended.append)
    else:
        with _continuation_told(out):
            ending = train_in(config, out, listeners=default_listeners, stop=stop, conclude=ended.append)
    _conclude(ending, *ended)


def resume(
    folder: Path,
    moved: Moved,
    change: Table,
    max_time: str | None,
    *,
    trust: bool,
    population: int | None,
    newcomers: str | None,
) -> None:
    """Go on with a run."""
    if newcomers is not None and population is None:
        raise ConfigError(
            "--newcomers says of whom members are born where there are more; give --population N as well."
        )
    stop = Stop(deadline_s=deadline(max_time, "--max-time"))
    ended: list[RunView] = []
    with _continuation_told(folder):
        ending = go_on(
            folder,
            change=change,
            moved=moved,
            trust=trust,
            population=population,
            newcomers=_newcomers(newcomers),
            listeners=default_listeners,
            stop=stop,
            conclude=ended.append,
        )
    _conclude(ending, *ended)


def _newcomers(said: str | None) -> Newcomers:
    for each in get_args(Newcomers):
        if said in (None, each):
            found: Newcomers = each
            return found
    raise ConfigError(f"--newcomers {said}: use {' or '.join(get_args(Newcomers))}.")


def replay(
    folder: Path,
    out: Path,
    moved: Moved,
    member: str,
    seed: int | None,
    change: Table,
    max_time: str | None,
    *,
    trust: bool,
) -> None:
    """Train one member with a run's schedule; with the run's own seed, say whether the same weights came out."""
    stop = Stop(deadline_s=deadline(max_time, "--max-time"))
    found = Run.open(folder, data=moved.data, task_file=moved.task_file, trust=trust)
    config = validated(Config, merged(replay_config(found, member, seed).plain(), change))
    if moved:
        found.problem()  # another data set would make another model with the same words
    ended: list[RunView] = []
    with _continuation_told(out):
        ending = train_in(config, out, listeners=default_listeners, stop=stop, conclude=ended.append)
    _conclude(ending, *ended)
    if ending.startswith("finished") and config.seed == found.config["seed"]:
        console().print(f"\n{_verdict(agreement(found, Run.of(ended[0]), member))}", soft_wrap=True)


def _verdict(agreed: Agreement) -> str:
    if agreed.scores and agreed.weights is not False:
        how = "every score and every byte of its state are" if agreed.weights else "every score is (its state is gone)"
        return f"The replay is the member that it repeats: {how} the same."
    return (
        "The replay is not bit for bit the member that it repeats. Another processor, device or version of torch "
        "rounds differently, and training multiplies the difference; the schedule is the same."
    )


def changes(options: Mapping[str, Any], sets: Sequence[str]) -> Table:
    """Return the options that were given as one table, and the `--set`s laid over it.

    Raises:
        ConfigError: they contradict each other, or a `--set` is not of its form.
    """
    table: Table = {}
    for key, value in options.items():
        if value is not None:
            for part in reversed(key.split(".")):
                value = {part: value}
            table = merged(table, value)
    said = parse_changes(sets)
    _check_twice(table.get("pbt", {}), said.get("pbt", {}))
    return merged(table, said)


def _check_twice(options: Table, said: Table) -> None:
    """Raise ConfigError where an option and a --set say the same in two ways: one would displace the other."""
    rivals = {"population_size": "population", "total_steps": "budget_steps", "budget_steps": "total_steps"}
    for option, rival in rivals.items():
        # A rule takes any number of members; rows name their own.
        if option in options and rival in said and not isinstance(said[rival], Mapping | str):
            raise ConfigError(f"pbt.{option} and pbt.{rival} say the same in two ways; give one.")


def length(steps: int | None, budget: int | None) -> Table:
    """Return what a run's length was given by, as options.

    Raises:
        ConfigError: by both.
    """
    if steps is not None and budget is not None:
        raise ConfigError(
            "--steps says how long a member trains that lives to the end, --budget how long all do together; give one."
        )
    return {"pbt.total_steps": steps, "pbt.budget_steps": budget}


def _fitting(data: str | None, change: Table) -> tuple[str, Table]:
    """Return the preset for these images, and their size as a setting; say which preset it is, why, and what else."""
    if data is None:
        console(stderr=True).print(f"Preset {DEFAULT_PRESET}, for the data that is built in", soft_wrap=True)
        return DEFAULT_PRESET, {}
    from pbt_gan.gan.data import load_dataset
    from pbt_gan.gan.data.fit import RESOLUTIONS
    from pbt_gan.gan.nets.sizes import halvings
    from pbt_gan.gan.settings import GanSettings

    said = {key: value for key, value in change.get("task", {}).items() if key in GanSettings.of_data()}
    dataset = load_dataset(data, validated(GanSettings, said, "task").fitting)
    count, size, _, channels = dataset.images.shape
    halvings(size)  # says so if there is no net for this size
    found = Found(count, size, channels, dataset.classes, data)
    chosen = preset_for(found)
    told = f"Preset {chosen.preset}, for {found}: {chosen.why}. {chosen.besides}"
    console(stderr=True).print(told.rstrip(), soft_wrap=True)
    # A preset may be made for another size, and would bring them to that.
    return chosen.preset, {"task": {"resolution": size if size in RESOLUTIONS else None}}


@contextmanager
def _continuation_told(folder: Path) -> Iterator[None]:
    """Say how a run goes on that was cut short."""
    try:
        yield
    except ENDINGS as error:
        if holds_run(folder):
            error.hint = f"What was done until then is kept; go on with: {_resume(folder)}"
        raise
    except KeyboardInterrupt:
        if holds_run(folder):
            console().print(f"Stopped at once. Go on from the last commit with: {_resume(folder)}", soft_wrap=True)
        raise


def _resume(folder: Path) -> str:
    return f"pbt-gan resume {quote(str(folder))}"


def _conclude(ending: str, view: RunView) -> None:
    """Print what came out, where it lies, and how it goes on; a run that a signal stopped ends the program like one."""
    out, run, folder = console(), Run.of(view), view.folder
    if ending == "finished already":
        out.print(overview(run))
        out.print(f"Finished already. Train it further with: {_resume(folder)} --steps N", soft_wrap=True)
        return
    if left_alone(ending):
        out.print(overview(run))
        out.print(f"Its goal is reached already. Go on to another one with: {_another_goal(run)}", soft_wrap=True)
        return
    write_results(view)
    with ends_by(ending):
        out.print(overview(run))
        out.print()
        out.print(contents(folder))
        if ending.startswith(PREFIX):
            out.print(f"\nStopped ({ending}). Go on to another goal with: {_another_goal(run)}", soft_wrap=True)
        elif ending != "finished":
            out.print(f"\nStopped ({ending}). Go on with: {_resume(folder)}", soft_wrap=True)


def _another_goal(run: Run) -> str:
    assert run.folder is not None
    setting = run.ending.removeprefix(PREFIX).partition(" ")[0].rstrip(":")
    return f"{_resume(run.folder)} --set {PREFIX}{setting}=…   (off: without it)"
