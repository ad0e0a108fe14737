"""A population on several devices: CPUs stand in for GPUs, and devices that keep a diary for copies between them."""

import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pbt_gan import codec, references
from pbt_gan.core.records import Failure, Report
from pbt_gan.core.rng import stream
from pbt_gan.errors import ConfigError
from pbt_gan.executors import spread
from pbt_gan.executors.exchange import Memory
from pbt_gan.executors.processes import ProcessesExecutor
from pbt_gan.executors.serial import SerialExecutor
from pbt_gan.executors.spread import Spread, attached_to
from pbt_gan.executors.work import carry_out, device_clock
from pbt_gan.interfaces import GroupTrainer, TaskReference, Training
from pbt_gan.testing.walk import collected, order

ODD = f"{Path(__file__).with_name('odd_tasks.py')}:Roommates"
GAN = TaskReference(
    "pbt_gan.gan.task:GanTask",
    {"data": "digits", "width": 4, "z_size": 8, "batch_size": 8, "metrics": {"samples": 100, "held_out_samples": 100}},
)


class Leaf:
    """A tensor, as far as it is asked where it lies."""

    is_cuda = True

    def __init__(self, device):
        self.device = device

    def to(self, device, non_blocking):
        assert non_blocking
        return Leaf(device)


class Noting(GroupTrainer):
    """Notes who trains with it, in which thread, and where the states lie."""

    def __init__(self, device):
        self.device = device
        self.notes = []

    def init(self, rng):
        return {"point": Leaf(self.device)}

    def train_group(self, states, hyperparams, steps, streams):
        self.notes.append(threading.current_thread().name)
        if any(values.get("fails") == self.device for values in hyperparams):
            raise MemoryError("no room")
        assert len(states) == len(hyperparams) == len(streams)
        return [Training(state, values, {"steps": steps}) for state, values in zip(states, hyperparams, strict=True)]

    def score_group(self, states, rng):
        return [{"score": float(rng.random())} for _ in states]

    def preview(self, state, rng):
        self.notes.append(state["point"].device)
        return np.zeros((1, 2, 2, 1), np.uint8)


@pytest.fixture
def devices(monkeypatch):
    """Return three trainers on devices that are not there, and what spreads members over them."""
    monkeypatch.setattr(spread, "_enter", lambda device: None)
    monkeypatch.setattr(codec, "_is_torch", lambda value: isinstance(value, Leaf))
    monkeypatch.setattr(codec, "_identity", id)
    names = ["cuda:0", "cuda:1", "cuda:2"]
    trainers = [Noting(name) for name in names]
    return trainers, Spread(trainers, ["cuda", *names[1:]])


def states_on(*devices):
    return [{"point": Leaf(device), "steps": 3} for device in devices]


@pytest.mark.parametrize(("members", "shares"), [(7, [2, 2, 3]), (3, [1, 1, 1]), (2, [0, 1, 1]), (1, [0, 0, 1])])
def test_members_are_shared_out_evenly_and_come_back_in_their_order(devices, members, shares):
    trainers, spread_out = devices
    given = [{"member": member} for member in range(members)]
    trained = spread_out.train_group(states_on(*["cuda:1"] * members), given, 5, [None] * members)
    assert [training.hyperparams for training in trained] == given
    where = [training.state["point"].device for training in trained]
    assert where == [
        name for name, share in zip(("cuda:0", "cuda:1", "cuda:2"), shares, strict=True) for _ in range(share)
    ]
    for trainer in trainers:
        assert all(name.startswith(trainer.device) for name in trainer.notes), "each device has a thread of its own"


def test_a_state_that_lies_where_it_is_trained_is_not_copied(devices):
    _, spread_out = devices
    states = states_on("cuda:0", "cuda:0", "cuda:2")
    trained = spread_out.train_group(states, [{}] * 3, 5, [None] * 3)
    same = [before["point"] is after.state["point"] for before, after in zip(states, trained, strict=True)]
    assert same == [True, False, True]


def test_all_are_measured_with_equal_random_numbers(devices):
    _, spread_out = devices
    scores = spread_out.score_group(states_on(*["cuda:0"] * 5), stream(0, "eval"))
    assert len(scores) == 5
    assert scores[0] == scores[1] == scores[3]  # the first of each device


def test_a_member_is_shown_on_the_first_device(devices):
    trainers, spread_out = devices
    assert spread_out.preview(*states_on("cuda:2"), stream(0)) is not None
    assert trainers[0].notes == ["cuda:0"]


def test_where_one_device_is_too_small_the_group_is_trained_in_halves(devices, monkeypatch):
    _, spread_out = devices
    states = Memory()
    orders = [replace(order(member), hyperparams={}, steps=2) for member in range(6)]
    short = {"left": 3}
    original = Noting.train_group

    def narrow(self, given, *others):
        if self.device == "cuda:1" and len(given) > 1:
            short["left"] -= 1
            raise MemoryError("no room")
        return original(self, given, *others)

    monkeypatch.setattr(Noting, "train_group", narrow)
    monkeypatch.setattr(states, "put", lambda key, state: None)
    answers = carry_out(spread_out, orders, states, 0, "worker-0")
    assert [answer.member for answer in answers] == list(range(6))
    assert not any(isinstance(answer, Failure) for answer in answers)
    assert short["left"] == 2


def test_a_task_that_trains_one_member_at_a_time_needs_a_worker_for_each_device(tmp_path):
    task = references.load(ODD.replace("Roommates", "Still"))()
    with pytest.raises(ConfigError, match="use as many workers as devices"):
        attached_to(["cpu", "cpu"], task, tmp_path)


def test_several_devices_cost_what_each_of_them_costs(monkeypatch):
    monkeypatch.setattr("time.perf_counter", lambda: 5.0)
    assert device_clock("cuda:0", devices=2)() == 10.0


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "devices", "slots"), [(1, 2, 4), (2, 2, 4), (2, 4, 8), (1, 1, 2)])
def test_a_worker_has_a_group_of_slots_for_each_of_its_devices(workers, devices, slots):
    with closing(
        ProcessesExecutor(TaskReference(ODD), seed=0, workers=workers, devices=["cpu"] * devices, group=2)
    ) as it:
        assert it.free_slots() == slots
        it.submit([replace(order(member), hyperparams={}, steps=3) for member in range(slots)])
        together = sorted(answer.metrics["together"] for answer in collected(it, slots) if isinstance(answer, Report))
    assert together == [2.0] * slots


def test_devices_that_cannot_be_shared_out_evenly_are_refused():
    with pytest.raises(ConfigError, match="use 1 worker for all, or 3"):
        ProcessesExecutor(TaskReference(ODD), seed=0, workers=2, devices=["cpu"] * 3)


@pytest.mark.slow
def test_on_several_devices_of_one_worker_members_become_what_they_become_on_one(tmp_path):
    task = references.load(GAN.name)(**GAN.arguments)
    task.prepare(tmp_path)
    orders = [replace(order(member), hyperparams={"lr_g": 1e-3}, steps=3) for member in range(4)]
    found = []
    for make in (
        lambda: SerialExecutor(GAN, seed=0, folder=tmp_path, group=4),
        lambda: ProcessesExecutor(GAN, seed=0, folder=tmp_path, workers=1, devices=["cpu", "cpu"], group=2),
    ):
        with closing(make()) as executor:
            executor.submit(orders)
            answers = collected(executor, len(orders))
            reports = [answer for answer in answers if isinstance(answer, Report)]
            assert len(reports) == len(orders)
            found.append([(each.score, bytes(executor.encoded(each.checkpoint))) for each in reports])
    assert found[0] == found[1]
