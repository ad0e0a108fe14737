"""The trial of groups on a GPU that is not there."""

import sys
from typing import Any

import pytest
import torch

from benchmarks.fake_gpu import fake_gpu
from pbt_gan import devices
from pbt_gan.gan.task import GanTask
from pbt_gan.runs.trial import Trial


@pytest.fixture
def trial(tmp_path, monkeypatch):
    """Return a trial, what its GPU is asked for, and how often that was told to let memory go."""
    monkeypatch.setattr(devices, "use_device", lambda device, *, tf32: None)  # it would set what holds for all
    task = GanTask(data="digits", width=4, z_size=8, batch_size=8, metrics={"samples": 100, "held_out_samples": 100})
    task.prepare(tmp_path)
    emptied: list[None] = []
    with fake_gpu() as meter:
        monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(None))
        yield Trial(task, {}, tmp_path, "cuda"), meter, emptied


def test_members_are_born_once_and_copied_where_they_train(trial):
    tried, meter, _ = trial
    before = meter.sent_bytes
    states = tried._states(20)
    assert meter.sent_bytes == before
    places = {state["g"]["params"].untyped_storage()._cdata for state in states}
    assert len(places) == 20
    assert all(state["g"]["params"].is_cuda for state in states)


@pytest.mark.slow
def test_a_group_is_trained_and_measured_to_tell_its_memory_and_trained_to_tell_its_time(trial, monkeypatch):
    tried, _, emptied = trial
    monkeypatch.setattr("pbt_gan.runs.trial._ORDER_STEPS", 1)
    assert 0 < tried.peak_bytes(2) < tried.free_bytes() < tried.total_bytes()
    assert tried.step_s(2, 2) > 0
    assert emptied == []
    tried.release()
    assert len(emptied) == 1


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("out of memory")])
def test_a_group_for_which_there_is_no_memory_needs_more_than_there_is_and_leaves_nothing(trial, monkeypatch, error):
    tried, _, emptied = trial

    def full(*_: Any) -> None:
        raise error

    monkeypatch.setattr(tried, "_order", full)
    assert tried.peak_bytes(20) == sys.maxsize
    assert len(emptied) == 1


def test_what_else_is_wrong_is_not_taken_for_a_lack_of_memory(trial, monkeypatch):
    tried, _, _ = trial
    monkeypatch.setattr(tried, "_order", lambda group: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        tried.peak_bytes(20)
