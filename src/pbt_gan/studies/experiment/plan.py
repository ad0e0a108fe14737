"""What an experiment is to do: the shared configuration, arms, seeds; checked, and kept in its folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from pbt_gan import files
from pbt_gan.config import toml
from pbt_gan.config.effects import refuse_without_effect
from pbt_gan.config.population import settled
from pbt_gan.config.schedules import ScheduleSettings
from pbt_gan.config.settings import Config, PBTSettings
from pbt_gan.config.source import folder_name, merged, read_config_table
from pbt_gan.core.budget import member_steps
from pbt_gan.core.plan import Plan
from pbt_gan.core.space import Space
from pbt_gan.errors import ConfigError, RunFolderError, instead
from pbt_gan.runs.changes import differences
from pbt_gan.runs.project import Project
from pbt_gan.runs.result import Run
from pbt_gan.studies.experiment.arms import ARMS, PBT, RANDOM_SEARCH, Arm, Shared, Table
from pbt_gan.studies.experiment.scale import scaled
from pbt_gan.validation import Settings, validated

FILE = "experiment.toml"

Unit = Literal["images", "steps", "device_s"]

_FREE = (
    *("executor", "checkpoints", "listeners", "name"),
    *("experiment.seeds", "experiment.arms", "experiment.baseline", "experiment.baselines"),
)
"""What may change when an experiment goes on, since none of it changes a run that is there already."""

_SIZES = ("population", "population_size", "phases")
_LENGTHS = ("total_steps", "budget_steps")

MOST_ROUNDED = 0.02
"""Share of the budget that an arm may leave, since its members train whole score intervals."""


class ExperimentSettings(Settings):
    """The table `[experiment]` of a config file."""

    arms: tuple[str, ...] = Field((PBT, RANDOM_SEARCH), min_length=1)
    seeds: tuple[int, ...] = Field(tuple(range(6)), min_length=1)  # fewer can show no difference between two arms
    baseline: str | None = None  # the arm that the others are compared with; None: random search, or the first
    baselines: tuple[str, ...] = ()  # several such arms, a table each
    fixed_size: int | None = Field(None, ge=1)  # members, where their number never changes; None: population_size
    decay: ScheduleSettings = ScheduleSettings(decay="cosine", to=0.1)  # of longer-decay and longer-random-decay
    equal: Unit = "images"  # the cost up to which runs are read; steps, where the task counts no images
    own: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)  # arms of one's own: what each changes

    @field_validator("arms", "seeds", "baselines")
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
    def baselines(self) -> Sequence[str]:
        """The arms that the others are compared with, each in a table of its own; at least one."""
        arms, settings = self.settings.arms, self.settings
        named = [*([settings.baseline] if settings.baseline else []), *settings.baselines]
        return list(dict.fromkeys(named)) or [RANDOM_SEARCH if RANDOM_SEARCH in arms else arms[0]]

    @property
    def baseline(self) -> str:
        """The first of them, to which times are compared as well."""
        return self.baselines[0]

    @property
    def budget_steps(self) -> int:
        """Steps of all members of a run together, the same in every arm."""
        return steps_of(self.config.pbt)

    def arm(self, name: str) -> Arm:
        """Return an arm of the table, or one of the config's own."""
        if name in self.settings.own:
            changes = self.settings.own[name]
            return Arm(f"an arm of one's own: {_in_words(changes)}", lambda shared, found: changes)
        return ARMS[name]

    def run_config(self, name: str, seed: int, found: Run | None = None) -> Config:
        """Return the configuration of one run, with the budget of all.

        Args:
            name: of the arm.
            seed: of the run.
            found: the finished run that the arm needs, of the same seed.

        Raises:
            ConfigError: an arm of one's own changes what is no setting.
        """
        shared = self._shared(self.config.model_copy(update={"seed": seed}))
        change = self.arm(name).change(shared, found)
        table = shared.config.plain()
        table["pbt"], own = _without_rivals(table["pbt"], change.get("pbt", {}), shared.budget_steps)
        table = merged(table, {**change, "pbt": own})
        refuse_without_effect(table, [change])
        return validated(Config, {**table, "name": folder_name(f"{name}-{seed}")})

    def population(self, name: str) -> Sequence[tuple[int, int]]:
        """Return the phases of an arm as (members, steps that each of them trains)."""
        arm = self.arm(name)
        if arm.after is not None:
            size = 1 if arm.alone else self._fixed_size
            return [(size, self.budget_steps // size)]
        pbt = settled(self.run_config(name, self.settings.seeds[0]).pbt)
        places = [0, *(phase.begins for phase in pbt.phases), pbt.total_steps]
        members = [pbt.population_size, *(phase.members for phase in pbt.phases)]
        return [(size, end - begin) for size, (begin, end) in zip(members, pairwise(places), strict=True)]

    @property
    def rounding(self) -> float:
        """The largest share of the budget that an arm leaves, since its members train whole score intervals."""
        steps = [sum(size * length for size, length in self.population(arm)) for arm in self.settings.arms]
        return 1 - min(steps) / self.budget_steps

    @property
    def _fixed_size(self) -> int:
        return self.settings.fixed_size or self.config.pbt.population_size

    def _shared(self, config: Config) -> Shared:
        return Shared(
            config,
            self.space,
            self.budget_steps,
            self._fixed_size,
            self.settings.decay.model_dump(mode="json", exclude_none=True),
        )

    def plain(self) -> dict[str, Any]:
        """Return it as the table of a config file."""
        return {**self.config.plain(), "experiment": _plain(self.settings)}


def steps_of(pbt: PBTSettings) -> int:
    """Return how many steps all members together train by resolved settings."""
    return member_steps(pbt.population_size, pbt.later, pbt.total_steps)


def read_experiment(source: str, changes: Sequence[Table] = (), *, scale: float = 1.0) -> Experiment:
    """Return the experiment of a preset, a task or a TOML file with a table `[experiment]`, with changes laid over it.

    Args:
        source: as `train` takes it.
        changes: laid over it in turn.
        scale: the share of its steps that all arms are to train, above 0, up to 1.

    Raises:
        ConfigError: something is wrong with the settings, an arm, or the cost of one.
    """
    table = read_config_table(source, changes)
    own = table.pop("experiment", {})
    settings = validated(ExperimentSettings, own, "experiment")
    project = Project(validated(Config, table))
    if scale != 1:
        pbt = project.config.pbt
        lengths = scaled(project.config, settings.fixed_size or pbt.population_size, scale)
        left = {key: value for key, value in table.get("pbt", {}).items() if key not in (*_LENGTHS, "phases")}
        project = Project(validated(Config, {**table, "pbt": {**left, **lengths}}))
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


def _plain(settings: ExperimentSettings) -> dict[str, Any]:
    return settings.model_dump(mode="json", exclude_none=True)


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
        settings = validated(ExperimentSettings, before.get("experiment", {}), "experiment")
        return {**Project(validated(Config, config)).config.plain(), "experiment": _plain(settings)}
    except ConfigError:
        return before


def _check(experiment: Experiment) -> None:
    if experiment.config.stop is not None:
        raise ConfigError(
            "Arms of an experiment cost the same, so none is stopped at a goal; leave the table [stop] out."
        )
    settings = experiment.settings
    known = {*ARMS, *settings.own}
    for name in settings.own:
        if name in ARMS:
            raise ConfigError(f"experiment.own.{name} has the name of an arm that is built in; choose another.")
    for name in (*settings.arms, *experiment.baselines):
        if name not in known:
            there = "There are those of your own in [experiment.own.NAME], and"
            raise ConfigError(f"There is no arm {name!r}.{instead(name, sorted(known), there)}")
    for name in experiment.baselines:
        if name not in settings.arms:
            raise ConfigError(f"The baseline {name} is not one of the arms {', '.join(settings.arms)}.")
    for name in settings.arms:
        needed = experiment.arm(name).after
        if needed is not None:
            if needed not in settings.arms:
                raise ConfigError(f"The arm {name} needs the runs of {needed}; name that one too.")
            continue
        try:
            plan = Project(experiment.run_config(name, settings.seeds[0])).plan
        except ConfigError as error:
            raise ConfigError(f"The arm {name}: {error}") from None
        _check_steps(name, plan, experiment.budget_steps)


def _check_steps(name: str, plan: Plan, budget_steps: int) -> None:
    """Raise ConfigError unless a plan spends the budget, but for what is less than a score interval of its members."""
    left, last = budget_steps - plan.member_steps, (plan.phases[-1].members if plan.phases else plan.population_size)
    if left == 0:
        return
    if left < 0 or left >= last * plan.score_interval:
        raise ConfigError(
            f"The arm {name} trains {plan.member_steps} steps, the others {budget_steps}. Leave its pbt.total_steps "
            "out: from its population its length follows."
        )
    if left > MOST_ROUNDED * budget_steps:
        unit = last * plan.score_interval
        raise ConfigError(
            f"The arm {name} trains {plan.member_steps} of {budget_steps} steps: its {last} members are scored every "
            f"{plan.score_interval}. Give a budget that is a multiple of {unit}, or score more often."
        )


def _without_rivals(pbt: Table, change: Table, budget_steps: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the shared settings without those in whose place an arm has others, and its own ones with a length."""
    own, gone = dict(change), set[str]()
    if any(key in change for key in (*_SIZES, *_LENGTHS)):
        gone |= {"population", "phases", *_LENGTHS}
        if not any(key in change for key in _LENGTHS):
            own["budget_steps"] = budget_steps
    # Another one in its place, not the rows of both, nor what the other policy did besides.
    gone |= {"schedule", "policy"} & change.keys()
    left = {key: value for key, value in pbt.items() if key not in gone}
    if "initial" not in change:
        left["initial"] = left.get("initial", [])[: change.get("population_size")]
    return left, own


def _in_words(changes: Table, prefix: str = "") -> str:
    words = []
    for key, value in changes.items():
        words.append(
            _in_words(value, f"{prefix}{key}.") if isinstance(value, Mapping) else f"{prefix}{key} = {value!r}"
        )
    return ", ".join(words)
