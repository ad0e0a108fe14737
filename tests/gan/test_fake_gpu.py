"""What is done on a GPU, done on one that is not there: all but the numbers is followed, and where the host waits."""

from functools import partial
from unittest.mock import patch

import pytest
import torch

from benchmarks.fake_gpu import fake_gpu
from benchmarks.program import make_loop, newborn, order
from pbt_gan.config.objects import build_task, task_reference
from pbt_gan.config.source import read_config
from pbt_gan.core.rng import stream
from pbt_gan.executors.exchange import SharedMemory
from pbt_gan.executors.resident import Cuda, Resident
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.training import loop as loops
from pbt_gan.gan.training.stacking import leaves
from pbt_gan.gan.training.used import Values
from pbt_gan.runs import trial as trials
from pbt_gan.runs.launch import start
from pbt_gan.runs.project import Project
from pbt_gan.runs.result import Run
from pbt_gan.runs.trial import Trial
from tests.gan.training.parts import TINY

MEMBERS = 3


@pytest.fixture(scope="module")
def task():
    return build_task(task_reference(read_config("digits")))


@pytest.fixture(scope="module")
def scorers(task, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scorers") / "made"
    task.prepare(folder)
    return folder


def streams(count):
    return [partial(stream, 0, "train", member) for member in range(count)]


@pytest.mark.slow
def test_a_group_is_born_trained_scored_and_shown(task, scorers):
    with fake_gpu() as meter:
        trainer = task.attach(scorers, "cuda")
        states = [trainer.init(stream(member)) for member in range(MEMBERS)]
        trained = [each.state for each in trainer.train_group(states, [{}] * MEMBERS, 2, streams(MEMBERS))]
        before = meter.copy()
        scores = trainer.score_group(trained, stream(1))
        scored = meter - before
        assert all(leaf.is_cuda for state in trained for leaf in leaves(state))
        assert trainer.preview(trained[0], stream(2)).shape == (64, 8, 8, 1)
        assert set(trainer.export(trained[0])) >= {"net", "images"}
    assert all(each["score"] == scores[0]["score"] for each in scores)  # their images are alike: nothing
    assert not scored.waits_beside
    assert {place.partition("/")[0] for place in scored.waits} <= {"training", "scores"}


def test_an_exploit_is_a_copy_on_the_gpu_for_which_nobody_waits(tmp_path):
    with fake_gpu() as meter:
        loop = make_loop(GanSettings.model_validate(TINY), 8, 1)
        states = Resident(SharedMemory([tmp_path]), Cuda())
        donor = newborn(loop)
        before = meter.copy()
        states.put("donor", donor)
        state = states.take("donor")
        found = meter - before
        states.settle()
        written = meter - before
        assert [leaf.shape for leaf in leaves(state)] == [leaf.shape for leaf in leaves(donor)]
        assert all(leaf.is_cuda for leaf in leaves(state))
    nbytes = sum(leaf.nbytes for leaf in leaves(donor))
    assert not found.waits
    assert found.total.launches == 2 * len(leaves(donor))  # the copy that is kept, and the one that is handed out
    assert found.total.moved_bytes == 4 * nbytes
    assert written.fetched_bytes == nbytes
    assert written.waits_beside.total() == 1


@pytest.mark.slow
def test_a_trial_measures_memory_and_time(task, scorers):
    config = read_config("digits")
    with fake_gpu(), patch.object(trials, "_ORDER_STEPS", 1):
        trial = Trial(task, Project(config).plan.space, scorers, "cuda")
        assert trial.peak_bytes(2) == 2**30
        assert trial.free_bytes() < trial.total_bytes()
        assert trial.step_s(2, 1) > 0
        assert trial.state_bytes() > 0
        trial.release()


@pytest.mark.slow
def test_a_step_is_one_launch_once_it_is_recorded_and_asks_the_same_of_the_gpu():

    def three_steps(*, graphs):
        with fake_gpu(graphs=graphs) as meter, patch.object(loops, "BLOCK", 3):
            loop = make_loop(GanSettings.model_validate(TINY), 8, 1)
            six, nine = (order(loop, meter, [{}, {}], steps) for steps in (6, 9))
        return nine - six

    recorded, single = three_steps(graphs=True), three_steps(graphs=False)
    assert (recorded.replays, single.replays) == (3, 0)
    assert not recorded.waits
    assert not single.waits
    for name in ("aten.convolution", "aten.convolution_backward", "aten.bmm", "pbt_gan.adam_"):
        assert recorded.by_operation[name] == single.by_operation[name]


@pytest.mark.slow
def test_a_whole_run_comes_to_its_end(tmp_path, monkeypatch):
    # What was used is read back from the GPU, where there are no numbers.
    monkeypatch.setattr(Values, "of", lambda self, ordered: iter(ordered.items()))
    changes = {
        "executor": {"name": "serial", "device": "cuda", "workers": 1, "vectorize": 2},
        "pbt": {"population": [[0, 2]], "population_size": 2, "budget_steps": 8, "ready_interval": 2},
        "metrics": {"samples": 100, "held_out_samples": 100},
    }
    with fake_gpu() as meter:
        assert start(Project(read_config("digits", [changes])), tmp_path / "run") == "finished"
    assert Run.open(tmp_path / "run").ending == "finished"
    assert meter.total.launches > 1_000


def test_numbers_of_a_gpu_are_all_ones_on_the_host():
    with fake_gpu():
        assert torch.zeros(2, device="cuda").cpu().tolist() == [1, 1]
