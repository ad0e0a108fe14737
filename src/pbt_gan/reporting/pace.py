"""How much of a run is done, and how long the rest will take."""

from collections import deque

from pbt_gan.core.budget import Phase, spans
from pbt_gan.core.records import Birth, Exploit, Record, Report, Retire
from pbt_gan.interfaces import RunContext
from pbt_gan.references import is_reference

_LOOKS_BACK = 50  # orders by which the pace is measured, or four rounds of the population if those are more


class Pace:
    """Counts orders, and the rounds in which the workers get through them.

    An order is so much of a round as the workers that are busy beside it leave to it: of eight members on two workers
    each takes half a worker's time; a member alone keeps one worker busy, and the other one waits.

    Args:
        context: of the run. Its plan says how many orders there are, births and retirements of its phases included. A
            policy of one's own may retire members of which the plan says nothing: there it is what the living have
            left.
        now_s: of a clock that only goes forward.
    """

    def __init__(self, context: RunContext, now_s: float) -> None:
        pbt = context.config.get("pbt", {})
        size, later = pbt.get("population_size", 1), [Phase(**phase) for phase in pbt.get("phases", ())]
        largest = max(size, *(phase.members for phase in later), 1)
        self._ends = pbt.get("total_steps", 1)
        self._workers = context.workers
        self._spans = spans(size, later, self._ends)
        steps = sum(phase.members * (ends - phase.begins) for phase, ends in self._spans)
        self._unit = steps / max(context.total_orders, 1)  # steps of an order
        self._planned = context.total_orders
        self._places: dict[int, int] | None = {} if is_reference(pbt.get("policy", {}).get("name", "")) else None
        self.done = 0
        self._rounds = 0.0
        self._marks: deque[tuple[float, float]] = deque(
            maxlen=max(_LOOKS_BACK, 4 * largest)
        )  # rounds by then, and when
        for record in context.records:
            self.add(record, now_s)
        self._marks.clear()
        self._marks.append((self._rounds, now_s))

    @property
    def total(self) -> int:
        """Orders of the whole run."""
        return self._planned if self._places is None else self.done + self._left_of_the_living()

    def add(self, record: Record, now_s: float) -> None:
        """Take a record in."""
        places = self._places if self._places is not None else {}
        match record:
            case Report():
                self.done += 1
                self._rounds += self._share(record.trained_steps)
                self._marks.append((self._rounds, now_s))
                places[record.member] = record.trained_steps
            case Birth():
                places[record.member] = record.trained_steps
            case Exploit() if record.trained_steps is not None:
                places[record.recipient] = record.trained_steps
            case Retire():
                places.pop(record.member, None)

    def left_s(self, now_s: float) -> float | None:
        """Return the seconds that are left if it goes on as of late; None: nothing was done yet."""
        began, since_s = self._marks[0]
        if self._rounds <= began:
            return None
        return (now_s - since_s) / (self._rounds - began) * self._left()

    def _left(self) -> float:
        """Return the rounds that are left."""
        if self._places is not None:
            return self._left_of_the_living() / min(self._workers, max(len(self._places), 1))
        planned = sum(
            phase.members * (ends - phase.begins) / self._unit * self._share(ends) for phase, ends in self._spans
        )
        return max(planned - self._rounds, 0.0)

    def _left_of_the_living(self) -> int:
        return sum(round(max(self._ends - place, 0) / self._unit) for place in (self._places or {}).values())

    def _share(self, place: int) -> float:
        """Return how much of a round an order is that ends at a place."""
        members = next((phase.members for phase, ends in self._spans if place <= ends), self._spans[-1][0].members)
        return 1 / min(self._workers, members)
