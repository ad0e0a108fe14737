"""What must be true of a run, whatever has befallen it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pbt_gan.core.population import Hyperparams, Sources
from pbt_gan.core.records import Birth, Exploit, Failure, Record, Report, Retire, to_json
from pbt_gan.store import checkpoints
from pbt_gan.store.effective import EffectiveJournal
from pbt_gan.store.journal import path_of, read
from pbt_gan.store.reader import checkpoint_bytes, kept_checkpoints


@dataclass(frozen=True, slots=True)
class _Slot:
    """A member, as far as its records go."""

    hyperparams: Hyperparams
    step: int
    trained_steps: int
    interval: int = 0
    retired: bool = False


def contradictions(records: Sequence[Record], score_interval: int) -> Iterator[str]:
    """Yield what contradicts itself in the effective records of a run, in the order of its journal."""
    slots: dict[int, _Slot] = {}
    reports: dict[str, Report] = {}
    for record in records:
        match record:
            case Birth():
                if record.member in slots:
                    yield f"member {record.member} is born twice"
                yield from _unknown(record.sources, reports, f"the birth of {record.member}")
                slots[record.member] = _Slot(record.hyperparams, record.step, record.trained_steps)
            case Report():
                yield from _wrong_report(record, slots.get(record.member), reports)
                reports[record.checkpoint] = record
                slots[record.member] = replace(
                    slots.get(record.member, _Slot(record.hyperparams, 0, 0)),
                    step=record.step,
                    trained_steps=record.trained_steps,
                    interval=record.interval,
                )
            case Exploit():
                where = f"the decision on {record.recipient} after interval {record.interval}"
                slot = slots[record.recipient]
                if record.interval != slot.interval:
                    yield f"{where} comes after interval {slot.interval}"
                if dict(record.before) != dict(slot.hyperparams):
                    yield f"{where} does not begin with its hyperparameters"
                yield from _unknown(record.sources, reports, where)
                if record.donor is not None:
                    given = reports.get(record.donor.checkpoint)
                    if given is None or (given.member, given.step) != (record.donor.member, record.donor.step):
                        yield f"{where} names a donor that has not reported it"
                place = slot.trained_steps if record.trained_steps is None else record.trained_steps
                if place < slot.trained_steps:
                    yield f"{where} goes back in the plan"
                slots[record.recipient] = replace(slot, hyperparams=record.after, step=record.step, trained_steps=place)
            case Retire():
                slots[record.member] = replace(slots[record.member], retired=True)


def _wrong_report(report: Report, slot: _Slot | None, reports: Mapping[str, Report]) -> Iterator[str]:
    where = f"the report of {report.member} after interval {report.interval}"
    if slot is None or slot.retired:
        yield f"{where} is of nobody"
        return
    if report.checkpoint in reports:
        yield f"{where} names a checkpoint that there was"
    if report.interval != slot.interval + 1:
        yield f"{where} comes after interval {slot.interval}"
    steps = report.trained_steps - slot.trained_steps
    if steps <= 0 or report.step - slot.step != steps:
        yield f"{where} counts its steps wrongly"
    if dict(report.hyperparams) != dict(slot.hyperparams):
        yield f"{where} was trained with other hyperparameters"


def _unknown(sources: Sources, reports: Mapping[str, Report], where: str) -> Iterator[str]:
    for key in set(sources.values()) - reports.keys():
        yield f"{where} begins with {key}, which nobody has reported"


def without_failures(records: Sequence[Record]) -> list[Record]:
    """Return the records that a resume keeps: failures of orders that were not answered are forgotten."""
    return [record for record in records if not isinstance(record, Failure)]


def loose_files(folder: Path) -> Iterator[str]:
    """Yield what lies in the folder of a run that ended by itself and should not."""
    there = {path.name for path in checkpoints.folder_of(folder).iterdir()}
    kept = {checkpoints.path_of(folder, key).name for key in kept_checkpoints(folder)}
    yield from sorted(f"checkpoints/{name}" for name in there ^ kept)
    yield from (path.name for path in folder.glob(".*") if path.name not in (".lock",))


def essence(folder: Path) -> Any:
    """Return everything about a run that no fault may change where it is synchronous, and its last weights."""
    effective = EffectiveJournal.of(path_of(folder), read(path_of(folder)).entries)
    decided = [to_json(record) for record in without_failures(effective.records)]
    for entry in decided:
        entry.pop("time", None)
    weights = {key: checkpoint_bytes(folder, key) for key in effective.commit.checkpoints}
    return sorted(map(repr, decided)), weights
