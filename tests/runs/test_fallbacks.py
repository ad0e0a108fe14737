"""A checkpoint of the last commit is damaged: the run goes on from the commit before, and says so."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pbt_gan.config.settings import Config
from pbt_gan.engine import Stop
from pbt_gan.errors import DamageError, RunFolderError
from pbt_gan.reporting.fallbacks import told
from pbt_gan.reporting.log import RunLog
from pbt_gan.runs.launch import go_on, start
from pbt_gan.runs.project import Project
from pbt_gan.runs.report import write_results
from pbt_gan.runs.result import Run
from pbt_gan.store import checkpoints, journal
from pbt_gan.store.effective import Commit, EffectiveJournal
from pbt_gan.store.reader import read_run
from pbt_gan.testing.consistency import contradictions
from pbt_gan.validation import validated
from tests.runs.cut import Cut


def config(mode: str = "sync", executor: str = "serial") -> Config:
    pbt = {"population_size": 3, "total_steps": 60, "ready_interval": 10, "exploit": "tournament", "mode": mode}
    settings = {"pbt": pbt, "executor": {"name": executor, "workers": 1}, "checkpoints": {"every_s": 0.0}}
    return validated(Config, {"task": "quadratic", **settings})


def cut_short(folder: Path, mode: str = "sync") -> Path:
    stop = Stop()
    start(Project(config(mode)), folder, listeners=lambda _: [Cut(stop, 11)], stop=stop)
    return folder


def commits(folder: Path) -> list[Commit]:
    path = journal.path_of(folder)
    return EffectiveJournal.of(path, journal.read(path).entries).commits


def spoil(folder: Path, key: str) -> None:
    path = checkpoints.path_of(folder, key)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def newest(folder: Path) -> str:
    """Return a checkpoint that only the last commit names."""
    older, last = commits(folder)
    return min(last.checkpoints.keys() - older.checkpoints.keys())


@pytest.mark.parametrize("executor", ["serial", pytest.param("processes", marks=pytest.mark.slow)])
def test_a_run_that_fell_back_ends_as_the_one_that_never_was_damaged(
    tmp_path: Path, outcome: Callable[[Path], Any], executor: str, caplog: pytest.LogCaptureFixture
) -> None:
    start(Project(config()), tmp_path / "whole")
    folder = cut_short(tmp_path / "run")
    older, last = commits(folder)
    key = newest(folder)
    spoil(folder, key)
    assert go_on(folder, config(executor=executor), listeners=lambda _: [RunLog()]) == "finished"
    assert outcome(folder) == outcome(tmp_path / "whole")
    (fallback,) = read_run(folder).fallbacks
    assert fallback.damaged == (key,)
    assert (fallback.upto, fallback.lost) == (older.upto, last.upto - older.upto)
    write_results(read_run(folder))
    for text in (caplog.text, (folder / "log.txt").read_text(), (folder / "report.html").read_text()):
        assert text.count(told(fallback)) == 1


def test_an_asynchronous_run_goes_on_from_the_commit_before_too(tmp_path: Path) -> None:
    folder = cut_short(tmp_path / "run", "async")
    spoil(folder, newest(folder))
    assert go_on(folder) == "finished"
    run = Run.open(folder)
    assert len({(report.member, report.interval) for report in run.history.reports}) == 18
    assert len(run.fallbacks) == 1


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_where_no_commit_is_whole_a_member_takes_over_another_one_and_the_run_says_so(
    tmp_path: Path, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = cut_short(tmp_path / "run", mode)
    older, last = commits(folder)
    key = max(older.checkpoints.keys() & last.checkpoints.keys() | {min(last.checkpoints)})
    for each in {key, *older.checkpoints.keys() - last.checkpoints.keys()}:
        spoil(folder, each)
    assert go_on(folder, listeners=lambda _: [RunLog()]) == "finished"
    run = Run.open(folder)
    assert list(contradictions(run.records(), 10)) == []
    assert {report.trained_steps for report in run.history.last.values()} == {60}
    (fallback,) = run.fallbacks
    assert (key in fallback.damaged, fallback.whole) == (True, False)
    write_results(read_run(folder))
    for text in (caplog.text, (folder / "log.txt").read_text(), (folder / "report.html").read_text()):
        assert text.count(told(fallback)) == 1


def test_where_the_best_is_gone_the_best_of_what_is_left_is_taken(tmp_path: Path) -> None:
    start(Project(config()), tmp_path / "run")
    run = Run.open(tmp_path / "run")
    checkpoints.path_of(tmp_path / "run", run.member("best").checkpoint).unlink()
    key = run.whole("best")
    assert key in {key for commit in commits(tmp_path / "run") for key in commit.checkpoints}
    assert run.member(key).score <= run.member("best").score


def test_a_run_that_ended_goes_further_from_the_commit_before(tmp_path: Path, outcome: Callable[[Path], Any]) -> None:
    longer = config().model_copy(update={"pbt": config().pbt.model_copy(update={"total_steps": 80})})
    start(Project(config()), tmp_path / "run")
    spoil(tmp_path / "run", newest(tmp_path / "run"))
    assert go_on(tmp_path / "run", longer) == "finished"
    start(Project(longer), tmp_path / "whole")
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")


@pytest.mark.parametrize("which", ["best", "last-best", "2"])
def test_what_reads_a_run_takes_the_next_older_state_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, which: str
) -> None:
    start(Project(config()), tmp_path / "run")
    run = Run.open(tmp_path / "run")
    asked = run.member(which)
    assert run.whole(which) == which
    if asked.checkpoint in commits(tmp_path / "run")[0].checkpoints:
        pytest.skip("it was kept by the commit before too")
    spoil(tmp_path / "run", asked.checkpoint)
    key = run.whole(which)
    older = run.member(key)
    assert key in commits(tmp_path / "run")[0].checkpoints
    assert older.score <= asked.score
    assert f"{asked.checkpoint}.safetensors is damaged" in caplog.text
    assert f"Instead: member {older.member} as it was at step {older.step}." in caplog.text
    assert str(run.state(which)) == str(run.state(key))
    with pytest.raises(DamageError):
        run.state(asked.checkpoint)  # just this one


def test_without_an_older_state_the_damage_is_told(tmp_path: Path) -> None:
    start(Project(config()), tmp_path / "run")
    run = Run.open(tmp_path / "run")
    for key in {key for commit in commits(tmp_path / "run") for key in commit.checkpoints}:
        spoil(tmp_path / "run", key)
    with pytest.raises(DamageError, match=run.member("best").checkpoint):
        run.whole()
    with pytest.raises(RunFolderError, match="in memory"):
        Run(run.config, run.journal, "finished").whole()


def test_show_tells_of_a_fallback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pbt_gan.cli.reading import show

    folder = cut_short(tmp_path / "run")
    spoil(folder, newest(folder))
    go_on(folder)
    (fallback,) = read_run(folder).fallbacks
    show(folder, as_json=False)
    assert told(fallback) in " ".join(capsys.readouterr().out.split())
    show(folder, as_json=True)
    said = json.loads(capsys.readouterr().out)["fallbacks"]
    assert said == [{"damaged": list(fallback.damaged), "upto": fallback.upto, "lost": fallback.lost, "whole": True}]
