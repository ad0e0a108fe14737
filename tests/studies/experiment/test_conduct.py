import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pbt_gan.core.records import Report
from pbt_gan.engine import Stop
from pbt_gan.errors import RunFolderError
from pbt_gan.runs.result import Run
from pbt_gan.studies.experiment import output
from pbt_gan.studies.experiment.arms import ARMS
from pbt_gan.studies.experiment.conduct import conduct, finished_runs, run_folder
from pbt_gan.studies.experiment.plan import Experiment, read_experiment
from pbt_gan.studies.experiment.result import Result
from pbt_gan.studies.experiment.timeline import timeline
from tests.studies.experiment.conftest import toy

OPTIONS = [
    *("quadratic", "--arms", "pbt,random-search,replay", "--seeds", "0-1", "--executor", "serial"),
    *("--population", "3", "--steps", "400", "--set", "pbt.ready_interval=10", "--set", "pbt.exploit=tournament"),
    *("--set", "pbt.explore=resample", "--set", "checkpoints.every_s=0.02"),
]
KILLS = 12


def table(folder: Path) -> Any:
    """Everything that equal experiments have in common."""
    data = json.loads((folder / output.DATA).read_text())
    del data["time"]
    return data


def command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "pbt_gan", "experiment", *OPTIONS, "--out", str(folder)]


@pytest.mark.slow
def test_an_experiment_killed_again_and_again_ends_with_the_same_table(tmp_path: Path):
    uncut, cut = tmp_path / "uncut", tmp_path / "cut"
    subprocess.run(command(uncut), check=True, capture_output=True)
    rng = np.random.default_rng(0)
    killed = 0
    for _ in range(KILLS):
        process = subprocess.Popen(command(cut), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(float(rng.uniform(0.3, 1.6)))
        process.kill()
        killed += process.wait() == -signal.SIGKILL
    assert killed >= KILLS // 2
    subprocess.run(command(cut), check=True, capture_output=True)
    assert table(cut) == table(uncut)


@pytest.mark.slow
def test_ctrl_c_prints_the_table_of_what_is_finished_and_how_it_goes_on(tmp_path: Path):
    folder = tmp_path / "here"
    slow = [*command(folder), "--seeds", "0-99"]
    process = subprocess.Popen(slow, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until_s = time.monotonic() + 60
    while not (run_folder(folder, "pbt", 1) / "journal.jsonl").exists():
        assert time.monotonic() < until_s
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "The same command goes on" in out
    assert "Seeds 0." in out
    assert "Traceback" not in err


@pytest.mark.slow
def test_a_finished_experiment_trains_nothing_again(done, tmp_path: Path):
    experiment, folder = done
    said: list[str] = []
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("journal.jsonl")}
    assert conduct(experiment, folder, say=said.append)
    assert not said
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("journal.jsonl")} == before


@pytest.mark.slow
def test_a_stop_leaves_the_rest_for_the_next_call(tmp_path: Path):
    experiment = toy()
    assert not conduct(experiment, tmp_path / "here", stop=Stop("enough"))
    assert Result.read(experiment, tmp_path / "here") is None
    said: list[str] = []
    assert conduct(experiment, tmp_path / "here", say=said.append)
    assert said[0].startswith("With 2 seeds no difference between these 4 arms can be significant")
    assert said[0].endswith("7 seeds could show one.")
    assert said[1] == "run 1 of 8: pbt, seed 0"
    assert len(said) == 9


@pytest.mark.slow
def test_only_seeds_of_which_every_arm_is_finished_are_compared(done):
    _, folder = done
    wider = toy(experiment={"seeds": [0, 1, 2]})
    assert {seed for _, seed in finished_runs(wider, folder)} == {0, 1}
    assert not finished_runs(toy(experiment={"arms": ["pbt", "fixed"]}), folder)


@pytest.mark.slow
def test_the_replay_stretches_the_schedule_of_pbts_winner_over_the_budget_with_other_random_numbers(done):
    _, folder = done
    for seed in (0, 1):
        found, replayed = (Run.open(run_folder(folder, arm, seed)) for arm in ("pbt", "replay"))
        winner = found.lineage()
        assert len(replayed.history.births) == 1
        assert len(replayed.history.reports) == 18
        for report in replayed.history.reports:
            share = (report.step - 10) / 180  # of the way, where the order began
            then = [each for each in winner if each.start_step / winner[-1].end_step <= share + 0.5 * 10 / 180][-1]
            assert report.hyperparams == then.hyperparams
        assert replayed.config["seed"] != found.config["seed"]


SHAPED = {"linear", "exponential", "cosine"}
"""Arms whose rates decay, of which the toy has none."""

OF_NETS = {"generator-only", "discriminator-only"}
"""Arms that copy one of two nets."""


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> tuple[Experiment, Path]:
    """An experiment with every arm, and one of one's own, done."""
    folder = tmp_path_factory.mktemp("every") / "toy"
    arms = [*(arm for arm in ARMS if arm not in SHAPED | OF_NETS), "two"]
    experiment = toy(
        pbt={"population": [[0, 6], [0.3, 2], [0.6, 1]], "budget_steps": 360},
        experiment={
            "arms": arms,
            "baselines": ["longer-random", "longer", "two-stage"],
            "seeds": [3],
            "fixed_size": 4,
            "decay": {"decay": "cosine", "of": ["h0"]},
            "own": {"two": {"pbt": {"population_size": 2}}},
        },
    )
    assert conduct(experiment, folder)
    return experiment, folder


@pytest.mark.slow
def test_every_arm_has_trained_the_same_steps_when_all_is_done(every):
    result = Result.read(*every)
    assert result is not None
    assert {arm: run.steps for arm, (run,) in result.outcomes.items()} == dict.fromkeys(result.arms, 360)
    assert {arm: sum(timeline(result.runs[arm, 3].journal).steps()) for arm in result.arms} == dict.fromkeys(
        result.arms, 360
    )
    assert {run.scorings for (run,) in result.outcomes.values()} == {36}  # equally many looks at the score


@pytest.mark.slow
def test_with_one_seed_a_member_begins_alike_in_every_arm_that_draws_it(every):
    experiment, folder = every
    settings, first = {}, {}
    for arm in experiment.settings.arms:
        history = Run.open(run_folder(folder, arm, 3)).history
        drawn = {member for member, birth in history.births.items() if birth.origin == "drawn"}
        settings[arm] = {member: history.births[member].hyperparams for member in drawn}
        first[arm] = {
            each.member: each.score for each in history.reports if each.interval == 1 and each.member in drawn
        }
    apart = {arm for arm in settings if arm.startswith("replay") or arm.endswith("-decay")}
    for arm in settings.keys() - apart:
        common = settings[arm].keys() & settings["shrinking"].keys()
        assert common or arm in ("fixed", "longer")
        for member in common:
            assert settings[arm][member] == settings["shrinking"][member]
            assert first[arm][member] == first["shrinking"][member]
    assert len(settings["shrinking"]) == 6
    assert len(settings["two"]) == 2


def test_every_run_is_an_ordinary_one(done):
    _, folder = done
    run = Run.open(run_folder(folder, "longer", 1))
    assert (run.ending, run.config["seed"], run.config["name"]) == ("finished", 1, "longer-1")
    assert sum(isinstance(record, Report) for record in run.records()) == 18


def test_another_experiment_is_not_mixed_in(done):
    _, folder = done
    with pytest.raises(RunFolderError, match="would be another experiment"):
        conduct(toy(pbt={"ready_interval": 20}), folder)


PREPARED = """
from pbt_gan.toy.quadratic import Quadratic


class Prepared(Quadratic):
    def prepare(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        made = folder / "made"
        if not made.exists():
            made.write_text("once")
            with open({log!r}, "a") as file:
                file.write("made\\n")
"""


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_a_task_prepares_is_made_once_for_all_runs(tmp_path: Path, jobs: int):
    log, task, folder = tmp_path / "log", tmp_path / "task.py", tmp_path / "out"
    task.write_text(PREPARED.format(log=str(log)))
    size = {"pbt": {"population_size": 2, "total_steps": 10, "ready_interval": 5}, "executor": {"name": "serial"}}
    settings = {"experiment": {"arms": ["pbt", "random-search"], "seeds": [0, 1]}}
    experiment = read_experiment(f"{task}:Prepared", [size, settings])
    assert conduct(experiment, folder, jobs=jobs)
    assert log.read_text() == "made\n"
    places = [run_folder(folder, arm, seed) for arm in ("pbt", "random-search") for seed in (0, 1)]
    assert all((place / "scorers" / "made").read_text() == "once" for place in places)
