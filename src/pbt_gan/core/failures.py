"""What becomes of a failed order, by the kind of its failure: one table."""

from collections.abc import Mapping
from dataclasses import dataclass

from pbt_gan.core.records import Failure, FailureKind
from pbt_gan.errors import OutOfMemoryError, PbtGanError, RemoteError, StorageError, TaskError, WorkerError


@dataclass(frozen=True, slots=True)
class Remedy:
    """What is done about one kind of failure, and what a person can do."""

    attempts: int  # how often an order is given before the run ends
    error: type[PbtGanError]  # that the run ends with
    mend: str  # a sentence, about `{place}` where a task has one


_ELSEWHERE = 3  # attempts where the next one may well succeed: in another worker, or at another time

REMEDIES: Mapping[FailureKind, Remedy] = {
    "task": Remedy(1, TaskError, "Mend {place} and resume the run; log.txt has the whole traceback."),
    "memory": Remedy(
        _ELSEWHERE,
        OutOfMemoryError,
        "Resume with fewer workers, fewer members at a time (executor.vectorize), or smaller batches.",
    ),
    "storage": Remedy(1, StorageError, "Free some space and resume the run."),
    "worker": Remedy(_ELSEWHERE, WorkerError, "Is memory short? Resume with fewer workers, or see log.txt."),
    "machine": Remedy(_ELSEWHERE, WorkerError, "Resume the run when the machine is back, or on another one."),
    "deadline": Remedy(
        _ELSEWHERE, WorkerError, "See what the task waits for, or resume with a longer executor.deadline_s."
    ),
    "protocol": Remedy(
        _ELSEWHERE, WorkerError, "Does the task write to files that it has not opened? See log.txt, and resume the run."
    ),
}
"""For each kind of failure. Wherever a population trains, the same kinds are given again equally often."""

ENDINGS = tuple({remedy.error for remedy in REMEDIES.values()})
"""Errors with which a run ends that has kept what was done until then, and can go on."""


def fatal(failure: Failure) -> PbtGanError | None:
    """Return the error with which a failure ends the run; None: its order is given again."""
    remedy = REMEDIES[failure.kind]
    if failure.attempt < remedy.attempts:
        return None
    who = f"Member {failure.member} in its interval {failure.interval} ({failure.worker})"
    tried = f" That was attempt {failure.attempt} of {remedy.attempts}." if remedy.attempts > 1 else ""
    mend = remedy.mend.format(place=failure.place or "the task")
    told = remedy.error(f"{who}: {failure.error}.{tried} {mend}")
    told.__cause__ = failure.cause or (RemoteError(failure.details) if failure.details else None)
    return told
