"""A configuration made ready: everything that can be wrong with it has been told before it is trained."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pbt_gan.config.domains import build_space
from pbt_gan.config.executors import EXECUTORS
from pbt_gan.config.limits import check_limits
from pbt_gan.config.objects import (
    build_executor,
    build_plan,
    build_task,
    check_devices,
    goals,
    listener_makers,
    on_devices,
    resolve,
    task_reference,
)
from pbt_gan.config.population import remarks
from pbt_gan.config.settings import Config
from pbt_gan.core.controller import Controller
from pbt_gan.core.records import Record
from pbt_gan.core.stopping import Rule, Stopping
from pbt_gan.executors.work import attached, building
from pbt_gan.interfaces import Executor, Problem
from pbt_gan.runs.first_state import first_checkpoints, located
from pbt_gan.runs.folder import scorers
from pbt_gan.runs.groups import check_groups, decided, group_of

log = logging.getLogger(__name__)


class Project:
    """A configuration made ready: everything that can be wrong with it has been told before this exists.

    Args:
        config: what to train.
        task: an object of this program, to be trained in it; None: what the config names.
    """

    def __init__(self, config: Config, task: Problem | None = None) -> None:
        config = on_devices(located(config))
        self.reference = task_reference(config)
        self.task = task if task is not None else build_task(self.reference)
        space = build_space(config, self.task)
        self.config = resolve(config, self.task, space)
        for remark in remarks(config.pbt, self.config.pbt):
            log.warning("%s", remark)
        self.plan = build_plan(self.config, space, self.task.components)
        self.task.expect(self.plan.last_step)
        self.task.guard(config.health.plain())
        self.controller = Controller(self.plan)
        self.listener_makers = listener_makers(self.config)
        goals(self.config)
        check_devices(self.config)
        check_limits(self.config)
        check_groups(self.config, self.task)

    @property
    def total_orders(self) -> int:
        """How many orders the whole run takes: retirements and births by the plan's phases are in it."""
        return self.plan.member_steps // self.plan.score_interval

    def stopping(self, rule: Rule | None, records: Sequence[Record] = ()) -> Stopping:
        """Return what knows when the run has reached a goal.

        Args:
            rule: an object of this program; None: the one that the configuration names, if it names one.
            records: of the run so far.
        """
        stopping = Stopping(goals(self.config, rule), self.plan.mode, self.plan.ready_interval)
        stopping.follow(records)
        return stopping

    def prepare(self, folder: Path) -> None:
        """Put what all members depend on into the run's folder, and decide what was left to a trial."""
        self.task.prepare(scorers(folder))
        self._decide(folder)

    def first_checkpoints(self, folder: Path) -> Mapping[str, bytes]:
        """Return what all members begin with, by its key, where they begin with no states of their own.

        The folder is prepared.

        Raises:
            ConfigError, RunFolderError, DamageError: it is not there any more, or does not fit to what is trained here.
        """
        if self.config.pbt.start_from is None:
            return {}
        with building("This process"):
            return first_checkpoints(self.config, attached(self.task, scorers(folder), "cpu"))

    def rehearse(self, folder: Path) -> float:
        """Prepare a folder for predictions only; return the seconds that preparing a run will take more."""
        seconds = self.task.rehearse(scorers(folder))
        self._decide(folder)
        return seconds

    def _decide(self, folder: Path) -> None:
        # Who measures is known now, and a resume has to use the same.
        metrics = self.task.arguments().get("metrics", self.config.metrics)
        config = self.config.model_copy(update={"metrics": metrics})
        self.config = decided(config, self.task, self.plan.space, scorers(folder))

    def executor(self, folder: Path) -> Executor:
        """Start the workers; the project is prepared."""
        # In this process nothing is built, and no data read, a second time.
        here = EXECUTORS[self.config.executor.name].here
        source = self.task if here else replace(self.reference, total_steps=self.plan.last_step)
        return build_executor(self.config, source, scorers(folder), group_of(self.config))
