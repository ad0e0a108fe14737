"""What the records of any run must be, whatever befell it: killed, resumed, with members that come and go."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pbt_gan.core.population import START, Hyperparams
from pbt_gan.core.records import Birth, Exploit, Measurement, Record, Report, Retire


@dataclass(slots=True)
class _Life:
    """A member, as its records tell."""

    hyperparams: Hyperparams
    step: int
    trained_steps: int
    interval: int = 0
    retired: bool = False


def contradictions(records: Sequence[Record], score_interval: int) -> Iterator[str]:
    """Return every contradiction in the effective records of a run, each in a sentence; a sound run has none.

    Nobody has an id twice, reports before its birth or after its end, leaves an interval out or trains one twice; a
    member trains with what it was last decided to have; and whatever state is taken was reported before, by the donor
    that is named.

    Args:
        records: from the first.
        score_interval: steps of an order.
    """
    lives: dict[int, _Life] = {}
    reported: dict[str, Report] = {}
    for number, record in enumerate(records):
        for said in _contradictions(record, lives, reported, score_interval):
            yield f"record {number}: {said}; {record}"


def _contradictions(
    record: Record, lives: dict[int, _Life], reported: dict[str, Report], score_interval: int
) -> Iterator[str]:
    match record:
        case Birth():
            if record.member in lives:
                yield "the id was somebody's before"
            yield from _untold(record.sources.values(), reported)
            lives[record.member] = _Life(record.hyperparams, record.step, record.trained_steps)
        case Report():
            life = lives.get(record.member)
            if life is None or life.retired:
                yield "nobody of that id lives"
                return
            if record.interval != life.interval + 1:
                yield f"its last interval was {life.interval}"
            steps = record.trained_steps - life.trained_steps
            if not (0 < steps <= score_interval) or (steps < score_interval and not record.diverged):
                yield f"it stood at place {life.trained_steps}, and an order is {score_interval} steps"
            if record.step - life.step != steps:
                yield f"its weights were {life.step} steps old"
            if dict(record.hyperparams) != dict(life.hyperparams):
                yield f"it was to train with {dict(life.hyperparams)}"
            if record.checkpoint in reported:
                yield "its checkpoint has the key of another"
            life.interval, life.step, life.trained_steps = record.interval, record.step, record.trained_steps
            reported[record.checkpoint] = record
        case Exploit():
            life = lives.get(record.recipient)
            if life is None or life.retired or record.interval != life.interval:
                yield "no member stands there"
                return
            if dict(record.before) != dict(life.hyperparams):
                yield f"it had {dict(life.hyperparams)}"
            yield from _untold(record.sources.values(), reported)
            if record.donor is not None:
                given = reported.get(record.donor.checkpoint)
                if given is None or (given.member, given.interval) != (record.donor.member, record.donor.interval):
                    yield "its donor has reported no such checkpoint"
                elif given.step != record.donor.step:
                    yield f"its donor was at step {given.step}"
            life.hyperparams, life.step = record.after, record.step
            if record.trained_steps is not None:
                if record.trained_steps < life.trained_steps:
                    yield f"it stood at place {life.trained_steps} already"
                life.trained_steps = record.trained_steps
        case Measurement() | Retire():
            life = lives.get(record.member)
            if life is None or life.retired or record.interval != life.interval:
                yield "no member stands there"
            elif isinstance(record, Retire):
                life.retired = True


def _untold(checkpoints: Iterable[str], reported: dict[str, Report]) -> Iterator[str]:
    for checkpoint in checkpoints:
        if checkpoint not in reported and checkpoint != START:
            yield f"nobody has reported {checkpoint}"
