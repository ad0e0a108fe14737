"""A population that is given another size while its run goes on."""

import json
from pathlib import Path
from typing import Any

import pytest

import pbt_gan
from pbt_gan.config.settings import Config
from pbt_gan.config.source import merged
from pbt_gan.core.records import Birth, Report, Retire, timeless
from pbt_gan.engine import Stop
from pbt_gan.errors import ConfigError, RunFolderError
from pbt_gan.reporting.page import write_page
from pbt_gan.reporting.plots import lineage
from pbt_gan.runs.launch import go_on, start
from pbt_gan.runs.project import Project
from pbt_gan.runs.result import Run
from pbt_gan.store.journal import path_of
from pbt_gan.store.reader import read_run
from pbt_gan.toy.quadratic import Quadratic
from pbt_gan.validation import validated

TOY: dict[str, Any] = {
    "task": "quadratic",
    "pbt": {"population_size": 4, "total_steps": 100, "ready_interval": 10, "score_interval": 5},
    "executor": {"name": "serial", "workers": 1},
    "checkpoints": {"every_s": 0.0},
}


def config(**changes) -> Config:
    return validated(Config, merged(TOY, changes))


class After(pbt_gan.Listener):
    """Stops a run after so many reports more."""

    def __init__(self, count: int) -> None:
        self._count = count

    def start(self, context):
        self._context = context

    def record(self, record, preview):
        self._count -= isinstance(record, Report)
        if self._count <= 0:
            self._context.stop("enough")


def after(count: int) -> Any:
    return lambda folder: [After(count)]


def begun(folder: Path, count: int, **changes) -> Path:
    assert start(Project(config(**changes)), folder, listeners=after(count)) == "listener: enough"
    return folder


def decided(folder: Path) -> list[str]:
    return sorted(str(timeless(record)) for record in Run.open(folder).records())


def phases(folder: Path) -> list[tuple[int, int]]:
    return [(each["begins"], each["members"]) for each in Run.open(folder).config["pbt"]["phases"]]


def check(folder: Path, members: int) -> Run:
    """Check what is true of every finished run."""
    run = Run.open(folder)
    plan = Project(validated(Config, run.config)).plan
    history = run.history
    born = [record.member for record in run.records() if isinstance(record, Birth)]
    gone = [record.member for record in run.records() if isinstance(record, Retire)]
    assert run.ending == "finished"
    assert len(born) == len(set(born))
    assert len(born) - len(gone) == len(history.living) == members
    assert {report.trained_steps for report in history.living.values()} == {plan.total_steps}
    assert history.member_steps == plan.member_steps
    assert len(history.reports) == Project(validated(Config, run.config)).total_orders
    return run


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_several_times_in_a_row_to_one_and_to_four_times_as_many(tmp_path, mode):
    folder = begun(tmp_path, 9, pbt={"mode": mode})
    for population, count in ((6, 20), (1, 12), (4, 9)):
        assert go_on(folder, population=population, listeners=after(count)) == "listener: enough"
    assert [members for _, members in phases(folder)] == [6, 1, 4]
    assert go_on(folder) == "finished"
    run = check(folder, 4)
    score = {(record.member, record.interval): record.score for record in run.history.reports}
    gone = [score[record.member, record.interval] for record in run.history.retirements.values()]
    assert len(gone) == 5
    branches = [birth for birth in run.history.births.values() if birth.trained_steps]
    assert len(branches) == 5
    assert all(birth.origin.startswith("of member") and birth.sources for birth in branches)


@pytest.mark.slow
def test_it_is_the_run_that_had_this_plan_from_the_start(tmp_path):
    folder = begun(tmp_path / "resized", 9)
    go_on(folder, population=8, stop=Stop("at once"))
    lines = path_of(folder).read_bytes().splitlines(keepends=True)
    (resumed,) = (number for number, line in enumerate(lines, 1) if json.loads(line)["type"] == "resume")
    path_of(folder).write_bytes(b"".join(lines[:resumed]))  # as if it had been killed right after that line
    assert phases(folder) == [(20, 8)]
    assert go_on(folder) == "finished"
    planned = {"phases": [{"begins": 20, "members": 8, "newcomers": "winners"}]}
    start(Project(config(pbt=planned)), tmp_path / "planned")
    assert decided(folder) == decided(tmp_path / "planned")
    check(folder, 8)


@pytest.mark.slow
def test_phases_that_were_planned_for_later_stay_and_one_that_begins_there_gives_way(tmp_path):
    planned = {"phases": [{"begins": 20, "members": 3}, {"begins": 60, "members": 1}]}
    folder = begun(tmp_path, 5, pbt=planned)
    assert go_on(folder, population=9, listeners=after(9)) == "listener: enough"
    assert phases(folder) == [(10, 9), (20, 3), (60, 1)]
    assert go_on(folder, population=6, listeners=after(20)) == "listener: enough"
    assert phases(folder) == [(10, 9), (20, 6), (60, 1)]
    assert go_on(folder) == "finished"
    check(folder, 1)


def test_another_mind_before_it_came_to_that(tmp_path):
    folder = begun(tmp_path, 5)
    go_on(folder, population=9, stop=Stop("at once"))
    go_on(folder, population=4, stop=Stop("at once"))
    assert phases(folder) == []
    assert go_on(folder) == "finished"
    check(folder, 4)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_fresh_newcomers_are_drawn_and_begin_at_the_beginning(tmp_path, mode):
    folder = begun(tmp_path, 9, pbt={"mode": mode, "exploit": "none"})
    assert go_on(folder, population=7, newcomers="fresh") == "finished"
    run = check(folder, 7)
    born = [birth for birth in run.history.births.values() if birth.trained_steps]
    assert len(born) == 3
    assert {(birth.origin, birth.step, len(birth.sources)) for birth in born} == {("drawn", 0, 0)}
    first = {run.history.by_member[birth.member][0].step for birth in born}
    assert first == {5}


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_newcomers_come_of_the_best_whoever_arrives_first(tmp_path, mode):
    folder = begun(tmp_path, 9, pbt={"mode": mode, "exploit": "none"}, seed=3)
    go_on(folder, population=6)
    run = Run.open(folder)
    born = [birth for birth in run.history.births.values() if birth.trained_steps]
    place = born[0].trained_steps
    scores = {
        report.checkpoint: report.score
        for report in run.history.reports
        if report.trained_steps == place and report.member < 4
    }
    parents = [scores[birth.sources["*"]] for birth in born]
    if mode == "sync":
        assert sorted(parents) == sorted(scores.values())[-2:]
    else:
        assert min(parents) > min(scores.values())


def test_a_finished_run_grows_where_it_gets_more_steps(tmp_path):
    start(Project(config(pbt={"total_steps": 20})), tmp_path)
    with pytest.raises(ConfigError, match=r"before the end, at step 20, there is none left.*Give more steps as well"):
        go_on(tmp_path, population=8)
    assert go_on(tmp_path, change={"pbt": {"total_steps": 40}}, population=8) == "finished"
    assert phases(tmp_path) == [(20, 8)]
    check(tmp_path, 8)


@pytest.mark.slow
def test_the_command_that_began_a_run_goes_on_with_the_size_that_it_was_given_since(tmp_path):
    folder = begun(tmp_path, 9, pbt={"population": [[0, 4], [0.5, 2]]})
    go_on(folder, population=6, stop=Stop("at once"))
    wanted = phases(folder)
    assert len(wanted) == 2
    assert go_on(folder, config(pbt={"population": [[0, 4], [0.5, 2]]}), listeners=after(3)) == "listener: enough"
    assert phases(folder) == wanted
    with pytest.raises(RunFolderError, match=r"pbt\.phases is .*: it would be another run.*resume RUN --population N"):
        go_on(folder, config(pbt={"population": [[0, 5], [0.5, 2]]}))


@pytest.mark.parametrize(
    ("changes", "how", "said"),
    [
        ({"pbt": {"policy": "mf-pbt"}}, {"population": 8}, r"the policy of this run, mf-pbt, has sizes of its own"),
        ({}, {"population": 0}, r"pbt\.phases\.0\.members = 0"),
        ({}, {"population": 8, "newcomers": "best"}, r"pbt\.phases\.0\.newcomers = 'best': .*'winners' or 'fresh'"),
    ],
)
def test_what_is_refused_leaves_the_run_as_it_is(tmp_path, changes, how, said):
    folder = begun(tmp_path, 5, **changes)
    before = (folder / "journal.jsonl").read_bytes()
    with pytest.raises(ConfigError, match=said):
        go_on(folder, **how)
    assert (folder / "journal.jsonl").read_bytes() == before


@pytest.mark.slow
def test_page_and_family_tree_show_it(tmp_path):
    folder = begun(tmp_path, 9)
    go_on(folder, population=6)
    view = read_run(folder)
    assert "4, then 6 members" in write_page(view).read_text()
    assert lineage(Run.open(folder).history)


ROOMMATES = f"{Path(__file__).parent.parent / 'executors' / 'odd_tasks.py'}:Roommates"


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_population_grows_and_shrinks_in_groups_of_worker_processes(tmp_path, mode):
    executor = {"name": "processes", "workers": 1, "vectorize": 4}
    task = {"task": ROOMMATES, "executor": executor, "pbt": {"mode": mode, "total_steps": 60, "exploit": "none"}}
    folder = begun(tmp_path, 6, **task)
    assert go_on(folder, population=8, listeners=after(20)) == "listener: enough"
    assert go_on(folder, population=2) == "finished"
    run = check(folder, 2)
    assert max(report.metrics["together"] for report in run.history.reports) == 4


@pytest.mark.slow
def test_in_python(tmp_path):
    small = {**TOY["pbt"], "total_steps": 40, "quiet": True}
    stopped = pbt_gan.run("quadratic", **small, out=tmp_path / "run", max_time=1e-6)
    assert stopped.ending == "time limit"
    grown = pbt_gan.resume(tmp_path / "run", population=6, quiet=True, stop=lambda run: len(run.records) > 30)
    assert grown.ending == "stop.rule: it returned true"
    assert len(grown.journal) > 30
    done = pbt_gan.resume(tmp_path / "run", total_steps=60, quiet=True, listeners=[After(10**6)])
    assert (done.ending, len(done.history.living)) == ("finished", 6)
    assert pbt_gan.resume(tmp_path / "run", quiet=True).best == done.best


@pytest.mark.slow
def test_a_task_that_lives_in_this_program_is_handed_over_again(tmp_path):
    small = {**TOY["pbt"], "total_steps": 20, "quiet": True}
    pbt_gan.run(Quadratic(), **small, out=tmp_path / "run", max_time=1e-6)
    done = pbt_gan.resume(tmp_path / "run", Quadratic(), population=2, quiet=True)
    assert (done.ending, len(done.history.living)) == ("finished", 2)
