"""A run ends at a goal, and goes on to another one."""

import json
from pathlib import Path
from typing import Any

import pytest

import pbt_gan
from pbt_gan.config.settings import Config
from pbt_gan.config.source import merged
from pbt_gan.core.records import Exploit, Report, timeless
from pbt_gan.core.stopping import Progress
from pbt_gan.engine import Stop
from pbt_gan.errors import ConfigError, TaskError
from pbt_gan.runs.launch import go_on, left_alone, start
from pbt_gan.runs.project import Project
from pbt_gan.runs.replay import replay_config
from pbt_gan.runs.result import Run
from pbt_gan.store.journal import path_of
from pbt_gan.studies.experiment.plan import read_experiment
from pbt_gan.validation import validated

TOY: dict[str, Any] = {
    "task": "quadratic",
    "pbt": {"population_size": 3, "total_steps": 60, "ready_interval": 10, "score_interval": 5, "exploit": "none"},
    "executor": {"name": "serial", "workers": 1},
    "checkpoints": {"every_s": 0.0},
}


def config(**changes) -> Config:
    return validated(Config, merged(TOY, changes))


def decided(folder: Path) -> list[str]:
    return sorted(str(timeless(r)) for r in Run.open(folder).records() if isinstance(r, Report | Exploit))


def places(folder: Path) -> set[int]:
    return {report.trained_steps for report in Run.open(folder).history.last.values()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("goals") / "whole"
    start(Project(config()), folder)
    return folder


def best_at(folder: Path, place: int) -> float:
    return max(report.score for report in Run.open(folder).history.reports if report.trained_steps <= place)


def test_a_run_that_has_reached_its_goal_is_left_alone_until_it_has_another_one(tmp_path, whole):
    goal = {"stop": {"score": best_at(whole, 25)}}
    ending = start(Project(config(**goal)), tmp_path)
    assert ending.startswith("stop.score = ")
    assert Run.open(tmp_path).ending == ending
    assert places(tmp_path) == {30}  # the next place where all are decided about together
    before = path_of(tmp_path).read_bytes()
    assert left_alone(go_on(tmp_path))
    assert left_alone(go_on(tmp_path, config(**goal)))
    assert path_of(tmp_path).read_bytes() == before
    assert go_on(tmp_path, change={"stop": {"score": best_at(whole, 45)}}).startswith("stop.score")
    assert places(tmp_path) == {50}
    assert go_on(tmp_path, change={"stop": {"score": "off"}}) == "finished"
    assert decided(tmp_path) == decided(whole)


def test_a_goal_that_was_reached_in_the_past_by_another_measure_ends_a_run_only_where_it_stands(tmp_path, whole):
    start(Project(config(stop={"images": 10**9})), tmp_path, stop=Stop("enough"))
    assert go_on(tmp_path, change={"stop": {"images": "off", "patience": 6}}) == "finished"
    assert decided(tmp_path) == decided(whole)


def test_a_run_that_was_killed_right_before_it_would_have_ended_ends_when_it_goes_on(tmp_path, whole):
    goal = {"stop": {"score": best_at(whole, 25)}}
    ending = start(Project(config(**goal)), tmp_path)
    path = path_of(tmp_path)
    *lines, end = path.read_bytes().splitlines(keepends=True)
    assert json.loads(end)["type"] == "end"
    path.write_bytes(b"".join(lines))
    assert go_on(tmp_path) == ending
    assert places(tmp_path) == {30}
    assert Run.open(tmp_path).ending == ending


def test_an_asynchronous_run_ends_with_the_report_that_reaches_the_goal(tmp_path, whole):
    goal = best_at(whole, 15)
    ending = start(Project(config(pbt={"mode": "async"}, stop={"score": goal})), tmp_path)
    assert ending.startswith("stop.score")
    *_, last = Run.open(tmp_path).history.in_time
    assert last.score >= goal
    assert max(report.score for report in Run.open(tmp_path).history.in_time[:-1]) < goal


def test_cost_patience_and_a_plan_that_ends_first(tmp_path):
    assert start(Project(config(stop={"cost_s": 1e-9})), tmp_path / "cost").startswith("stop.cost_s = 1e-09: ")
    assert places(tmp_path / "cost") == {10}
    still = {"task": "quadratic", "space": {"h0": 0.0, "h1": 0.0}}
    assert "2 ready intervals" in start(Project(config(**still, stop={"patience": 2})), tmp_path / "patience")
    assert places(tmp_path / "patience") == {30}
    assert start(Project(config(stop={"score": 1e9, "patience": 99})), tmp_path / "plan") == "finished"


def three_reports(run: Progress) -> str:
    return "three reports" if sum(isinstance(each, Report) for each in run.records) >= 3 else ""


def broken(run: Progress) -> bool:
    return run.best.score > 0  # type: ignore[union-attr]  # there is none yet


@pytest.mark.slow
def test_rules_of_ones_own_by_name_or_as_an_object(tmp_path):
    name = f"{Path(__file__)}:three_reports"
    named = pbt_gan.run(**TOY, stop=three_reports, out=tmp_path / "named", quiet=True)
    assert named.ending == "stop.rule: three reports"
    assert named.config["stop"] == {"rule": f"{__name__}:three_reports"}
    assert start(Project(config(stop=name)), tmp_path / "file") == "stop.rule: three reports"
    calls = []
    free = pbt_gan.run(**TOY, stop=lambda run: calls.append(run) or len(run.records) > 3, quiet=True)  # type: ignore[func-returns-value]
    assert free.ending == "stop.rule: it returned true"
    assert calls
    beside = pbt_gan.run(**TOY, stop={"score": -1e9, "rule": lambda run: False}, quiet=True)
    assert beside.ending.startswith("stop.score")
    assert beside.config["stop"] == {"score": -1e9}


def test_a_rule_that_raises_ends_the_run_after_what_was_done_is_safe(tmp_path):
    with pytest.raises(TaskError, match=r"stop\.rule raised AttributeError.*test_goals\.py, line \d+, and resume"):
        start(Project(config(stop=f"{Path(__file__)}:broken")), tmp_path)
    assert Run.open(tmp_path).ending == "error"
    assert go_on(tmp_path, change={"stop": "off"}) == "finished"


def test_a_listener_ends_a_run_which_then_goes_on(tmp_path, whole):
    class Enough(pbt_gan.Listener):
        def start(self, context):
            self.context = context

        def record(self, record, preview):
            if isinstance(record, Report):
                self.context.stop("I have\n seen enough")

    ending = start(Project(config()), tmp_path, listeners=lambda folder: [Enough()])
    assert ending == "listener: I have seen enough"
    assert go_on(tmp_path) == "finished"
    assert decided(tmp_path) == decided(whole)
    assert pbt_gan.run(**TOY, listeners=[Enough()], quiet=True).ending == ending


@pytest.mark.slow
def test_a_time_limit_in_python(tmp_path):
    assert pbt_gan.run(**TOY, max_time=1e-6, quiet=True).ending == "time limit"
    assert pbt_gan.run(**TOY, max_time="8h", out=tmp_path / "run", quiet=True).ending == "finished"
    for wrong in ("8", 0, -1.0, True, float("nan")):
        with pytest.raises(ConfigError, match="max_time"):
            pbt_gan.run(**TOY, max_time=wrong, quiet=True)


@pytest.mark.parametrize(
    ("stop", "said"),
    [
        ({"patience": 0}, "stop.patience = 0"),
        ({"score": float("nan")}, "stop.score = nan"),
        ({"cost_s": "2 hours"}, "stop.cost_s 2 hours: write a number and s, m, h or d"),
        ({"images": 0}, "stop.images = 0"),
        ("enough", r"stop.rule = 'enough': name a function of your own"),
        ({"time": 5}, "stop.time is not a setting"),
        ("nowhere.py:enough", "nowhere.py does not exist"),
        (5, "stop = 5"),
    ],
)
def test_goals_that_make_no_sense_are_told_before_anything_is_trained(stop, said):
    with pytest.raises(ConfigError, match=said):
        Project(config(stop=stop))


def test_a_cost_is_a_number_of_seconds_or_a_time():
    for cost in (5400, "1.5h"):
        found = config(stop={"cost_s": cost}).stop
        assert found is not None
        assert found.cost_s == 5400


def test_what_must_cost_the_same_or_be_the_same_has_no_goals(tmp_path, whole):
    with pytest.raises(ConfigError, match=r"leave the table \[stop\] out"):
        read_experiment("quadratic", [{"stop": {"patience": 2}}])
    start(Project(config(stop={"score": -1e9})), tmp_path)
    assert replay_config(Run.open(tmp_path)).stop is None
