import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pbt_gan.config.settings import Config
from pbt_gan.config.source import merged
from pbt_gan.core.space import Float, Range
from pbt_gan.engine import Stop
from pbt_gan.errors import ConfigError
from pbt_gan.runs.launch import go_on, start
from pbt_gan.runs.project import Project
from pbt_gan.runs.replay import Agreement, agreement, replay_config
from pbt_gan.runs.report import SCHEDULE, write_results
from pbt_gan.runs.result import Run
from pbt_gan.store.reader import read_run
from pbt_gan.testing.walk import RandomWalk
from pbt_gan.validation import validated

WALK: dict[str, Any] = {
    "task": f"{__file__}:Walk",
    "pbt": {"population_size": 5, "total_steps": 120, "ready_interval": 12, "exploit": "tournament"},
    "executor": {"name": "serial", "workers": 1},
}


class Walk(RandomWalk):
    """A walk in which the length of a step is all that is evolved."""

    @property
    def space(self):
        return {"stride": Float(Range(0.01, 1.0), (1e-3, 10.0), "log")}

    def attach(self, folder, device):
        return self  # nothing was prepared

    def train(self, state, hyperparams, steps, streams):
        done = super().train(state, {**hyperparams, "deed": "walk"}, steps, streams)
        return replace(done, hyperparams={"stride": done.hyperparams["stride"]})


class InParts(Walk):
    """A walk of which a place may be copied without the way that led there."""

    components = {"place": ("point",)}


class Diverging(Walk):
    """A walk on which everybody whose first step is not short is lost: lineages begin anew until one is."""

    def score(self, state, rng):
        lost = state["strides"][0] > 0.05
        return {"score": math.nan if lost else super().score(state, rng)["score"]}


def trained(folder: Path, **changes: Any) -> Run:
    assert start(Project(validated(Config, merged(WALK, changes))), folder) == "finished"
    return Run.open(folder)


def replayed(run: Run, folder: Path, member: str = "best", seed: int | None = None, **executor: Any) -> Run:
    config = replay_config(run, member, seed)
    if executor:
        config = validated(Config, merged(config.plain(), {"executor": executor}))
    assert start(Project(config), folder) == "finished"
    return Run.open(folder)


@pytest.mark.slow
@pytest.mark.parametrize("phases", [[(24, 2), (36, 1)], [(24, 2), (36, 4)]])
def test_a_member_of_a_population_that_shrank_or_grew_can_be_replayed(tmp_path, phases):
    phases = [{"begins": begins, "members": members} for begins, members in phases]
    run = trained(tmp_path / "run", pbt={"phases": phases, "policy": {"name": "pbt", "patience": 1}})
    assert replay_config(run).pbt.phases == ()
    assert replay_config(run).pbt.policy.options == {}
    assert agreement(run, replayed(run, tmp_path / "again")) == Agreement(scores=True, weights=True)


@pytest.mark.slow
def test_a_member_whose_hyperparameters_decayed_can_be_replayed(tmp_path):
    schedule = {"decay": "linear", "of": ["stride"], "hold": 0.5, "to": 0.1}
    run = trained(tmp_path / "run", pbt={"schedule": schedule})
    assert agreement(run, replayed(run, tmp_path / "again")) == Agreement(scores=True, weights=True)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_branch_is_replayed_through_its_birth_bit_for_bit(tmp_path, mode):
    phases = [{"begins": 24, "members": 1}, {"begins": 72, "members": 4}]
    run = trained(tmp_path / "run", pbt={"phases": phases, "mode": mode, "exploit": "none"})
    born = max(run.history.births)
    assert {segment.member for segment in run.history.ancestry(born, 1)} > {born}
    assert agreement(run, replayed(run, tmp_path / "again", str(born)), str(born)) == Agreement(True, True)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("copies", ["all", "weights", "hyperparams"])
@pytest.mark.parametrize("score_interval", [4, 12])
def test_a_replay_has_the_weights_of_every_member_bit_for_bit(tmp_path, mode, copies, score_interval):
    exploit = {"name": "tournament", "copies": copies}
    run = trained(tmp_path / "run", pbt={"exploit": exploit, "mode": mode, "score_interval": score_interval})
    for member in ("last-best", "0", "4"):
        again = replayed(run, tmp_path / member, member)
        assert agreement(run, again, member) == Agreement(scores=True, weights=True)


@pytest.mark.slow
def test_a_lineage_through_several_members_is_replayed_in_worker_processes_too(tmp_path):
    run = trained(tmp_path / "run")
    last = run.history.last_best
    assert last is not None
    assert len({segment.member for segment in run.history.ancestry(last.member, last.interval)}) > 1
    for name in ("serial", "processes"):
        again = replayed(run, tmp_path / name, "last-best", name=name)
        assert agreement(run, again, "last-best") == Agreement(scores=True, weights=True)


def test_a_lineage_that_began_anew_after_a_rescue_is_replayed_from_there(tmp_path):
    run = trained(tmp_path / "run", task=f"{__file__}:Diverging", pbt={"initial": [{"stride": 0.9}] * 5})
    member = next(str(e.recipient) for e in run.history.exploits if e.rule == "rescue" and e.donor is None)
    assert run.history.ancestry(int(member), run.member(member).interval)[0].interval > 1
    again = replayed(run, tmp_path / "again", member)
    assert agreement(run, again, member) == Agreement(scores=True, weights=True)


def test_another_seed_repeats_the_schedule_and_nothing_else(tmp_path):
    run = trained(tmp_path / "run")
    again = replayed(run, tmp_path / "again", seed=1)
    assert [s.hyperparams for s in again.lineage()] == [s.hyperparams for s in run.lineage()][: len(again.lineage())]
    assert agreement(run, again) == Agreement(scores=False, weights=False)


def test_of_a_member_put_together_of_several_only_the_schedule_is_repeated(tmp_path):
    exploit = {"name": "truncation", "copies": ["place"]}
    run = trained(tmp_path / "run", task=f"{__file__}:InParts", pbt={"exploit": exploit})
    mixed = next(str(e.recipient) for e in reversed(run.history.exploits) if e.donor)
    with pytest.raises(ConfigError, match="put together of components"):
        replay_config(run, mixed)
    assert replay_config(run, mixed, seed=1).pbt.total_steps == run.member(mixed).step


def test_a_replay_that_was_stopped_goes_on(tmp_path):
    run = trained(tmp_path / "run")
    folder = tmp_path / "again"
    start(Project(replay_config(run)), folder, stop=Stop("enough"))
    assert go_on(folder) == "finished"
    assert agreement(run, Run.open(folder)).weights


def test_what_is_not_kept_any_more_cannot_be_compared(tmp_path):
    run = trained(tmp_path / "run")
    again = replayed(run, tmp_path / "again")
    assert agreement(Run(run.config, run.records(), "finished"), again) == Agreement(scores=True, weights=None)


@pytest.mark.slow
def test_the_schedule_that_was_found_is_written_and_trains_another_run(tmp_path):
    run = trained(tmp_path / "run")
    write_results(read_run(tmp_path / "run"))
    other = trained(tmp_path / "other", seed=3, pbt={"schedule": str(tmp_path / "run" / SCHEDULE), "exploit": "none"})
    found = {segment.start_step: segment.hyperparams for segment in run.lineage()}
    for report in other.history.reports:
        assert report.hyperparams == found.get(report.step - 12, run.lineage()[-1].hyperparams)


def test_there_must_be_such_a_member(tmp_path):
    run = trained(tmp_path / "run")
    with pytest.raises(ConfigError, match="best, last-best, 0, 1"):
        replay_config(run, "17")
