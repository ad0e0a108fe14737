"""The adapter: a module task as a Problem."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pbt_gan.core.space import Domain
from pbt_gan.interfaces import Health, Problem, Trainer
from pbt_gan.modules.bindings import Bindings
from pbt_gan.modules.handed import takes_hyperparams
from pbt_gan.modules.task import ModuleTask
from pbt_gan.modules.trainer import ModuleTrainer


class ModuleAdapter(Problem):
    """What is known of a module task before there are parts.

    Raises:
        ConfigError: its space and its bindings contradict each other or themselves.
    """

    def __init__(self, task: ModuleTask) -> None:
        self.task = task
        self._space = dict(task.space)
        for name, domain in self._space.items():
            domain.check(name)
        handed = takes_hyperparams(task.train)
        self._health = Health()
        self._bindings = Bindings.of(type(task).__name__, self._space, task.bindings, handed=handed)

    @property
    def space(self) -> Mapping[str, Domain]:
        """The task's own."""
        return self._space

    @property
    def components(self) -> Mapping[str, Sequence[str]]:
        """The task's own."""
        return self.task.components

    def check_space(self, space: Mapping[str, Domain]) -> None:
        """Let the task refuse what does not go together."""
        self.task.check_space(space)

    def arguments(self) -> Mapping[str, Any]:
        """Return the task's own."""
        return self.task.arguments()

    def expect(self, total_steps: int) -> None:
        """Tell the task."""
        self.task.total_steps = total_steps

    def guard(self, health: Health) -> None:
        """Remember what the trainer is to look at."""
        self._health = health

    def prepare(self, folder: Path) -> None:
        """Let the task prepare the folder."""
        self.task.folder = folder
        self.task.prepare(folder)

    def attach(self, folder: Path, device: str) -> Trainer:
        """Build parts on the device, and try every binding on them, so that a wrong one is told before any training.

        Raises:
            TaskError: the task returns no parts, or a binding leads nowhere, or to a place that torch never reads.
        """
        self.task.folder, self.task.device = folder, device
        return ModuleTrainer(self.task, self._space, self._bindings, self._health)

    def fingerprint(self) -> Mapping[str, str]:
        """Return the task's own."""
        return self.task.fingerprint()

    def cards(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the task's own."""
        return self.task.cards()
