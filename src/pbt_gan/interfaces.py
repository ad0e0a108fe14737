"""The contracts between the parts: Problem, Trainer, Executor, RunStore, Listener. Nothing here imports torch."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from numpy.random import Generator
from numpy.typing import NDArray

from pbt_gan.core.population import Hyperparams, Order
from pbt_gan.core.records import Answer, Record
from pbt_gan.core.rng import stream
from pbt_gan.core.space import Domain
from pbt_gan.errors import TaskError

Tree = Any
"""A member's whole state: nested dicts and lists of tensors (torch or NumPy), numbers, strings, booleans and None."""

Images = NDArray[Any]
"""uint8[N, H, W, C]."""

Streams = Callable[[int], Generator]
"""Gives the random stream of one block of steps within an order, counted from 0."""


@dataclass(frozen=True, slots=True)
class Health:
    """What is looked at while a member trains; where it is wrong, its training ends and it has diverged.

    Numbers that are not finite, in losses, weights and scores, are always looked for.
    """

    every_steps: int = 50  # between two looks, about: where a task trains in blocks, a look follows a block
    max_loss: float = 1e8  # size beyond which a loss is no use any more
    collapse: float = 0.02  # share of the diversity of real images below which a generator may have collapsed; 0: never


@dataclass(frozen=True, slots=True)
class Training:
    """What `Trainer.train` hands back.

    Examples:
        >>> Training({"weights": [0.5]}, {"lr": 0.1}, {"loss": 0.25}, images=640).unverified
        ()
    """

    state: Tree  # after the last step
    hyperparams: Hyperparams  # read back from what the last step used, never from the order
    metrics: Mapping[str, float] = field(default_factory=dict)  # losses and the like, means over the order
    images: int = 0  # real images seen
    unverified: Sequence[str] = ()  # hyperparameters that could only be set, not read back from where they act
    diverged: str = ""  # what a health check found, such as "loss/d is nan after step 150"; training ended there


class Trainer(ABC):
    """A problem made ready on one device of one process: it makes, trains and scores members.

    It draws randomness only from the generators that it is given. A state handed to `train` belongs to it and may be
    changed in place; one handed to another method may not. It is used so::

        state = trainer.init(rng)
        training = trainer.train(state, {"lr": 0.1}, steps=100, streams=streams)
        trainer.score(training.state, rng)["score"]
    """

    @abstractmethod
    def init(self, rng: Generator) -> Tree:
        """Return the state of a new member."""

    @abstractmethod
    def train(self, state: Tree, hyperparams: Hyperparams, steps: int, streams: Streams) -> Training:
        """Train for `steps` steps with these values of the evolved hyperparameters."""

    @abstractmethod
    def score(self, state: Tree, rng: Generator) -> Mapping[str, float]:
        """Measure a state: `score` is what exploit ranks by, higher is better; not finite: diverged.

        `score_error`, if it is there, is the standard error of that: about how far it would be off with other random
        numbers. Selection can take it into account. Every member is scored with an equal `rng` (common random numbers).
        """

    def preview(self, state: Tree, rng: Generator) -> Images | None:
        """Return sample images of a state, always from the same latents; None: this task has no pictures."""
        return None

    def sample(self, state: Tree, count: int, rng: Generator) -> Images | None:
        """Return images of one's own choosing, from fresh latents; None: this task has no pictures."""
        return None

    def adopt(self, state: Tree) -> Tree:
        """Return a state that was made elsewhere (pretrained, say, or by an older version) as one of this trainer's.

        What it lacks is made anew, as `init` would; a state of this trainer's own trains on as it would have. The state
        that is handed over is not changed, and may be the very one that is returned.

        Raises:
            TaskError: it is none that could be trained on here.
        """
        own = self.init(stream(0, "adopt"))
        if isinstance(own, dict) and not (isinstance(state, dict) and own.keys() <= state.keys()):
            has = f"has {', '.join(map(str, state)) or 'nothing'}" if isinstance(state, dict) else "is no dict"
            raise TaskError(f"A state of this task has {', '.join(map(str, own))}; the one to be trained on {has}.")
        return state

    def export(self, state: Tree) -> Tree:
        """Return of a state what somebody needs who only uses the trained model: no optimisers, no histories.

        It can be encoded as a checkpoint, is no larger than the state, and may share its tensors.
        """
        return state

    def weights_of(self, state: Tree) -> Tree:
        """Return the part of a state that is averaged with those of others, its tensors in their places in the dicts.

        Of it the floating-point tensors are. Leave out what has no meaning as a mean, such as what an optimiser keeps;
        the average has that of its best ingredient.
        """
        return state


class GroupTrainer(Trainer):
    """A trainer of several members in one program.

    Each of them becomes what it would become alone; on a CPU bit for bit.
    """

    @abstractmethod
    def train_group(
        self, states: Sequence[Tree], hyperparams: Sequence[Hyperparams], steps: int, streams: Sequence[Streams]
    ) -> Sequence[Training]:
        """Train each state with its own hyperparameters and random streams, as `train` would."""

    @abstractmethod
    def score_group(self, states: Sequence[Tree], rng: Generator) -> Sequence[Mapping[str, float]]:
        """Measure each state with the same random numbers, as `score` would with an equal `rng`."""

    def train(self, state: Tree, hyperparams: Hyperparams, steps: int, streams: Streams) -> Training:
        """Train a group of one."""
        (training,) = self.train_group([state], [hyperparams], steps, [streams])
        return training

    def score(self, state: Tree, rng: Generator) -> Mapping[str, float]:
        """Measure a group of one."""
        (scores,) = self.score_group([state], rng)
        return scores


class Problem(ABC):
    """What a population is trained on, as far as it is known before there is a device: space, data, settings.

    Built in the main process and in each worker from a reference and plain arguments; `attach` makes a trainer of it,
    a new one each time::

        class Mine(pbt_gan.Problem):
            space = {"lr": Float(Range(1e-4, 1e-1), (1e-6, 1.0), "log")}

            def attach(self, folder, device):
                return MyTrainer(self.space, device)
    """

    groups: bool = False
    """Whether its trainer is a `GroupTrainer`."""

    @property
    @abstractmethod
    def space(self) -> Mapping[str, Domain]:
        """Every hyperparameter that may be evolved, with where it may go; `init`: its value when it is not evolved."""

    @abstractmethod
    def attach(self, folder: Path, device: str) -> Trainer:
        """Return what trains members on a device; `folder` is the one that `prepare` filled.

        Called once in each worker, and before that in the main process if members are tried there. A problem may be
        attached more than once, so what training changes belongs to the trainer.
        """

    @property
    def evolved(self) -> Sequence[str]:
        """Names of `space` that are evolved when the config names none."""
        return tuple(self.space)

    @property
    def components(self) -> Mapping[str, Sequence[str]]:
        """Parts of a state that a member may copy by themselves: a name, and the keys of its outermost dict.

        What belongs to a part, such as its optimiser's state, is under the same keys, or goes over beside it.
        """
        return {}

    def arguments(self) -> Mapping[str, Any]:
        """Return the arguments that build an equal problem, with everything filled in that was left to a default.

        They are written into the run's config, so that a later default changes no run that has begun.
        """
        return {}

    @classmethod
    def without_effect(
        cls, arguments: Mapping[str, Any], begun: Collection[str] = (), devices: Collection[str] = ()
    ) -> Mapping[str, str]:
        """Return the arguments that would be ignored beside the others, each with the reason; none is simply wrong.

        Args:
            arguments: for the constructor.
            begun: hyperparameters that are evolved and begin where the config says, whatever the arguments are.
            devices: where members are to train; empty: that is not known, or of no interest.
        """
        return {}

    @classmethod
    def on_devices(cls, arguments: Mapping[str, Any], devices: Collection[str]) -> Mapping[str, Any]:
        """Return the arguments with what was left to the devices decided: once, for the whole of a run.

        Args:
            arguments: for the constructor.
            devices: where members are to train.
        """
        return arguments

    @property
    def idle(self) -> Mapping[str, str]:
        """Hyperparameters that other arguments would let evolve, each with the reason why these do not."""
        return {}

    def expect(self, total_steps: int) -> None:
        """Be told how many steps a member trains that lives to the end of the run, for schedules of one's own.

        Told in every process before `prepare` and `attach`; a run that is resumed with more steps tells the new number.
        """
        return

    def guard(self, health: Health) -> None:
        """Be told what to look at while members train, to end training early where it has gone wrong.

        Told in every process before `attach`. Whatever a trainer does with it, losses, weights and scores are looked at
        after every order; one that looks while it trains says so in `Training.diverged`.
        """
        return

    def check_space(self, space: Mapping[str, Domain]) -> None:
        """Raise ConfigError where hyperparameters cannot be evolved beside each other, though each could alone.

        One that only some values of a `Choice` read, say: a member that moved to another value would not use it.

        Args:
            space: all that are evolved, as the config has changed them.
        """
        return

    def together(self, members: int, device: str) -> int | None:
        """Return how many of a worker's members train fastest together on a device; None: a trial is to find it out.

        Asked of a prepared problem that has groups, in the main process, and only where the config leaves it open.
        """
        return None

    def prepare(self, folder: Path) -> None:
        """Put the files that all members depend on (trained scorers, say) into the run's own folder, once.

        Called in the main process before any training, also on resume: what is there already is kept.
        """
        return

    def rehearse(self, folder: Path) -> float:
        """Prepare a folder as for a run that is only predicted, and return the seconds that `prepare` would take more.

        What takes long need not be made: a stand-in will do that costs members as much when they train and are scored.
        """
        self.prepare(folder)
        return 0.0

    def reals(self, count: int) -> Images | None:
        """Return some images of the data, always the same ones, to be laid beside the samples."""
        return None

    def fingerprint(self) -> Mapping[str, str]:
        """Return digests of what a run depends on and a resume must find unchanged, such as the data.

        Asked of a prepared problem in the main process; `cards` and `reals` likewise.
        """
        return {}

    def cards(self) -> Mapping[str, Mapping[str, Any]]:
        """Return for each metric of `score` its card: what is shown beside the numbers, as JSON values.

        `short` is its name in tables, `name` that in full, `better` is `higher` (the default) or `lower`. Whatever else
        there is to know is shown as it is: formula, samples, reference, network, checksum.
        """
        return {}

    def as_task(self) -> "Problem":
        """Return this itself; what is no problem but can be made one, such as a ModuleTask, returns its adapter."""
        return self


class Task(Problem, Trainer):
    """A problem that is its own trainer: the short form, for what needs no device and keeps nothing on itself.

    Examples:
        >>> from pbt_gan.core.space import Float
        >>> class Walk(Task):
        ...     space = {"stride": Float(0.1, (0.0, 1.0))}
        ...     def init(self, rng):
        ...         return {"point": 0.0}
        ...     def train(self, state, hyperparams, steps, streams):
        ...         stride = hyperparams.get("stride", 0.1)
        ...         moves = streams(0).uniform(size=steps)  # block 0 of this order's random numbers
        ...         return Training({"point": state["point"] + stride * float(moves.sum())}, hyperparams)
        ...     def score(self, state, rng):
        ...         return {"score": state["point"]}
        >>> sorted(Walk().space)
        ['stride']
    """

    def attach(self, folder: Path, device: str) -> Trainer:
        """Make ready to train, and return this very task."""
        return self


class GroupTask(Task, GroupTrainer):
    """A task that trains several members in one program; see `GroupTrainer`."""

    groups = True


class TaskSource(Protocol):
    """A task, or what can be made into one."""

    def as_task(self) -> Problem:
        """Return the problem that it is, or that was made of it."""
        ...


@dataclass(frozen=True, slots=True)
class TaskReference:
    """Where a task comes from, so that a worker can build its own: a reference and plain arguments, no pickle."""

    name: str  # "module:name" or "file.py:name"
    arguments: Mapping[str, Any] = field(default_factory=dict)  # JSON values
    total_steps: int | None = None  # what the task is to expect; None: nobody knows
    health: Health = Health()  # what it is to look at

    # built with `references.load(name)(**arguments).as_task()`


class Executor(Protocol):
    """Says where members train. It has no queue: it is never given more orders than it has free slots."""

    def free_slots(self) -> int:
        """How many orders can be submitted now; it may vary, and be 0 for a while: workers come and go."""
        ...

    def submit(self, orders: Sequence[Order]) -> None:
        """Begin these orders. Each ends in exactly one Report or Failure."""
        ...

    def next_reports(self, timeout_s: float) -> list[Answer]:
        """Return all answers that are ready, sorted by member; wait at most `timeout_s` for the first.

        Where all orders take place elsewhere it also waits while none is under way, so that who asks need not hurry.
        """
        ...

    def remain(self, members: int) -> None:
        """Be told, after orders were submitted, how many members have steps left that nobody trains just now."""
        ...

    def usage(self) -> "Usage":
        """Return how long workers have trained, and waited for such members, until now; also once it is closed."""
        ...

    def stuck(self) -> bool:
        """Whether orders are under way and everybody who has one is silent: nothing will happen by itself."""
        ...

    def encoded(self, checkpoint: str) -> bytes | memoryview:
        """Return a kept state in the checkpoint codec."""
        ...

    def restore(self, checkpoint: str, data: bytes) -> None:
        """Take a state in, encoded, before the first order of a resumed run."""
        ...

    def keep(self, checkpoints: frozenset[str]) -> None:
        """Drop every state that is not named."""
        ...

    def close(self) -> None:
        """Stop at once; orders under way are lost. May be called twice."""
        ...


@dataclass(frozen=True, slots=True)
class Usage:
    """How long the workers of a run were at it, all together, as seconds of the wall clock."""

    busy_s: float = 0.0  # training and scoring
    waiting_s: float = 0.0  # free, though some member had steps left that nobody trained

    def __add__(self, other: "Usage") -> "Usage":
        """Return that of both."""
        return Usage(self.busy_s + other.busy_s, self.waiting_s + other.waiting_s)

    @property
    def waiting(self) -> float:
        """The share of the time in which they waited; 0 of nothing."""
        return self.waiting_s / ((self.busy_s + self.waiting_s) or 1.0)


class RunStore(Protocol):
    """The durable side of a run: the journal and the checkpoints on disk."""

    def append(self, records: Sequence[Record]) -> None:
        """Write records to the journal; one write, no fsync."""
        ...

    def commit(self, upto: int, encoded: Mapping[str, Callable[[], bytes | memoryview]], *, wait: bool) -> None:
        """Begin to make a cut durable: `upto` reports, and every checkpoint needed there; the caller keeps them alive.

        Checkpoints already on disk are not written again. With `wait` the commit is safe on return.
        """
        ...

    def poll(self) -> bool:
        """Finish a commit whose checkpoints have been written; True while one is still under way."""
        ...

    def close(self, ending: str, usage: Usage | None = None) -> None:
        """Note why the run ended and how its workers were used, and release it; a commit under way is given up."""
        ...


def _nobody(reason: str) -> None:
    """Where nothing trains there is nothing to stop."""


@dataclass(frozen=True, slots=True)
class Fallback:
    """A run went on although checkpoints of its last commit were damaged.

    From an older commit, if that was whole; else from what is left of the last one, and whoever's state was damaged
    took over another one.
    """

    damaged: Sequence[str]  # their keys
    upto: int  # reports that the commit covers from which it went on
    lost: int  # reports that only a newer one covered: they were trained again
    whole: bool = True  # whether everything that the commit names was there


@dataclass(frozen=True, slots=True)
class RunContext:
    """What a listener is told at the start of a run."""

    folder: Path | None
    config: Mapping[str, Any]  # the resolved configuration, JSON values
    cards: Mapping[str, Mapping[str, Any]]
    records: Sequence[Record]  # of the run so far, when it is resumed
    reals: Images | None
    total_orders: int  # of the whole run, by its plan
    workers: int = 1  # how many members, or groups of them, train side by side
    usage: Callable[[], Usage] = Usage  # of the workers since they began, at any moment
    fallback: Fallback | None = None  # where it does not go on from its last commit
    stop: Callable[[str], None] = _nobody  # ends the run soon, as a time limit would; the reason is for a person


@dataclass(frozen=True, slots=True)
class RunView:
    """A run as read from its folder: what tables, pictures, pages and comparisons are made from."""

    folder: Path
    run: Mapping[str, Any]  # the journal's `run` record: config, versions, fingerprint, cards, time
    records: Sequence[Record]  # the effective ones
    ending: str  # "finished", "running", or why it stopped
    fallbacks: Sequence[Fallback] = ()
    usage: Usage = field(default_factory=Usage)  # of its workers, as far as sessions have ended and said so

    @property
    def config(self) -> Mapping[str, Any]:
        """The resolved configuration."""
        config: Mapping[str, Any] = self.run["config"]
        return config

    @property
    def cards(self) -> Mapping[str, Mapping[str, Any]]:
        """The card of each metric."""
        cards: Mapping[str, Mapping[str, Any]] = self.run["cards"]
        return cards


class Listener(Protocol):
    """Watches a run. What it writes is derived from the journal; one that fails is dropped, never the run.

    One of your own is a subclass that overrides what it needs, often `record` alone, and is handed to `pbt_gan.run` as
    an object or a class, or named in the config. A class is called with the run's folder if it takes an argument. One
    that keeps the context of `start` can end the run: `context.stop("the disk is nearly full")`.

    Examples:
        >>> import pbt_gan
        >>> class Best(pbt_gan.Listener):
        ...     best = float("-inf")
        ...
        ...     def record(self, record, preview):
        ...         self.best = max(self.best, getattr(record, "score", self.best))  # only a report has a score
        >>> listener = Best()
        >>> size = {"population_size": 2, "total_steps": 10, "ready_interval": 5}
        >>> done = pbt_gan.run("quadratic", **size, listeners=[listener], quiet=True)
        >>> done.best.score == listener.best
        True
    """

    def __init__(self) -> None:  # said here, or a protocol makes up one that takes anything
        """Make a listener that needs nothing; the run's folder stands in the context that `start` is given."""
        return

    def start(self, context: RunContext) -> None:
        """The run begins, or goes on."""
        return

    def record(self, record: Record, preview: Images | None) -> None:
        """One record was journaled; a report comes with its preview."""
        return

    def flush(self) -> None:
        """A commit is about to be written."""
        return

    def close(self, ending: str) -> None:
        """The run ended: "finished", or why it stopped."""
        return
