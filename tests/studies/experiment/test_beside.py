import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pbt_gan.engine import Stop
from pbt_gan.errors import ConfigError, TaskError, WorkerError
from pbt_gan.runs.result import Run
from pbt_gan.studies.experiment.conduct import conduct, run_folder
from pbt_gan.studies.experiment.plan import Experiment, read_experiment
from tests.studies.experiment.conftest import TOY, toy
from tests.studies.experiment.test_conduct import command

TASKS = Path(__file__).parent / "odd_tasks.py"


def odd(name: str) -> Experiment:
    return read_experiment(f"{TASKS}:{name}", [TOY, {"experiment": {"arms": ["pbt", "random-search"], "seeds": [0]}}])


@pytest.mark.slow
def test_runs_side_by_side_are_those_that_are_trained_one_after_another(done, tmp_path: Path):
    experiment, folder = done
    said: list[str] = []
    assert conduct(toy(), tmp_path, jobs=2, say=said.append)
    # A replay waits for the run that it replays, and whoever comes next begins before it.
    assert sorted(line.partition(":")[0] for line in said[1:]) == [f"run {number} of 8" for number in range(1, 9)]
    for arm in experiment.settings.arms:
        for seed in experiment.settings.seeds:
            runs = [Run.open(run_folder(place, arm, seed)) for place in (folder, tmp_path)]
            assert runs[0].records() == runs[1].records()
    assert conduct(toy(), tmp_path, jobs=2, say=lambda line: pytest.fail("trains nothing again"))


@pytest.mark.slow
def test_ctrl_c_ends_all_of_them_and_the_same_command_goes_on(tmp_path: Path):
    asked = [*command(tmp_path), "--jobs", "2", "--set", "pbt.total_steps=40_000"]
    process = subprocess.Popen(asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    until_s = time.monotonic() + 60
    places = [run_folder(tmp_path, arm, 0) / "journal.jsonl" for arm in ("pbt", "random-search")]
    while not all(place.exists() and place.stat().st_size > 10_000 for place in places):
        assert time.monotonic() < until_s
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "The same command goes on" in out
    assert "Traceback" not in err
    for place in places:
        assert Run.open(place.parent).ending == "SIGTERM"  # as the experiment's process told it


@pytest.mark.slow
def test_an_error_of_one_run_ends_all_of_them(tmp_path: Path):
    with pytest.raises(TaskError, match="no such luck"):
        conduct(odd("Unlucky"), tmp_path / "here", jobs=2)


@pytest.mark.slow
def test_a_process_that_is_lost_is_told_with_what_to_do(tmp_path: Path):
    with pytest.raises(WorkerError, match=r"ended with exit code 3\. The same command goes on"):
        conduct(odd("Ending"), tmp_path / "here", jobs=2)


def test_several_devices_are_no_matter_of_runs_side_by_side(tmp_path: Path):
    executor = toy().config.executor.model_copy(update={"device": "cuda:0,cuda:1"})
    experiment = replace(toy(), config=toy().config.model_copy(update={"executor": executor}))
    with pytest.raises(ConfigError, match="each run on one device, and 2 are named"):
        conduct(experiment, tmp_path, jobs=2)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_stop_that_was_wanted_before_trains_nothing(tmp_path: Path):
    assert not conduct(toy(), tmp_path, jobs=2, stop=Stop("enough"))
    assert not list((tmp_path / "runs").iterdir())
