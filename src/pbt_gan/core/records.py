"""The records of a run: what the controller decided and what was reported, as data that goes into the journal."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pbt_gan.core.population import Hyperparams, Report

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Birth:
    """A member enters the population."""

    member: int
    hyperparams: Hyperparams
    origin: str  # "drawn" from the space, or "given" in the config


@dataclass(frozen=True, slots=True)
class Reported:
    """A member was trained for an interval and scored."""

    member: int
    interval: int
    step: int
    trained_steps: int
    score: float
    metrics: Mapping[str, float]
    hyperparams: Hyperparams
    checkpoint: str
    images: int
    time: Json = field(default_factory=dict, compare=False)  # what may differ between equal runs: cost_s, worker

    @classmethod
    def of(cls, report: Report) -> "Reported":
        """Keep of a report what the journal keeps."""
        return cls(
            report.member,
            report.interval,
            report.step,
            report.trained_steps,
            report.score,
            report.metrics,
            report.hyperparams,
            report.checkpoint,
            report.images,
            {"cost_s": report.cost_s, "worker": report.worker},
        )


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


@dataclass(frozen=True, slots=True)
class Failure:
    """An order was not carried out."""

    member: int
    interval: int
    attempt: int
    worker: str
    error: str


Record = Birth | Reported | Exploit | Failure

_TYPES: Mapping[str, type[Record]] = {"member": Birth, "report": Reported, "exploit": Exploit, "failure": Failure}
_NAMES = {cls: name for name, cls in _TYPES.items()}


def to_json(record: Record) -> dict[str, Any]:
    """Return the journal's object for a record; floats may still be nan or ±inf."""
    fields = asdict(record)
    if isinstance(record, Exploit) and record.memory is None:
        del fields["memory"]  # few rules remember
    return {"type": _NAMES[type(record)], **fields}


def from_json(data: Json) -> Record | None:
    """Return the record of a journal object; None for the journal's own types (run, commit, resume, end).

    Raises:
        KeyError, TypeError, ValueError: the object lacks a field or has one of a wrong type.
    """
    cls = _TYPES.get(data["type"])
    if cls is None:
        return None
    fields = {name: value for name, value in data.items() if name != "type"}
    if cls is Reported:
        fields["score"] = float(fields["score"])
        fields["metrics"] = {name: float(value) for name, value in fields["metrics"].items()}
    if cls is Exploit:
        fields["copied"] = tuple(fields["copied"])
        fields["scores"] = tuple(float(score) for score in fields["scores"])
        fields["donor"] = None if fields["donor"] is None else Donor(**fields["donor"])
    return cls(**fields)
