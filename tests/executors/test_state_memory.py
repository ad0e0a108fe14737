"""How often a worker on a GPU holds the states of its members: counted on a CPU, whose copies are made as on a GPU."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from pbt_gan import codec
from pbt_gan.core.population import WHOLE
from pbt_gan.core.records import Report
from pbt_gan.executors.exchange import SharedMemory
from pbt_gan.executors.resident import Resident
from pbt_gan.executors.work import carry_out
from pbt_gan.gan.task import GanTask
from pbt_gan.gan.training.step import Step
from pbt_gan.testing.walk import order

MEMBERS = 4


class Host:
    """A device whose memory is the host's: what leaves it is read where it lies."""

    def moment(self, state):
        return None

    def fetched(self, state, made):
        return state


class Living(TorchDispatchMode):
    """Knows all the memory that operations have made and that is still in use."""

    def __init__(self) -> None:
        super().__init__()
        self._storages: dict[StorageWeakRef, int] = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                self._storages[StorageWeakRef(storage)] = storage.nbytes()
        return made

    @property
    def nbytes(self) -> int:
        self._storages = {storage: size for storage, size in self._storages.items() if not storage.expired()}
        return sum(self._storages.values())


@contextmanager
def told(monkeypatch, owner, method, what) -> Iterator[None]:
    """Call `what` whenever a method is called."""
    original = getattr(owner, method)

    def called(self, *args, **kwargs):
        what()
        return original(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(owner, method, called)
        yield


def test_a_worker_holds_a_state_twice_while_it_trains_and_three_times_until_it_has_answered(monkeypatch, tmp_path):
    monkeypatch.setattr(codec, "_on_device", lambda tree: True)  # so copies are operations of torch
    task = GanTask(data="digits", width=32, z_size=8, batch_size=4, metrics={"samples": 100, "held_out_samples": 100})
    task.prepare(tmp_path)
    trainer = task.attach(tmp_path, "cpu")
    (tmp_path / "states").mkdir()
    states = Resident(SharedMemory([tmp_path / "states"]), Host())
    orders = [
        replace(order(member), hyperparams={}, steps=2, checkpoint=f"first-{member}") for member in range(MEMBERS)
    ]
    seen: dict[str, int] = {}
    with Living() as living:
        assert all(isinstance(answer, Report) for answer in carry_out(trainer, orders, states, 0, "worker-0"))
        size = len(codec.encode(states.take("first-0")))
        again = [
            replace(each, interval=2, checkpoint=f"second-{each.member}", sources={WHOLE: each.checkpoint})
            for each in orders
        ]
        with (
            told(monkeypatch, Step, "__call__", lambda: seen.setdefault("training", living.nbytes)),
            told(monkeypatch, type(trainer), "score_group", lambda: seen.setdefault("scoring", living.nbytes)),
        ):
            carry_out(trainer, again, states, 0, "worker-0")
    times = {name: held / (MEMBERS * size) for name, held in seen.items()}
    assert times == {"training": pytest.approx(2, abs=0.15), "scoring": pytest.approx(3, abs=0.15)}
