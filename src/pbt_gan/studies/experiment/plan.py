"""What an experiment is to do: the shared configuration, arms, seeds; checked, and kept in its folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from pbt_gan import files
from pbt_gan.config import toml
from pbt_gan.config.effects import refuse_without_effect
from pbt_gan.config.settings import Config
from pbt_gan.config.source import folder_name, merged, read_config_table
from pbt_gan.core.space import Space
from pbt_gan.errors import ConfigError, RunFolderError, instead
from pbt_gan.runs.changes import differences
from pbt_gan.runs.launch import Project
from pbt_gan.runs.result import Run
from pbt_gan.studies.experiment.arms import ARMS, PBT, RANDOM_SEARCH, Arm, Table
from pbt_gan.validation import Settings, validated

FILE = "experiment.toml"

Unit = Literal["images", "steps", "device_s"]

_FREE = ("executor", "checkpoints", "listeners", "name", "experiment.seeds", "experiment.arms", "experiment.baseline")
"""What may change when an experiment goes on, since none of it changes a run that is there already."""


class ExperimentSettings(Settings):
    """The table `[experiment]` of a config file."""

    arms: tuple[str, ...] = Field((PBT, RANDOM_SEARCH), min_length=1)
    seeds: tuple[int, ...] = Field(tuple(range(6)), min_length=1)  # fewer can show no difference between two arms
    baseline: str | None = None  # the arm that the others are compared with; None: random search, or the first
    equal: Unit = "images"  # the cost up to which runs are read; steps, where the task counts no images
    own: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)  # arms of one's own: what each changes

    @field_validator("arms", "seeds")
    @classmethod
    def _once(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(set(values)) < len(values):
            raise ValueError("name each one once")
        return values


@dataclass(frozen=True)
class Experiment:
    """Everything that can be wrong with it has been told before this exists."""

    config: Config  # what all arms share, resolved
    settings: ExperimentSettings
    space: Space

    @property
    def baseline(self) -> str:
        """The arm that the others are compared with."""
        arms = self.settings.arms
        return self.settings.baseline or (RANDOM_SEARCH if RANDOM_SEARCH in arms else arms[0])

    @property
    def budget_steps(self) -> int:
        """Steps of all members of a run together, the same in every arm."""
        return self.config.pbt.population_size * self.config.pbt.total_steps

    def arm(self, name: str) -> Arm:
        """Return an arm of the table, or one of the config's own."""
        if name in self.settings.own:
            changes = self.settings.own[name]
            return Arm(f"an arm of one's own: {_in_words(changes)}", lambda config, space, found: changes)
        return ARMS[name]

    def run_config(self, name: str, seed: int, found: Run | None = None) -> Config:
        """Return the configuration of one run; `found`: the finished run that the arm needs, of the same seed.

        Raises:
            ConfigError: an arm of one's own changes what is no setting.
        """
        shared = self.config.model_copy(update={"seed": seed})
        change = self.arm(name).change(shared, self.space, found)
        table = shared.plain()
        if "schedule" in change.get("pbt", {}):
            table["pbt"].pop("schedule", None)  # another one in its place, not the rows of both
        table = merged(table, change)
        refuse_without_effect(table, [change])
        return validated(Config, {**table, "name": folder_name(f"{name}-{seed}")})

    def plain(self) -> dict[str, Any]:
        """Return it as the table of a config file."""
        return {**self.config.plain(), "experiment": self.settings.model_dump(mode="json", exclude_none=True)}


def read_experiment(source: str, changes: Sequence[Table] = ()) -> Experiment:
    """Return the experiment of a preset, a task or a TOML file with a table `[experiment]`, with changes laid over it.

    Raises:
        ConfigError: something is wrong with the settings, an arm, or the cost of one.
    """
    table = read_config_table(source, changes)
    own = table.pop("experiment", {})
    settings = validated(ExperimentSettings, own, "experiment")
    project = Project(validated(Config, table))
    experiment = Experiment(project.config, settings, project.plan.space)
    _check(experiment)
    return experiment


def keep(experiment: Experiment, folder: Path) -> None:
    """Write an experiment into its folder; if one is there already it must be the same, more arms and seeds apart.

    Raises:
        RunFolderError: the folder holds another experiment, or something else.
        StorageError: the disk refused.
    """
    path = folder / FILE
    if path.exists():
        before = _before(path)
        changed = _changed(before, experiment) and _changed(_resolved(before), experiment)
        for key, (then, now) in changed.items():
            raise RunFolderError(
                f"{folder} holds an experiment with {key} = {then!r}, and now it is {now!r}: that would be another "
                "experiment. Name another --out."
            )
    elif folder.is_dir() and any(not item.name.startswith(".") for item in folder.iterdir()):
        raise RunFolderError(f"{folder} holds other files; name an empty folder with --out.")
    files.make_folder(folder)
    files.write(path, toml.written(experiment.plain()))


def _as_kept(experiment: Experiment) -> Table:
    return toml.parse(toml.written(experiment.plain()).decode(), FILE)


def _before(path: Path) -> Table:
    try:
        return toml.read(path)
    except ConfigError as error:
        raise RunFolderError(f"{error} Restore it from a copy, or name another --out.") from None


def _changed(before: Table, experiment: Experiment) -> dict[str, tuple[Any, Any]]:
    """Return what differs and must not."""
    return {
        key: (then, now)
        for key, (then, now) in differences(before, _as_kept(experiment)).items()
        if not (then is None and key.removeprefix("experiment.own.") in experiment.settings.own)
        and not any(key == free or key.startswith(f"{free}.") for free in _FREE)
    }


def _resolved(before: Table) -> Table:
    """Return an experiment's table with its configuration resolved anew: a later pbt-gan may list other settings."""
    config = {key: value for key, value in before.items() if key != "experiment"}
    try:
        return {**Project(validated(Config, config)).config.plain(), "experiment": before.get("experiment", {})}
    except ConfigError:
        return before


def _check(experiment: Experiment) -> None:
    settings = experiment.settings
    known = {*ARMS, *settings.own}
    for name in settings.own:
        if name in ARMS:
            raise ConfigError(f"experiment.own.{name} has the name of an arm that is built in; choose another.")
    for name in (*settings.arms, *([settings.baseline] if settings.baseline else ())):
        if name not in known:
            there = "There are those of your own in [experiment.own.NAME], and"
            raise ConfigError(f"There is no arm {name!r}.{instead(name, sorted(known), there)}")
    if experiment.baseline not in settings.arms:
        raise ConfigError(f"The baseline {experiment.baseline} is not one of the arms {', '.join(settings.arms)}.")
    for name in settings.arms:
        needed = experiment.arm(name).after
        if needed is not None:
            if needed not in settings.arms:
                raise ConfigError(f"The arm {name} needs the runs of {needed}; name that one too.")
            continue
        try:
            config = Project(experiment.run_config(name, settings.seeds[0])).config
        except ConfigError as error:
            raise ConfigError(f"The arm {name}: {error}") from None
        steps = config.pbt.population_size * config.pbt.total_steps
        if steps != experiment.budget_steps:
            raise ConfigError(
                f"The arm {name} trains {config.pbt.population_size} × {config.pbt.total_steps} = {steps} steps, the "
                f"others {experiment.budget_steps}. Give it as many, by pbt.population_size and pbt.total_steps."
            )


def _in_words(changes: Table, prefix: str = "") -> str:
    words = []
    for key, value in changes.items():
        words.append(
            _in_words(value, f"{prefix}{key}.") if isinstance(value, Mapping) else f"{prefix}{key} = {value!r}"
        )
    return ", ".join(words)
