"""The records of a run: what was answered and what was decided, as data that goes into the journal."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from dataclasses import fields as dataclass_fields
from types import MappingProxyType
from typing import Any, Literal

from pbt_gan.core.population import Hyperparams, Order

Json = Mapping[str, Any]

FailureKind = Literal["task", "memory", "storage", "worker", "machine", "deadline", "protocol"]
"""Where an order failed: its task raised; there was no memory, or no room for a state; its worker or its whole machine
was lost; it took too long; the answer made no sense."""


@dataclass(frozen=True, slots=True)
class Birth:
    """A member enters the population."""

    member: int
    hyperparams: Hyperparams
    origin: str  # "drawn" from the space, or "given" in the config


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
    # What may differ between equal runs:
    cost_s: float = field(default=0.0, compare=False)  # device seconds of this order, scoring included
    worker: str = field(default="", compare=False)
    attempt: int = field(default=1, compare=False)  # not in the journal: an answer of an old attempt is no record
    preview: Any = field(default=None, compare=False)  # uint8[N, H, W, C] or None; not in the journal

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
            cost_s=cost_s,
            worker=worker,
            attempt=order.attempt,
            preview=preview,
        )


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
    details: str = field(default="", compare=False)  # the traceback, for the log; not in the journal


Answer = Report | Failure
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
    copied: tuple[str, ...]  # of "weights", "hyperparams"
    operation: str  # the explore rule that made `after`, or "none"
    before: Hyperparams
    after: Hyperparams
    rule: str  # the exploit rule, or "rescue"
    reason: str  # for a person
    scores: tuple[float, ...] = ()  # the score history in force afterwards (it travels with the weights)
    step: int = 0  # age of the weights in force afterwards
    checkpoint: str | None = None  # the state in force afterwards; None: start anew
    memory: Any = None  # what a rule that remembers will be handed next, a JSON value

    @property
    def kept(self) -> bool:
        """Whether the member goes on unchanged."""
        return self.donor is None and self.before == self.after and not self.copied and self.rule != "rescue"


class UnknownRecordError(ValueError):
    """A journal's object of a kind, or with a field, that this version does not know: a newer one wrote it."""


Record = Birth | Report | Exploit | Failure

_TYPES: Mapping[str, type[Record]] = {"member": Birth, "report": Report, "exploit": Exploit, "failure": Failure}
_NAMES = {cls: name for name, cls in _TYPES.items()}
_UNWRITTEN = {
    Report: {"attempt", "preview", "cost_s", "worker"},
    Failure: {"details"},
}  # two of them stand under `time`
_FIELDS = {
    cls: {each.name for each in dataclass_fields(cls)} - _UNWRITTEN.get(cls, set())
    | ({"time"} if cls is Report else set())
    for cls in _NAMES
}


def to_json(record: Record) -> dict[str, Any]:
    """Return the journal's object for a record; floats may still be nan or ±inf."""
    fields = asdict(record)
    match record:
        case Report():
            del fields["preview"], fields["attempt"]
            fields["time"] = {"cost_s": fields.pop("cost_s"), "worker": fields.pop("worker")}
            if not record.unverified:
                del fields["unverified"]
        case Failure():
            del fields["details"]
        case Exploit() if record.memory is None:
            del fields["memory"]  # few rules remember
    return {"type": _NAMES[type(record)], **fields}


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
    _refuse_unknown(data, _FIELDS[cls] | {"type"}, data["type"])
    if cls is Report:
        _refuse_unknown(data.get("time", {}), {"cost_s", "worker"}, "report")
    if cls is Exploit and data["donor"] is not None:
        _refuse_unknown(data["donor"], {each.name for each in dataclass_fields(Donor)}, "exploit")
    fields = {name: value for name, value in data.items() if name != "type"}
    if cls is Report:
        time = fields.pop("time", {})
        fields["cost_s"], fields["worker"] = float(time.get("cost_s", 0.0)), str(time.get("worker", ""))
        fields["score"] = float(fields["score"])
        fields["metrics"] = {name: float(value) for name, value in fields["metrics"].items()}
        fields["unverified"] = tuple(fields.get("unverified", ()))
    if cls is Failure and "kind" not in fields:  # format 1 had none; its errors of lost workers begin with their names
        fields["kind"] = "worker" if fields["error"].startswith(fields["worker"]) else "task"
    if cls is Exploit:
        fields["copied"] = tuple(fields["copied"])
        fields["scores"] = tuple(float(score) for score in fields["scores"])
        fields["donor"] = None if fields["donor"] is None else Donor(**fields["donor"])
    return cls(**fields)


def _refuse_unknown(data: Json, known: Collection[str], kind: str) -> None:
    for name in data:
        if name not in known:
            raise UnknownRecordError(f"the field {name!r} of an entry of the kind {kind!r}")
