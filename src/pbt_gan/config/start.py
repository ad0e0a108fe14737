"""The setting that says with which state all members of a run begin."""

import re
from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from pbt_gan.places import placed
from pbt_gan.validation import Settings

_MEMBER = re.compile(r"(?P<source>.+):(?P<member>best|last-best|average|start|m?\d{1,9}|m\d+-i\d+)")


class StartSettings(Settings):
    """The state with which members begin that take over nobody's; what is left open is found when the run begins."""

    source: str  # a run's folder, or the file of a checkpoint
    member: str | None = None  # of a run: best, last-best, a number, average; start: what that run started from itself
    checkpoint: str | None = None  # which one that was, by its name there
    step: int | None = Field(default=None, ge=0)  # age of its weights
    sha256: str | None = Field(default=None, pattern=r"[0-9a-f]{64}")  # of its file

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return table_of(value)

    def is_of(self, other: "StartSettings | None") -> bool:
        """Whether both say the same, as far as a person says it."""
        return other is not None and (self.source, self.member) == (other.source, other.member)


def table_of(value: Any) -> Any:
    """Return the setting as a table, however short it was written.

    >>> table_of("runs/0001-digits:3")
    {'source': 'runs/0001-digits', 'member': '3'}
    """
    if isinstance(value, PathLike):
        value = fspath(value)
    if not isinstance(value, str):
        return value
    found = _MEMBER.fullmatch(value)
    return dict(found.groupdict()) if found else {"source": value}


def start_placed(value: Any, folder: Path) -> Any:
    """Return the setting as a table whose source is an absolute path."""
    table = table_of(value)
    if isinstance(table, Mapping) and isinstance(table.get("source"), str):
        return {**table, "source": str(placed(table["source"], folder))}
    return table
