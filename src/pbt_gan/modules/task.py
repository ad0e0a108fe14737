"""The module task: what a person writes to have their ordinary PyTorch trained by a population."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from numpy.random import Generator

from pbt_gan.core.space import Domain
from pbt_gan.interfaces import Images, Problem
from pbt_gan.modules.parts import Parts

Setter = Callable[[Parts, Any], None]
Getter = Callable[[Parts], Any]
Binding = str | Setter | tuple[Setter, Getter]
"""A path such as "optimiser.lr" or "net.2.p"; or a setter; or a setter and a getter.

For example `lambda parts, value: parts["net"].set_temperature(value)`.
"""


class ModuleTask(ABC):
    """PBT around a PyTorch model of your own: its parts, how they are trained, and what the hyperparameters set.

    For example::

        class Classifier(pbt_gan.ModuleTask):
            space = {"lr": Float(Range(1e-4, 1e-1), (1e-6, 1.0), "log"), "dropout": Float(0.1, (0.0, 0.6))}
            bindings = {"lr": "optimiser.lr", "dropout": "net.2.p"}

            def build(self, rng):
                net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 10))
                return {"net": net, "optimiser": torch.optim.AdamW(net.parameters())}

            def train(self, parts, steps, rng):
                for x, y in batches(steps, rng):
                    parts["optimiser"].zero_grad()
                    nn.functional.cross_entropy(parts["net"](x), y).backward()
                    parts["optimiser"].step()

            def evaluate(self, parts, rng):
                return {"score": -nn.functional.cross_entropy(parts["net"](VALIDATION.x), VALIDATION.y).item()}

        run = pbt_gan.run(Classifier, population_size=8, total_steps=400, ready_interval=50, out="runs/mine")
        net = run.parts("best")["net"]

    A worker has one live set of parts, and every order loads a member's state into them: keep no other state, and in
    particular none on `self`. `pbt_gan.testing.TaskConformance` holds a task to that.

    While a method runs, the global generators of torch, NumPy and Python are seeded for this member and order, so
    dropout, `torch.randn` and shuffling give equal numbers wherever the member trains; `rng` is one more generator.
    Modules are in the mode that `build` left them in while `train` runs, and in evaluation mode otherwise; gradients
    are cleared before each call.

    A hyperparameter that a run does not evolve has the `init` of its domain, where that is one value, and else what
    `build` gave it.
    """

    space: Mapping[str, Domain] = MappingProxyType({})
    """Every scalar that may be evolved; each one has a binding, unless `train` is handed the values."""

    bindings: Mapping[str, Binding] = MappingProxyType({})
    """What each hyperparameter sets, before every order and in this one place:

    - A path: `"net.2.p"`, an attribute of a layer; `"optimiser.lr"`, of all parameter groups of an optimiser, and
      `"optimiser.0.lr"` of the first; `"optimiser.betas.0"`, an element of a tuple; a buffer of one number is filled.
    - A function `setter(parts, value)`; what it has set is taken on trust, nothing can be read back.
    - A pair `(setter, getter)`, the second of which reads the value back from the parts.

    A value is read back when it was set and after the last step, and must not have changed. Paths to what torch reads
    are watched besides while `train` runs: what acted in the last step is what a report says. Everything else is named
    there as unverified. A path to what torch never reads, such as `"scheduler.base_lrs.0"` of a StepLR, is refused;
    where a scheduler moves the learning rate, bind what it reads at each step: `"scheduler.base_lrs.0"` of a
    LambdaLR, `"scheduler.gamma"` of an ExponentialLR.
    """

    components: Mapping[str, Sequence[str]] = MappingProxyType({})
    """What a member may copy by itself: a name, and the parts that go over, such as a net and its optimiser.

    For example `{"critic": ["critic", "critic_optimiser"]}`, for `pbt.exploit.copies = ["critic"]`.
    """

    device: str = "cpu"
    """Where to put nets and data, such as "cpu" or "cuda:0"; set before anything is built."""

    folder: Path
    """What `prepare` has filled; set before anything is built."""

    total_steps: int
    """How many steps a member trains that lives to the end of the run; set before anything is built.

    A run that is resumed with more steps is told the new number. A scheduler's `state_dict` holds its old one: take a
    LambdaLR whose function reads `self.total_steps`, or set the number in `train`.
    """

    @abstractmethod
    def build(self, rng: Generator) -> Parts:
        """Return new parts by name: nets, optimisers, schedulers, scalers, all that has a state which training changes.

        Called for every new member, and once more in each worker.
        """

    @abstractmethod
    def train(self, parts: Parts, steps: int, rng: Generator) -> Mapping[str, float] | None:
        """Train the parts for `steps` steps; may return metrics, of which `images` counts the examples seen.

        One that has a further argument `hyperparams` is handed a mapping of all their values, evolved or not. It is for
        what no part has, such as a batch size: that needs no binding, and is verified where it was asked for. Not
        evolved, it has its `init`, or the middle of that where it is no one value.
        """

    @abstractmethod
    def evaluate(self, parts: Parts, rng: Generator) -> Mapping[str, float]:
        """Measure the parts and change nothing: `score` is what exploit ranks by, higher is better.

        One that is not finite means that the member has diverged. A `held_out`, measured on other data, judges the best
        member and never selects. Every member is measured with an equal `rng`.
        """

    def preview(self, parts: Parts, rng: Generator) -> Images | None:
        """Return sample images, uint8[N, H, W, C], always from the same latents; None: this task has no pictures."""
        return None

    def sample(self, parts: Parts, count: int, rng: Generator) -> Images | None:
        """Return `count` images from fresh latents; None: this task has no pictures."""
        return None

    def check_space(self, space: Mapping[str, Domain]) -> None:
        """Raise ConfigError where hyperparameters cannot be evolved beside each other; see `Problem.check_space`."""
        return

    def prepare(self, folder: Path) -> None:
        """Put files that all members depend on into the run's own folder, once; what is there already is kept."""
        return

    def fingerprint(self) -> Mapping[str, str]:
        """Return digests of what a run depends on and a resume must find unchanged, such as the data."""
        return {}

    def arguments(self) -> Mapping[str, Any]:
        """Return the arguments that build an equal task, as `Task.arguments` does."""
        return {}

    def cards(self) -> Mapping[str, Mapping[str, Any]]:
        """Return for each metric what it is; it is shown beside the numbers."""
        own = {"formula": f"what {type(self).__name__}.evaluate returns", "better": "higher"}
        return {
            "score": {"name": "the task's own score", **own, "used_for": "selection"},
            "held_out": {
                "short": "held-out score",
                "name": "the task's own held-out score",
                **own,
                "used_for": "judging only (held out)",
            },
        }

    def as_task(self) -> Problem:
        """Return the adapter with which executors train this.

        Raises:
            ConfigError: `space` and `bindings` contradict each other or themselves.
        """
        from pbt_gan.modules.adapter import ModuleAdapter

        return ModuleAdapter(self)
