"""What any strategy must do, whatever it decides: a policy, an exploit rule, an explore rule. Needs pytest."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pytest

from pbt_gan.config.settings import Config
from pbt_gan.config.source import merged
from pbt_gan.core.controller import Controller
from pbt_gan.core.lineage import History
from pbt_gan.core.plan import Comparison, Mode, Plan
from pbt_gan.core.population import Order
from pbt_gan.core.records import Answer, Measurement, Record, Report, from_json, timeless, to_json
from pbt_gan.core.rng import stream
from pbt_gan.core.state import State
from pbt_gan.engine import Stop
from pbt_gan.errors import ConfigError
from pbt_gan.interfaces import Images, Listener
from pbt_gan.runs.launch import go_on, start
from pbt_gan.runs.project import Project
from pbt_gan.store.reader import checkpoint_bytes, read_run
from pbt_gan.validation import validated

WAYS: tuple[tuple[Mode, Comparison], ...] = (("sync", "latest"), ("async", "latest"), ("async", "fair"))
"""The modes, and in the asynchronous one both comparisons, if the policy can do both."""

_SIZE, _STEPS, _INTERVAL = 6, 80, 10
_DIVERGED = 0.05  # of all scores
_CUTS = 3  # moments at which a walk is taken up again


class Walked(NamedTuple):
    """A plan carried out in which nothing was trained."""

    records: list[Record]
    cuts: list[int]  # how many records there were after each turn of the loop
    state: State


class Stopping(Listener):
    """Stops a run after so many records."""

    def __init__(self, stop: Stop, after: int) -> None:
        self._stop, self._left = stop, after

    def record(self, record: Record, preview: Images | None) -> None:
        self._left -= 1
        if not self._left:
            self._stop.reason = "enough"


class StrategyConformance:
    """What every strategy must do. Subclass it as `Test…`, and say what stands under `[pbt]` in a config.

    For example::

        class TestMine(StrategyConformance):
            pbt = {"policy": {"name": "mine.py:Mine", "patience": 2}}

    It is tried on a task that costs nothing, with scores that are noise, some of them none at all. Sizes and lengths
    that are named there take the place of the suite's own.
    """

    pbt: ClassVar[Mapping[str, Any]] = {}
    """Of the config."""
    task: ClassVar[str] = "quadratic"
    """What is trained where anything is."""

    @pytest.fixture
    def setting(self) -> Mapping[str, Any]:
        """Return the part of a config that the strategy is named in; a suite of many has a fixture with parameters."""
        return self.pbt

    @pytest.mark.parametrize(("mode", "comparison"), WAYS)
    def test_it_spends_the_budget_and_no_step_more(
        self, setting: Mapping[str, Any], mode: Mode, comparison: Comparison
    ) -> None:
        plan = self._plan(self._compared(setting, comparison), mode)
        trained = History.of(_walked(plan, diverged=0.0).records).member_steps
        assert trained == plan.member_steps, (
            f"All members trained {trained} steps of a budget of {plan.member_steps}: whoever retires leaves steps to "
            "others, in a phase of the plan, or to those who are born in its place."
        )

    @pytest.mark.parametrize(("mode", "comparison"), WAYS)
    def test_who_diverges_costs_nothing_more(
        self, setting: Mapping[str, Any], mode: Mode, comparison: Comparison
    ) -> None:
        plan = self._plan(self._compared(setting, comparison), mode)
        trained = History.of(_walked(plan, diverged=0.3).records).member_steps
        assert trained <= plan.member_steps, f"They trained {trained} steps of a budget of {plan.member_steps}."

    @pytest.mark.parametrize(("mode", "comparison"), WAYS)
    def test_from_any_moment_on_it_goes_on_as_it_would_have(
        self, setting: Mapping[str, Any], mode: Mode, comparison: Comparison
    ) -> None:
        plan = self._plan(self._compared(setting, comparison), mode)
        whole = _walked(plan)
        for cut in whole.cuts[1 :: max(len(whole.cuts) // _CUTS, 1)]:
            kept = [from_json(to_json(record)) for record in whole.records[:cut]]
            again = _walked(plan, Controller(plan).fold(kept))
            assert _comparable([*kept, *again.records]) == _comparable(whole.records), (
                f"Taken up again after {cut} records it decides otherwise: all that it must know later belongs into "
                "its memory, a JSON value, or follows from the view."
            )
            assert again.state == whole.state

    def test_who_is_fast_decides_nothing_where_all_wait_for_each_other(self, setting: Mapping[str, Any]) -> None:
        plan = self._plan(setting, "sync")
        alone, together = (_comparable(_walked(plan, slots=slots).records) for slots in (1, _SIZE))
        assert alone == together, "Synchronous decisions differ with the number of workers: does it draw from a stream "
        "of the run, and not from one of the member and its interval?"

    @pytest.mark.parametrize(("mode", "comparison"), WAYS)
    def test_a_run_that_was_stopped_ends_as_one_that_was_not(
        self, setting: Mapping[str, Any], mode: Mode, comparison: Comparison, tmp_path: Path
    ) -> None:
        setting = self._compared(setting, comparison)
        self._run(setting, mode, tmp_path / "whole")
        stop = Stop()
        config = self._config(setting, mode)
        ending = start(Project(config), tmp_path / "cut", stop=stop, listeners=lambda folder: [Stopping(stop, 17)])
        assert ending == "enough", f"The run was over ({ending}) before it could be stopped."
        assert go_on(tmp_path / "cut") == "finished"
        self._compare(tmp_path / "whole", tmp_path / "cut")

    def _compared(self, setting: Mapping[str, Any], comparison: Comparison) -> Mapping[str, Any]:
        """Return what is tried with a comparison; skip the test where the policy has one of its own, and says so."""
        compared = {**setting, "comparison": comparison} if comparison != "latest" else setting
        try:
            self._plan(compared, "async")
        except ConfigError as error:
            if comparison == "latest" or "pbt.comparison" not in str(error):
                raise
            pytest.skip(str(error))
        return compared

    def _run(self, setting: Mapping[str, Any], mode: Mode, folder: Path, **changes: Any) -> None:
        assert start(Project(self._config(setting, mode, **changes)), folder) == "finished"

    def _compare(self, one: Path, other: Path) -> None:
        """Hold two runs to being the same, weights included."""
        first, second = read_run(one), read_run(other)
        assert _comparable(first.records) == _comparable(second.records)
        history = History.of(first.records)
        for member, report in history.last.items():
            if member not in history.retirements:
                assert checkpoint_bytes(one, report.checkpoint) == checkpoint_bytes(other, report.checkpoint)

    def _plan(self, setting: Mapping[str, Any], mode: Mode) -> Plan:
        return Project(self._config(setting, mode)).plan

    def _config(self, setting: Mapping[str, Any], mode: Mode, **changes: Any) -> Config:
        lengths = {"population_size": _SIZE, "total_steps": _STEPS, "ready_interval": _INTERVAL, "mode": mode}
        if "population" in setting or "phases" in setting:
            del lengths["population_size"]
        usual = {"task": self.task, "executor": {"name": "serial"}, "pbt": lengths}
        return validated(Config, merged(merged(usual, {"pbt": setting}), changes))


def _walked(plan: Plan, state: State | None = None, slots: int = _SIZE, *, diverged: float = _DIVERGED) -> Walked:
    """Carry out a plan from a state on. Asynchronous members come one at a time, so that a state tells what follows."""
    controller = Controller(plan)
    state, records = controller.start(state or State())
    walked = Walked([*records], [], state)
    while not controller.done(state):
        walked.cuts.append(len(walked.records))
        state, orders = controller.ask(state, slots if plan.mode == "sync" else 1)
        state, news = controller.tell(state, [_answer(order, diverged) for order in orders])
        walked.records.extend(news)
    return walked._replace(state=state)


def _answer(order: Order, diverged: float) -> Answer:
    rng = stream(7, "score", order.member, order.interval, order.repeat)
    score = math.nan if rng.random() < diverged else float(rng.normal())
    if order.repeat:
        return Measurement(order.member, order.interval, order.repeat, score, {}, attempt=order.attempt)
    return Report.of(order, score=score, hyperparams=order.hyperparams, worker="suite")


def _comparable(records: Sequence[Record]) -> list[str]:
    """Return records without what may differ between equal runs, and without the order in which answers came."""
    return sorted(repr(sorted(timeless(record).items())) for record in records)
