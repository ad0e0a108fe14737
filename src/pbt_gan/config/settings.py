"""The configuration of a run, as typed data. See `docs/run-folder.md` for the file that holds it."""

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from pbt_gan.config.durations import seconds
from pbt_gan.config.executors import EXECUTORS
from pbt_gan.config.schedules import ScheduleSettings
from pbt_gan.config.start import StartSettings
from pbt_gan.config.tasks import DEFAULT_TASK
from pbt_gan.core.budget import Newcomers, Phase
from pbt_gan.core.selection import Ranked
from pbt_gan.core.strategy import COPIED, Copies, When, Who
from pbt_gan.errors import suggestion
from pbt_gan.interfaces import Health
from pbt_gan.references import is_reference
from pbt_gan.validation import Scalar, Settings


class Named(Settings):
    """A name with options: `exploit = "truncation"` or `exploit = { name = "truncation", fraction = 0.2 }`."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @property
    def options(self) -> Mapping[str, Any]:
        """What stands beside the name."""
        return self.model_extra or {}


class ExploitSettings(Named):
    """How losers are chosen and whom they copy."""

    name: str = "truncation"
    copies: Copies | tuple[str, ...] = "all"  # what a recipient takes; a list: components that the task names

    @field_validator("copies", mode="before")
    @classmethod
    def _copied(cls, value: Any) -> Any:
        if value in COPIED if isinstance(value, str) else isinstance(value, list | tuple):
            return value
        raise ValueError(f"use {', '.join(COPIED)}, or a list of components such as ['generator', 'hyperparams']")


class ExploreSettings(Named):
    """How hyperparameters move."""

    name: str = "perturb"
    who: Who = "recipients"  # whose hyperparameters move
    when: When = "copied"  # those of a recipient: as it copies, or once the copy has held its score for one interval


class SelectionSettings(Settings):
    """By what members are ranked, and what a copy must have in its favour; see `core.selection`."""

    by: Ranked = "latest"  # score; mean of the last scores of a line; or final, where those lead to
    last: int = 3  # so many of them
    min_gap: float = 0.0  # standard errors of the difference by which a donor must be better
    warmup: float = 0.0  # share of the budget before which nobody copies
    min_age: int = 0  # steps that a member trains what it has copied before it copies again
    repeats: int = 1  # measurements of a member that is closer to another than that, at most


class HalvingSettings(Settings):
    """A population that shrinks by a rule: rungs of equal cost, after each of which one member in `eta` goes on."""

    rule: Literal["halving"]
    eta: float = Field(default=2.0, gt=1)
    share: float = Field(default=1 / 3, gt=0, lt=1)  # of the budget, before the last ones are alone
    last: int = Field(default=1, ge=1)  # how many they are

    @model_validator(mode="before")
    @classmethod
    def _beside(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and "members" in value:
            raise ValueError(
                f"members = {value['members']!r} belongs beside the rule, as population_size: how many there are first"
            )
        return value

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"rule": value} if isinstance(value, str) else value


class PhaseSettings(Settings):
    """From a place in the plan on, so many members."""

    begins: int = Field(ge=1)
    members: int = Field(ge=1, le=100_000)
    newcomers: Newcomers | None = None  # of whom more are born; always said where a run was given another size


def _written_as(value: Any) -> str:
    return "(rule)" if isinstance(value, str | Mapping | HalvingSettings) else "(rows)"


Population = Annotated[
    Annotated[tuple[tuple[float, int], ...], Tag("(rows)")] | Annotated[HalvingSettings, Tag("(rule)")],
    Discriminator(_written_as),  # so that an error is about the form that somebody wrote
]


class PBTSettings(Settings):
    """How the population is steered. All lengths are in steps of a member that lives from the beginning to the end."""

    population_size: int = Field(default=10, ge=1, le=100_000)  # at the start
    population: Population | None = None  # [[0, 8], [0.1, 4]]: share of the budget, members; or "halving"
    phases: tuple[PhaseSettings, ...] = ()  # the same in steps, without the first; what a run's own config has
    total_steps: int = Field(default=1_000, ge=1)
    budget_steps: int | None = Field(default=None, ge=1)  # of all members together, in place of total_steps
    ready_interval: int = Field(default=100, ge=1)  # between two ready points
    score_interval: int | None = Field(default=None, ge=1)  # between two scores; None: ready_interval
    mode: Literal["sync", "async"] = "sync"
    comparison: Literal["latest", "fair"] = "latest"  # fair: asynchronous members are compared at equal age
    policy: Named = Named(name="pbt")  # or one of your own, "file.py:Name"; see pbt_gan.core.policy
    exploit: ExploitSettings = ExploitSettings()
    explore: ExploreSettings = ExploreSettings()
    selection: SelectionSettings | None = None  # None: by the latest score, and every copy is made
    initial: tuple[Literal["middle"] | Mapping[str, Scalar], ...] = ()  # of the first members; middle: of each range
    schedule: ScheduleSettings | None = None  # laid over what each member has by itself
    start_from: StartSettings | None = None  # a run's folder, or a checkpoint's file: the state of all; None: new ones

    @property
    def later(self) -> tuple[Phase, ...]:
        """The phases of a resolved configuration, without the first, as a plan has them."""
        return tuple(Phase(each.begins, each.members, each.newcomers or "winners") for each in self.phases)

    @property
    def last_step(self) -> int:
        """The age at the end of the weights of a resolved configuration that were trained all the way."""
        return self.total_steps + ((self.start_from.step or 0) if self.start_from else 0)

    @property
    def largest(self) -> int:
        """How many members a resolved configuration has at most."""
        return max(self.population_size, *(phase.members for phase in self.phases), 1)

    @model_validator(mode="before")
    @classmethod
    def _sized(cls, value: Any) -> Any:
        """A population that is written out says how many members it begins with."""
        rows = value.get("population") if isinstance(value, Mapping) else None
        if isinstance(rows, int):
            raise ValueError(
                f"population = {rows}: it says how many members there are when, as in [[0, 8], [0.1, 4]]; a number "
                "that never changes is population_size"
            )
        if not isinstance(rows, list | tuple):
            return value
        if not (rows and all(isinstance(row, list | tuple) and len(row) == 2 for row in rows)):
            raise ValueError("population is a list of pairs such as [[0, 8], [0.1, 4]]: share of the budget, members")
        first = rows[0][1]
        if value.get("population_size", first) != first:
            raise ValueError(
                f"population = {[list(row) for row in rows]} begins with {first} members, and population_size = "
                f"{value['population_size']}: leave that out, write the rows anew for another size, or give a rule, "
                'such as { rule = "halving" }, which fits any'
            )
        return {**value, "population_size": first}

    @model_validator(mode="after")
    def _phased(self) -> "PBTSettings":
        if self.budget_steps is not None and "total_steps" in self.model_fields_set:
            raise ValueError("budget_steps and total_steps both say how long the run is; leave one out")
        if self.population is not None and self.phases:
            raise ValueError("population and phases both say how many members there are; leave one out")
        if isinstance(self.population, tuple):
            shares = [share for share, _ in self.population]
            if shares[0] != 0 or not all(a < b for a, b in zip(shares, [*shares[1:], 1.0], strict=True)):
                raise ValueError(f"population has the shares {shares}; begin at 0, and go up to below 1")
            if not all(1 <= members <= 100_000 for _, members in self.population):
                raise ValueError("population names a phase without members; give each at least 1")
        if isinstance(self.population, HalvingSettings) and self.population.last > self.population_size:
            raise ValueError(f"population.last = {self.population.last} of {self.population_size} members")
        score = self.score_interval or self.ready_interval
        begins = [phase.begins for phase in self.phases]
        if begins != sorted(set(begins)) or any(place % score for place in begins):
            raise ValueError(f"phases begin at {begins}; go up, by multiples of the {score} steps between two scores")
        if begins and begins[-1] >= self.total_steps and self.budget_steps is None:
            raise ValueError(f"the last phase begins at {begins[-1]}, and total_steps = {self.total_steps} ends before")
        return self

    @model_validator(mode="after")
    def _comparable(self) -> "PBTSettings":
        if self.comparison == "fair" and self.mode == "sync":
            raise ValueError(
                'comparison = "fair" is for mode = "async"; in synchronous runs members wait for each other, and are '
                "compared when all have trained equally long"
            )
        return self

    @model_validator(mode="after")
    def _divisible(self) -> "PBTSettings":
        score = self.score_interval or self.ready_interval
        if self.ready_interval % score:
            raise ValueError(f"ready_interval = {self.ready_interval} is no multiple of score_interval = {score}")
        if self.total_steps % score and self.budget_steps is None:
            nearest = max(round(self.total_steps / score), 1) * score
            raise ValueError(
                f"total_steps = {self.total_steps} is no multiple of the {score} steps between two scores; "
                f"{nearest} would be"
            )
        if len(self.initial) > self.population_size:
            raise ValueError(f"initial names {len(self.initial)} members of {self.population_size}")
        if self.schedule and self.schedule.same_streams and self.largest > 1:
            raise ValueError("schedule.same_streams repeats one member, so population_size must be 1")
        return self


class DomainSettings(Settings):
    """What is changed of the task's own domain of one hyperparameter."""

    init: Scalar | tuple[Scalar, ...] | None = None  # a value; two numbers: a range; more: a list to draw from
    bounds: tuple[float, float] | None = None
    scale: Literal["linear", "log", "logit", "complement"] | None = None
    factors: tuple[float, ...] | None = None
    step: float | None = None
    values: tuple[Scalar, ...] | None = None
    chance: float | None = None
    safer: Literal["down", "up"] | None = None  # where it moves when a member has diverged

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return value if isinstance(value, Mapping) else {"init": value}


class HealthSettings(Settings):
    """What is looked at while members train; see `pbt_gan.interfaces.Health`."""

    every_steps: int = Field(default=Health().every_steps, ge=1)  # between two looks, about
    max_loss: float = Field(default=Health().max_loss, gt=0)  # size beyond which a member has diverged
    collapse: float = Field(
        default=Health().collapse, ge=0, lt=1
    )  # share of real images' diversity; 0: never looked at

    def plain(self) -> Health:
        """Return it as tasks and executors are told."""
        return Health(**self.model_dump())


class CheckpointSettings(Settings):
    """When a run becomes durable."""

    every_s: float = Field(default=60.0, ge=0)  # a commit at the first score point after this
    generations: int = Field(default=2, ge=1, le=100)  # of so many commits they are kept; of 2, one may be damaged


class ExecutorSettings(Settings):
    """Where members train. It may be changed on resume; on a CPU it changes no bit of the result."""

    name: str = next(iter(EXECUTORS))  # one of that table
    workers: Literal["auto"] | int = "auto"  # auto: one a core, or one a GPU, of the machine that it goes on on
    vectorize: Literal["auto", "off"] | int = "auto"  # how many members a worker trains as one group
    device: str = "cpu"  # several GPUs: "cuda:0,cuda:1", given to workers in turn, or all to one (workers = 1)
    threads: int = Field(default=1, ge=1, le=1_024)  # intra-op, of a worker; another number may change the last bits
    deadline_s: Literal["auto", "off"] | float = "auto"  # for what a worker has at a time; auto: long after all others
    memory_fraction: float | None = Field(default=None, gt=0, le=1)  # of the machine's or GPU's, for each worker
    nice: int = Field(default=0, ge=0, le=19)  # by how much workers let other programs go first
    deterministic: bool = False  # on a GPU: equal bits in every run, at a cost; a CPU is always so

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("name")
    @classmethod
    def _there(cls, value: str) -> str:
        if value not in EXECUTORS:
            raise ValueError(f"use {' or '.join(EXECUTORS)}.{suggestion(value, EXECUTORS)}")
        return value

    @field_validator("workers", mode="before")
    @classmethod
    def _count(cls, value: Any) -> Any:
        count = int(value) if isinstance(value, str) and value.isdecimal() else value
        if count is None or count == "auto":
            return "auto"
        if type(count) is not int or not 1 <= count <= 1_024:
            raise ValueError("use auto, or a whole number from 1 to 1024")
        return count

    @field_validator("vectorize", mode="before")
    @classmethod
    def _whole(cls, value: Any) -> Any:
        if value in ("auto", "off"):
            return value
        count = int(value) if isinstance(value, str) and value.isdecimal() else value
        if type(count) is not int or not 1 <= count <= 100_000:
            raise ValueError("use auto, off, or how many members a worker trains together, such as 4")
        return count if count > 1 else "off"

    @field_validator("deadline_s", mode="before")
    @classmethod
    def _limit(cls, value: Any) -> Any:
        if value is None or value in ("auto", "off"):
            return value or "auto"
        if isinstance(value, bool | str) or not 0 < value < math.inf:
            raise ValueError("use auto, off, or seconds, such as 900")
        return float(value)

    @field_validator("device")
    @classmethod
    def _known(cls, value: str) -> str:
        devices = [device.strip() for device in value.split(",")]
        if "mps" in devices:
            raise ValueError("Apple's GPU has no float64, in which hyperparameters are kept; use cpu")
        if not all(re.fullmatch(r"cpu|cuda(:\d+)?", device) for device in devices):
            raise ValueError("use cpu, cuda, or cuda:0,cuda:1 for several GPUs")
        return ",".join(devices)

    @property
    def devices(self) -> list[str]:
        """The devices, one or more."""
        return self.device.split(",")

    @property
    def limit_s(self) -> float | None:
        """The seconds that somebody gave a worker for what it has at a time."""
        return None if isinstance(self.deadline_s, str) else self.deadline_s

    @model_validator(mode="after")
    def _here(self) -> "ExecutorSettings":
        if not EXECUTORS[self.name].here:
            return self
        if "," in self.device:
            raise ValueError(f"the {self.name} executor trains on one device, not on {self.device}; use processes")
        limits = {
            "deadline_s": self.limit_s and f"{self.limit_s:g} cannot end",
            "memory_fraction": self.memory_fraction and f"{self.memory_fraction:g} cannot hold to a limit",
            "nice": self.nice and f"{self.nice} would slow down as a whole (start it with the command nice)",
        }
        for name, why in limits.items():
            if why:
                raise ValueError(
                    f"the {self.name} executor trains in this process, which {name} = {why}; use processes"
                )
        return self


class StopSettings(Settings):
    """What ends a run before its plan does, whatever is reached first; see `core.stopping`."""

    score: float | None = Field(default=None, allow_inf_nan=False)  # of the best
    cost_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)  # device seconds of all members: 7200, "2h"
    images: int | None = Field(default=None, ge=1)  # real images that all members have seen
    patience: int | None = Field(default=None, ge=1)  # ready intervals of everybody without a better best
    rule: str | None = None  # your own, "file.py:name": called with a `core.stopping.Progress`

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = {"rule": value}
        return {key: each for key, each in value.items() if each != "off"} if isinstance(value, Mapping) else value

    @field_validator("cost_s", mode="before")
    @classmethod
    def _duration(cls, value: Any) -> Any:
        return seconds(value, "stop.cost_s") if isinstance(value, str) else value

    @field_validator("rule")
    @classmethod
    def _own(cls, value: str | None) -> str | None:
        if value is not None and not is_reference(value):
            raise ValueError("name a function of your own, such as my_rules.py:enough, or off")
        return value


class Config(Settings):
    """Everything that a run depends on."""

    name: str = "run"  # what the run's folder is called after its number
    task: Named = Named(name=DEFAULT_TASK)
    seed: int = Field(default=0, ge=0, lt=2**63)
    pbt: PBTSettings = PBTSettings()
    space: Mapping[str, DomainSettings] = Field(default_factory=dict)  # empty: what the task evolves by itself
    metrics: Mapping[str, Any] = Field(default_factory=dict)  # handed to the task
    health: HealthSettings = HealthSettings()
    checkpoints: CheckpointSettings = CheckpointSettings()
    executor: ExecutorSettings = ExecutorSettings()
    stop: StopSettings | None = None  # None: its plan ends it
    listeners: tuple[str, ...] = ()  # your own, beside those of the package: "file.py:name"

    @model_validator(mode="before")
    @classmethod
    def _of_one_run(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and "experiment" in value:
            raise ValueError("with a table [experiment] it is several runs: `pbt-gan experiment FILE` trains them")
        return value

    @field_validator("name")
    @classmethod
    def _plain(cls, value: str) -> str:
        if not value or not all(c.isalnum() or c in "-_." for c in value) or value.startswith("."):
            raise ValueError("use letters, digits, '-', '_' and '.' only; it names a folder")
        return value

    def plain(self) -> dict[str, Any]:
        """Return it as nested dicts of plain values, without what is None: what TOML and JSON can hold."""
        return self.model_dump(mode="json", exclude_none=True)
