"""The trainer of a module task: live parts, into which the state of one member after another is loaded."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from numpy.random import Generator

from pbt_gan import codec
from pbt_gan.core.population import Hyperparams
from pbt_gan.core.rng import stream
from pbt_gan.core.space import Domain, draw
from pbt_gan.errors import TaskError
from pbt_gan.interfaces import Health, Images, Streams, Trainer, Training, Tree
from pbt_gan.modules.bindings import Bindings
from pbt_gan.modules.handed import Handed, takes_hyperparams
from pbt_gan.modules.health import guarded
from pbt_gan.modules.parts import HYPERPARAMS, LiveParts, Parts
from pbt_gan.modules.task import ModuleTask
from pbt_gan.modules.watch import watched
from pbt_gan.randomness import seeded


class ModuleTrainer(Trainer):
    """Trains the parts of a module task.

    Args:
        task: has its folder and device.
        space: its domains.
        bindings: what they set; all of them are tried once.
        health: what is looked at while they train; None: the usual.

    Raises:
        TaskError: the task returns no parts, or a binding leads nowhere, or to a place that torch never reads.
    """

    def __init__(
        self, task: ModuleTask, space: Mapping[str, Domain], bindings: Bindings, health: Health | None = None
    ) -> None:
        self._task = task
        self._name = type(task).__name__
        self._space = space
        self._bindings = bindings
        self._health = health or Health()
        self._live = LiveParts(self._built, self._name)
        self._nets = tuple(self._live.nets)
        bindings.chains(self._live.parts)
        bindings.set(self._live.parts, draw(space, stream(0, "build", "try")))

    def init(self, rng: Generator) -> Tree:
        """Return the state of newly built parts, which are the live ones from then on."""
        self._live.renew(partial(self._built, rng))
        return self._new()

    def train(self, state: Tree, hyperparams: Hyperparams, steps: int, streams: Streams) -> Training:
        """Train from a state, with the values set; what acted is read back."""
        rng = streams(0)
        values = {**self._live.load(state), **hyperparams}
        parts, handed = self._live.parts, Handed(values)
        found = self._bindings.set(parts, values)
        self._live.train_mode()
        metrics: Any = None
        with watched(self._bindings.chains(parts)) as sights, seeded(rng), guarded(parts, self._health) as vigil:
            metrics = self._train(parts, steps, rng, handed)
        acted = {name: [value for sight in several for value in sight.values] for name, several in sights.items()}
        self._bindings.in_force(parts, values, found, acted)
        read = handed.asked - self._bindings.setters.keys()  # of what is bound, the place counts and not the mapping
        shown = self._metrics("train", metrics if metrics is not None else {})
        return Training(
            self._live.capture(values),
            {name: values[name] for name in hyperparams},
            shown,
            images=int(shown.pop("images", 0)),
            unverified=tuple(name for name in hyperparams if not acted.get(name) and name not in read),
            diverged=vigil.diverged,
        )

    def score(self, state: Tree, rng: Generator) -> Mapping[str, float]:
        """Measure a state, with the hyperparameters that it was trained with."""
        with self._shown(state, rng) as parts:
            measured = self._metrics("evaluate", self._task.evaluate(parts, rng))
        if "score" not in measured:
            raise TaskError(
                f"{self._name}.evaluate returned {sorted(measured)}, but no 'score'; "
                "that entry is what exploit ranks by, higher is better."
            )
        return measured

    def preview(self, state: Tree, rng: Generator) -> Images | None:
        """Return the task's own pictures."""
        if type(self._task).preview is ModuleTask.preview:
            return None  # a state need not be loaded for that
        with self._shown(state, rng) as parts:
            return self._task.preview(parts, rng)

    def sample(self, state: Tree, count: int, rng: Generator) -> Images | None:
        """Return the task's own pictures."""
        with self._shown(state, rng) as parts:
            return self._task.sample(parts, count, rng)

    def adopt(self, state: Tree) -> Tree:
        """Return a state made of `{part: state_dict}`; optimisers and the like that are not there are new.

        For example `trainer.adopt({"net": torch.load("pretrained.pt", weights_only=True)})`; the state dicts stay the
        caller's. Hyperparameters are those of the state, if it is one of this task's own, else what `build` gave.

        Raises:
            TaskError: it has a part that `build` does not return, or lacks a net, or a part does not take it.
        """
        if not isinstance(state, Mapping):
            raise TaskError(f"{self._name}: a state to adopt is {{part: state_dict}}, not a {type(state).__name__}.")
        self._live.renew(self._built)  # what is missing is new, not what the last member left behind
        whole = self._live.completed(state, self._new())
        return self._live.capture(self._live.load(codec.clone(whole), "Was it made by other nets?"))

    def export(self, state: Tree) -> Tree:
        """Return the nets' state dicts by their parts: `net.load_state_dict(trainer.export(state)["net"])`."""
        return codec.clone({name: state[name] for name in self._nets})

    def weights_of(self, state: Tree) -> Tree:
        """Return the nets' state dicts by their parts."""
        return {name: state[name] for name in self._nets}

    def parts(self, state: Tree) -> Parts:
        """Return new parts with a member's state, its hyperparameters set, and in evaluation mode."""
        self._live.give_away()
        with self._shown(state, stream(0, "build")):
            return self._live.give_away()  # they are the caller's

    def changed(self, state: Tree) -> Tree:
        """Return what became of a state in the live parts, into which it was loaded last: an equal one, one hopes."""
        return self._live.capture(state[HYPERPARAMS])

    def _train(self, parts: Parts, steps: int, rng: Generator, handed: Handed) -> Any:
        train: Callable[..., Any] = self._task.train
        if takes_hyperparams(train):
            return train(parts, steps, rng, hyperparams=handed)
        return train(parts, steps, rng)

    def _built(self, rng: Generator | None = None) -> Any:
        rng = stream(0, "build") if rng is None else rng
        with seeded(rng):
            return self._task.build(rng)

    def _new(self) -> Tree:
        """Return the state of the live parts, which were just built."""
        return self._live.capture(self._bindings.born(self._live.parts, self._space))

    @contextmanager
    def _shown(self, state: Tree, rng: Generator) -> Iterator[Parts]:
        """Show a state, which is not to change, in the live parts and evaluation mode."""
        values = self._live.load(codec.clone(state))
        self._bindings.set(self._live.parts, values)
        self._live.eval_mode()
        with seeded(rng):
            yield self._live.parts

    def _metrics(self, method: str, metrics: Any) -> dict[str, float]:
        if not isinstance(metrics, Mapping):
            raise TaskError(
                f"{self._name}.{method} returned a {type(metrics).__name__}; return numbers by their names, such as "
                '{"score": 0.9}.'
            )
        return dict(metrics)
