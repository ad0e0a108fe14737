"""What may differ when a run goes on, and what makes it another run."""

from collections.abc import Mapping
from typing import Any

from pbt_gan.errors import RunFolderError

CHANGEABLE = ("pbt.total_steps", "executor", "checkpoints", "listeners", "name", "stop")
"""What may differ: on a CPU none of it changes what the run would have become."""

_SIZES = ("pbt.population_size", "pbt.phases")


def differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> dict[str, tuple[Any, Any]]:
    """Return what differs between two nested tables, as dotted key → (old, new); None: not there."""
    result: dict[str, tuple[Any, Any]] = {}
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            result |= differences(before, after, f"{prefix}{key}.")
        elif before != after:
            result[prefix + key] = (before, after)
    return result


def check_changes(changed: Mapping[str, tuple[Any, Any]]) -> None:
    """Raise RunFolderError unless every change may be made to a run that has begun."""
    for key, (before, after) in changed.items():
        if not any(key == allowed or key.startswith(f"{allowed}.") for allowed in CHANGEABLE):
            size = " `pbt-gan resume RUN --population N` changes how many go on." if key in _SIZES else ""
            raise RunFolderError(
                f"{key} is {before!r} in this run and {after!r} now: it would be another run. "
                f"Give another --out, or change only {', '.join(CHANGEABLE)}.{size}"
            )


def check_fingerprint(then: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Raise RunFolderError unless everything is there that a run depends on, as it was when the run began."""
    for name in sorted({*then, *now}):
        if then.get(name) != now.get(name):
            raise RunFolderError(
                f"{name} is not what it was when this run began ({then.get(name)} then, {now.get(name)} now). "
                "Put it back, or begin a new run."
            )
