"""Schedules in configurations and in files: read, made from a named decay, and written."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import tomli_w
from pydantic import Field, model_validator

from pbt_gan.config import toml
from pbt_gan.core.population import Hyperparams
from pbt_gan.core.schedule import Decay, Row, Schedule, decay
from pbt_gan.core.space import Float, Space
from pbt_gan.errors import ConfigError, instead
from pbt_gan.validation import Scalar, Settings, validated

_HEAD = """\
# Hyperparameters by step: each row holds from its step on, until the next one.
# `member` and `interval` say in which slot of the population a row was trained.
"""


class RowSettings(Settings):
    """One row of a schedule."""

    step: int = Field(ge=0)  # age of the weights
    values: Mapping[str, Scalar]
    member: int | None = Field(default=None, ge=0)
    interval: int | None = Field(default=None, ge=1)


class ScheduleFile(Settings):
    """What a schedule's file holds."""

    format: Literal[1] = 1
    relative: bool = False  # values are factors of what each member has by itself
    rows: tuple[RowSettings, ...]


class ScheduleSettings(Settings):
    """Hyperparameters by step: one of a file, a named decay, or the rows themselves."""

    file: str | None = None
    decay: Decay | None = None
    of: tuple[str, ...] = ()  # what decays; empty: every evolved rate, by its name (lr, lr_g, …)
    to: float = Field(default=0.01, gt=0)  # the factor at the end
    hold: float = Field(default=0.0, ge=0, lt=1)  # share of the way before it begins to decay
    rows: tuple[RowSettings, ...] = ()
    relative: bool = False
    same_streams: bool = False  # train each row with the random numbers of its member and interval: an exact replay

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return value if isinstance(value, Mapping) else {"file": value}

    @model_validator(mode="after")
    def _one_source(self) -> "ScheduleSettings":
        if sum(map(bool, (self.file, self.decay, self.rows))) != 1:
            raise ValueError("give a schedule one of file, decay and rows")
        if self.hold and self.decay is None:
            raise ValueError("hold says when a decay begins; give decay, or leave it out")
        return self

    def resolved(self, space: Space) -> "ScheduleSettings":
        """Return the same schedule without its file, and with everything named that decays.

        A decay stays a decay and does not become rows: a run that is trained further follows the one to its new end.

        Raises:
            ConfigError: the file cannot be read, or there is nothing to decay.
        """
        if self.rows:
            return self
        if self.file:
            read = read_schedule(Path(self.file))
            return ScheduleSettings(rows=read.rows, relative=read.relative, same_streams=self.same_streams)
        return self.model_copy(update={"of": tuple(self._decaying(space))})

    def schedule(self, *, total_steps: int, score_interval: int) -> Schedule:
        """Return a resolved schedule as the controller takes it; a decay as a stair an order.

        Raises:
            ConfigError: the rows of an exact replay do not say whose random numbers they used.
        """
        if self.decay is not None:
            return decay(self.decay, self.of, self.to, total_steps=total_steps, every=score_interval, hold=self.hold)
        return Schedule(tuple(self._row(row) for row in self.rows), self.relative)

    def _row(self, row: RowSettings) -> Row:
        if not self.same_streams:
            return Row(row.step, row.values)
        if row.member is None or row.interval is None:
            raise ConfigError(f"pbt.schedule.same_streams: the row of step {row.step} lacks member and interval.")
        return Row(row.step, row.values, (row.member, row.interval))

    def _decaying(self, space: Space) -> Sequence[str]:
        for name in self.of:
            if not isinstance(space.get(name), Float):
                raise ConfigError(
                    f"pbt.schedule.of names {name!r}, which is no real number that is evolved here."
                    f"{instead(name, space, 'Evolved are')}"
                )
        names = self.of or [name for name in space if name.split("_")[0] == "lr" and isinstance(space[name], Float)]
        if not names:
            raise ConfigError(
                "pbt.schedule: no evolved hyperparameter is called lr or lr_…; say what decays, such as "
                f"of = {[*space][:1]}."
            )
        return names


def read_schedule(path: Path) -> ScheduleFile:
    """Read a schedule's file.

    Raises:
        ConfigError: it cannot be read, or is no schedule.
    """
    return validated(ScheduleFile, toml.read(path), str(path))


def schedule_text(schedule: Schedule) -> str:
    """Return a schedule as the text of its file."""
    rows = [row.model_dump(exclude_none=True) for row in _rows(schedule)]
    return _HEAD + tomli_w.dumps({"format": 1, "relative": schedule.relative, "rows": rows})


def schedule_settings(schedule: Schedule) -> Mapping[str, Any]:
    """Return a schedule as the table that a config holds."""
    rows = [row.model_dump(exclude_none=True) for row in _rows(schedule)]
    same_streams = all(row.slot is not None for row in schedule.rows)
    return {"rows": rows, "relative": schedule.relative, "same_streams": same_streams}


def _rows(schedule: Schedule) -> tuple[RowSettings, ...]:
    return tuple(_row_settings(row.step, row.values, *(row.slot or (None, None))) for row in schedule.rows)


def _row_settings(step: int, values: Hyperparams, member: int | None, interval: int | None) -> RowSettings:
    return RowSettings(step=step, values=values, member=member, interval=interval)
