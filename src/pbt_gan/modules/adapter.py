"""The adapter: a module task as a Task."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy.random import Generator

from pbt_gan import codec
from pbt_gan.core.population import Hyperparams
from pbt_gan.core.rng import stream
from pbt_gan.core.space import Domain, draw
from pbt_gan.errors import TaskError
from pbt_gan.interfaces import Images, Streams, Task, Trainer, Training, Tree
from pbt_gan.modules.bindings import Bindings, fixed
from pbt_gan.modules.generators import seeded
from pbt_gan.modules.parts import LiveParts, Parts
from pbt_gan.modules.task import ModuleTask


class ModuleAdapter(Task):
    """Trains the parts of a module task.

    Raises:
        ConfigError: its space and its bindings contradict each other or themselves.
    """

    _live: LiveParts | None = None

    def __init__(self, task: ModuleTask) -> None:
        self.task = task
        self._name = type(task).__name__
        self._space = dict(task.space)
        for name, domain in self._space.items():
            domain.check(name)
        self._bindings = Bindings.of(self._name, self._space, task.bindings)

    @property
    def space(self) -> Mapping[str, Domain]:
        """The task's own."""
        return self._space

    def arguments(self) -> Mapping[str, Any]:
        """Return the task's own."""
        return self.task.arguments()

    def prepare(self, folder: Path) -> None:
        """Let the task prepare the folder."""
        self.task.folder = folder
        self.task.prepare(folder)

    def attach(self, folder: Path, device: str) -> Trainer:
        """Build parts on the device, and try every binding on them, so that a wrong one is told before any training.

        Raises:
            TaskError: the task returns no parts, or a binding leads nowhere.
        """
        self.task.folder, self.task.device = folder, device
        self._live = self._built(stream(0, "build"))
        self._bindings.set(self._live.parts, draw(self._space, stream(0, "build", "try")))
        return self

    def init(self, rng: Generator) -> Tree:
        """Return the state of newly built parts, which are the live ones from then on."""
        self._live = None  # never two sets at once
        self._live = self._built(rng)
        return self._live.capture({**self._bindings.read(self._live.parts), **fixed(self._space)})

    def train(self, state: Tree, hyperparams: Hyperparams, steps: int, streams: Streams) -> Training:
        """Train from a state, with the values set; they are read back afterwards."""
        rng = streams(0)
        live, values = self._loaded(state, hyperparams)
        found = self._bindings.set(live.parts, values)
        live.train_mode()
        with seeded(rng):
            metrics = self.task.train(live.parts, steps, rng)
        values = self._bindings.in_force(live.parts, values, found)
        told = self._metrics("train", metrics if metrics is not None else {})
        images = int(told.pop("images", 0))
        return Training(live.capture(values), {name: values[name] for name in hyperparams}, told, images)

    def score(self, state: Tree, rng: Generator) -> Mapping[str, float]:
        """Measure a state, with the hyperparameters that it was trained with."""
        with self._shown(state, rng) as parts:
            measured = self._metrics("evaluate", self.task.evaluate(parts, rng))
        if "score" not in measured:
            raise TaskError(
                f"{self._name}.evaluate returned {sorted(measured)}, but no 'score'; "
                "that entry is what exploit ranks by, higher is better."
            )
        return measured

    def preview(self, state: Tree, rng: Generator) -> Images | None:
        """Return the task's own pictures."""
        if type(self.task).preview is ModuleTask.preview:
            return None  # a state need not be loaded for that
        with self._shown(state, rng) as parts:
            return self.task.preview(parts, rng)

    def sample(self, state: Tree, count: int, rng: Generator) -> Images | None:
        """Return the task's own pictures."""
        with self._shown(state, rng) as parts:
            return self.task.sample(parts, count, rng)

    def fingerprint(self) -> Mapping[str, str]:
        """Return the task's own."""
        return self.task.fingerprint()

    def cards(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the task's own."""
        return self.task.cards()

    def parts(self, state: Tree) -> Parts:
        """Return new parts with a member's state, its hyperparameters set, and in evaluation mode."""
        self._live = None
        with self._shown(state, stream(0, "build")) as parts:
            self._live = None  # they are the caller's
            return parts

    def changed(self, state: Tree) -> Tree:
        """Return what became of a state in the live parts, into which it was loaded last: an equal one, one hopes."""
        assert self._live is not None
        return self._live.capture(state["_hyperparams"])

    def _built(self, rng: Generator) -> LiveParts:
        with seeded(rng):
            return LiveParts(self.task.build(rng), self._name)

    def _loaded(self, state: Tree, hyperparams: Hyperparams) -> tuple[LiveParts, Hyperparams]:
        """Load a state into the live parts; return them, and the values of all hyperparameters."""
        if self._live is None:
            self._live = self._built(stream(0, "build"))
        then = self._live.load(state)
        return self._live, {**then, **hyperparams}

    @contextmanager
    def _shown(self, state: Tree, rng: Generator) -> Iterator[Parts]:
        """Show a state, which is not to change, in the live parts and evaluation mode."""
        live, values = self._loaded(codec.clone(state), {})
        self._bindings.set(live.parts, values)
        live.eval_mode()
        with seeded(rng):
            yield live.parts

    def _metrics(self, method: str, metrics: Any) -> dict[str, float]:
        if not isinstance(metrics, Mapping):
            raise TaskError(
                f"{self._name}.{method} returned a {type(metrics).__name__}; return numbers by their names, such as "
                '{"score": 0.9}.'
            )
        return dict(metrics)
