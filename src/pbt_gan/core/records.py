"""The records of a run: what was answered and what was decided, as data that goes into the journal."""

import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from dataclasses import fields as dataclass_fields
from types import MappingProxyType
from typing import Any, Literal

from pbt_gan.core.population import WHOLE, Attempt, Hyperparams, Order, Sources

Json = Mapping[str, Any]

FailureKind = Literal["task", "memory", "storage", "worker", "machine", "deadline", "protocol"]
"""Where an order failed: its task raised; there was no memory, or no room for a state; its worker or its whole machine
was lost; it took too long; the answer made no sense."""


@dataclass(frozen=True, slots=True)
class Birth:
    """A member enters the population."""

    member: int  # an id that nobody had before
    hyperparams: Hyperparams
    origin: str  # "drawn" from the space, "given" in the config, or in a policy's own words
    sources: Sources = field(default_factory=dict)  # the state that it begins with; empty: a new one
    step: int = 0  # age of that state
    scores: tuple[float, ...] = ()  # the history that comes with it
    subpopulation: int = 0
    trained_steps: int = 0  # where in the plan it begins
    memory: Any = None  # of the policy; see `Exploit`


@dataclass(frozen=True, slots=True)
class Report:
    """The answer to an order that was carried out: the score was measured on exactly the checkpoint that is named."""

    member: int
    interval: int
    step: int
    trained_steps: int
    score: float
    metrics: Mapping[str, float]
    hyperparams: Hyperparams  # those in force in the last step, read back from the training
    checkpoint: str
    images: int = 0  # real images seen in this order
    unverified: tuple[str, ...] = ()  # hyperparameters that could only be set, not read back from where they act
    score_error: float | None = None  # standard error of the score, as the task estimates it; None: it does not
    diverged: str = ""  # what a health check found, after which nothing was trained any more; the score is nan then
    # What may differ between equal runs:
    cost_s: float = field(default=0.0, compare=False)  # device seconds of this order, scoring included
    worker: str = field(default="", compare=False)
    attempt: int = field(default=1, compare=False)  # not in the journal: an answer of an old attempt is no record
    preview: Any = field(default=None, compare=False)  # uint8[N, H, W, C] or None; not in the journal
    measurements: int = field(default=1, compare=False)  # of which its numbers are the means; not in the journal

    @classmethod
    def of(
        cls,
        order: Order,
        *,
        score: float,
        hyperparams: Hyperparams,
        worker: str,
        metrics: Mapping[str, float] = MappingProxyType({}),
        unverified: tuple[str, ...] = (),
        images: int = 0,
        score_error: float | None = None,
        diverged: str = "",
        cost_s: float = 0.0,
        preview: Any = None,
    ) -> "Report":
        """Return the report of an order that was carried out."""
        return cls(
            member=order.member,
            interval=order.interval,
            step=order.step + order.steps,
            trained_steps=order.trained_steps + order.steps,
            score=score,
            metrics=dict(metrics),
            hyperparams=hyperparams,
            checkpoint=order.checkpoint,
            images=images,
            unverified=unverified,
            score_error=score_error,
            diverged=diverged,
            cost_s=cost_s,
            worker=worker,
            attempt=order.attempt,
            preview=preview,
        )

    def again(self, measurement: "Measurement") -> "Report":
        """Return the report as it is after its state was measured once more: with the means, and at both their cost."""
        score, error = mean_of(self.score, self.score_error, measurement)
        n = measurement.repeat
        metrics = {
            name: (n * value + measurement.metrics[name]) / (n + 1) if name in measurement.metrics else value
            for name, value in self.metrics.items()
        }
        cost_s = self.cost_s + measurement.cost_s
        return replace(self, score=score, score_error=error, metrics=metrics, cost_s=cost_s, measurements=n + 1)

    @property
    def attempted(self) -> Attempt:
        """Which attempt of which order this answers."""
        return (self.member, self.interval, 0, self.attempt)


@dataclass(frozen=True, slots=True)
class Measurement:
    """The answer to an order to score a state once more, with other random numbers."""

    member: int
    interval: int  # of the report that the state is of
    repeat: int  # counted from 1; the report's own score was the first measurement
    score: float
    metrics: Mapping[str, float]
    score_error: float | None = None
    # What may differ between equal runs:
    cost_s: float = field(default=0.0, compare=False)
    worker: str = field(default="", compare=False)
    attempt: int = field(default=1, compare=False)  # not in the journal

    @property
    def attempted(self) -> Attempt:
        """Which attempt of which order this answers."""
        return (self.member, self.interval, self.repeat, self.attempt)


def mean_of(score: float, error: float | None, measurement: Measurement) -> tuple[float, float | None]:
    """Return the mean of a score, itself the mean of `repeat` measurements, with one more; and its standard error.

    >>> mean_of(1.0, 0.3, Measurement(0, 1, repeat=1, score=2.0, metrics={}, score_error=0.4))
    (1.5, 0.25)
    """
    n = measurement.repeat
    mean = (n * score + measurement.score) / (n + 1)
    if error is None or measurement.score_error is None:
        return mean, None
    return mean, math.hypot(n * error, measurement.score_error) / (n + 1)


@dataclass(frozen=True, slots=True)
class Failure:
    """The other answer to an order: it was not carried out."""

    member: int
    interval: int
    attempt: int
    worker: str
    error: str  # one line for a person
    kind: FailureKind = "task"
    place: str = ""  # where in a person's own code, such as "task.py, line 9"
    repeat: int = 0  # of the order
    details: str = field(default="", compare=False)  # the traceback, for the log; not in the journal
    cause: BaseException | None = field(default=None, compare=False, repr=False)  # if raised here; not in the journal

    @property
    def attempted(self) -> Attempt:
        """Which attempt of which order this answers."""
        return (self.member, self.interval, self.repeat, self.attempt)


Answer = Report | Measurement | Failure
"""What every attempt of an order ends in, exactly once."""


@dataclass(frozen=True, slots=True)
class Donor:
    """Whose state was copied, and where exactly it lies; it need not be a living member."""

    member: int
    interval: int
    step: int
    checkpoint: str


@dataclass(frozen=True, slots=True)
class Exploit:
    """What was decided for one member at its ready point; without donor and change: it was kept as it is."""

    recipient: int
    interval: int
    donor: Donor | None
    copied: tuple[str, ...]  # of "weights", "hyperparams", or names of components
    operation: str  # the explore rule that made `after`, or "none"
    before: Hyperparams
    after: Hyperparams
    rule: str  # the exploit rule, or "rescue"
    reason: str  # for a person
    scores: tuple[float, ...] = ()  # the score history in force afterwards (it travels with the weights)
    step: int = 0  # age of the weights in force afterwards
    sources: Sources = field(default_factory=dict)  # the state in force afterwards; empty: start anew
    memory: Any = None  # what the policy will be handed next, a JSON value; None: the same as before
    trained_steps: int | None = None  # where in the plan it goes on; None: where it stands
    compared_at: int | None = None  # the age, in steps, at which scores were compared; None: each one's latest were

    @property
    def checkpoint(self) -> str | None:
        """The checkpoint in force afterwards, whole but for components from elsewhere; None: there is none."""
        return self.sources.get(WHOLE)

    @property
    def kept(self) -> bool:
        """Whether the member goes on unchanged."""
        return self.donor is None and self.before == self.after and not self.copied and self.rule != "rescue"


@dataclass(frozen=True, slots=True)
class Retire:
    """A member leaves the population; its id is never used again."""

    member: int
    interval: int  # the orders that it has answered
    reason: str  # for a person
    memory: Any = None  # of the policy; see `Exploit`


@dataclass(frozen=True, slots=True)
class Measure:
    """A member's state is to be scored once more before anything is decided about it; it is due again then."""

    member: int
    interval: int
    reason: str  # for a person
    memory: Any = None  # of the policy; see `Exploit`


Decision = Birth | Exploit | Measure | Retire
"""All that a policy can say."""

Record = Birth | Report | Measurement | Exploit | Measure | Retire | Failure

_TYPES: Mapping[str, type[Record]] = {
    "member": Birth,
    "report": Report,
    "measurement": Measurement,
    "exploit": Exploit,
    "measure": Measure,
    "retire": Retire,
    "failure": Failure,
}
_NAMES = {cls: name for name, cls in _TYPES.items()}
_OF_EVERY_BIRTH = ("member", "hyperparams", "origin")
_UNDER_TIME = ("cost_s", "worker")


class UnknownRecordError(ValueError):
    """A journal's object of a kind, or with a field, that this version does not know: a newer one wrote it."""


def to_json(record: Record) -> dict[str, Any]:
    """Return the journal's object for a record; floats may still be nan or ±inf."""
    fields = {field.name: _plain(getattr(record, field.name)) for field in dataclass_fields(record)}
    match record:
        case Report():
            del fields["preview"], fields["attempt"], fields["measurements"]
            fields["time"] = {"cost_s": fields.pop("cost_s"), "worker": fields.pop("worker")}
            if not record.unverified:
                del fields["unverified"]
            if record.score_error is None:
                del fields["score_error"]  # few tasks know it
            if not record.diverged:
                del fields["diverged"]
        case Measurement():
            del fields["attempt"]
            fields["time"] = {"cost_s": fields.pop("cost_s"), "worker": fields.pop("worker")}
            if record.score_error is None:
                del fields["score_error"]
        case Failure():
            del fields["details"], fields["cause"]
            if not record.repeat:
                del fields["repeat"]
        case Birth():
            usual = Birth(record.member, record.hyperparams, record.origin)
            fields = {
                name: value
                for name, value in fields.items()
                if name in _OF_EVERY_BIRTH or value != getattr(usual, name)
            }
        case Exploit():
            for name in ("memory", "trained_steps", "compared_at"):
                if fields[name] is None:
                    del fields[name]  # few policies remember, and so on
        case Measure() | Retire() if record.memory is None:
            del fields["memory"]
    return {"type": _NAMES[type(record)], **fields}


def _plain(value: Any) -> Any:
    """Return a field's value as JSON has it."""
    if isinstance(value, Donor):
        return asdict(value)
    return dict(value) if isinstance(value, Mapping) else value


def timeless(record: Record) -> dict[str, Any]:
    """Return a record as the journal has it without what may differ between equal runs."""
    return {name: value for name, value in to_json(record).items() if name != "time"}


def from_json(data: Json) -> Record:
    """Return the record of a journal object.

    Raises:
        UnknownRecordError: it is of another kind than these records, or has a field that they do not have.
        KeyError, TypeError, ValueError: the object lacks a field or has one of a wrong type.
    """
    cls = _TYPES.get(data["type"])
    if cls is None:
        raise UnknownRecordError(f"an entry of the kind {data['type']!r}")
    _refuse_unknown(data, cls)
    fields = {name: value for name, value in data.items() if name != "type"}
    if cls is Report or cls is Measurement:
        time = fields.pop("time", {})
        fields["cost_s"], fields["worker"] = float(time.get("cost_s", 0.0)), str(time.get("worker", ""))
        fields["score"] = float(fields["score"])
        fields["metrics"] = {name: float(value) for name, value in fields["metrics"].items()}
        if "score_error" in fields:
            fields["score_error"] = float(fields["score_error"])
    if cls is Report:
        fields["unverified"] = tuple(fields.get("unverified", ()))
    if cls is Failure and "kind" not in fields:  # format 1 had none; its errors of lost workers begin with their names
        fields["kind"] = "worker" if fields["error"].startswith(fields["worker"]) else "task"
    if cls is Birth and "scores" in fields:
        fields["scores"] = tuple(float(score) for score in fields["scores"])
    if cls is Exploit:
        if "checkpoint" in fields and "sources" not in fields:  # format 1
            whole = fields.pop("checkpoint")
            fields["sources"] = {} if whole is None else {WHOLE: whole}
        fields["copied"] = tuple(fields["copied"])
        fields["scores"] = tuple(float(score) for score in fields["scores"])
        fields["donor"] = None if fields["donor"] is None else Donor(**fields["donor"])
    return cls(**fields)


def _refuse_unknown(data: Json, cls: type[Record]) -> None:
    known = {each.name for each in dataclass_fields(cls)} | {"type"}
    if cls is Report or cls is Measurement:
        known = known - {"attempt", "preview", "measurements", *_UNDER_TIME} | {"time"}
    elif cls is Exploit:
        known |= {"checkpoint"}  # format 1: always the whole state, as `sources` now
    elif cls is Failure:
        known -= {"details", "cause"}
    _refuse_others(data, known, data["type"])
    _refuse_others(data.get("time") or {}, _UNDER_TIME, "time")
    _refuse_others(data.get("donor") or {}, {each.name for each in dataclass_fields(Donor)}, "donor")


def _refuse_others(data: Json, known: Collection[str], where: str) -> None:
    for name in data:
        if name not in known:
            raise UnknownRecordError(f"the field {name!r} in {where!r}")
