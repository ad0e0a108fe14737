"""On a CPU: the device's own part, streams and pinned memory, needs a GPU."""

from typing import Any

import numpy as np
import pytest
import torch

from pbt_gan import codec
from pbt_gan.errors import StorageError
from pbt_gan.executors.exchange import SharedMemory
from pbt_gan.executors.resident import Resident, on_host

STATE: dict[str, Any] = {"point": torch.arange(6.0), "steps": 3}


@pytest.fixture
def shared(tmp_path):
    return SharedMemory([tmp_path])


def test_what_was_put_is_shared_once_it_is_settled(shared):
    states = Resident(shared, "cpu")
    states.put("a", STATE)
    states.put("b", STATE)
    states.settle()
    for key in ("a", "b"):
        assert bytes(shared.encoded(key)) == codec.encode(STATE)


def test_a_state_that_this_worker_put_is_not_read_from_the_shared_memory_again(shared, monkeypatch):
    states = Resident(shared, "cpu")
    states.put("a", STATE)
    states.settle()
    monkeypatch.setattr(SharedMemory, "take", lambda self, key: pytest.fail(f"{key} was read"))
    first, second = states.take("a"), states.take("a")
    first["point"] += 1
    assert torch.equal(second["point"], STATE["point"])


def test_a_state_of_another_worker_comes_from_the_shared_memory(shared):
    shared.put("a", STATE)
    assert torch.equal(Resident(shared, "cpu").take("a")["point"], STATE["point"])


def test_the_caller_may_go_on_with_what_it_put(shared):
    states, state = Resident(shared, "cpu"), codec.clone(STATE)
    states.put("a", state)
    state["point"] += 1
    states.settle()
    for kept in (states.take("a"), shared.take("a")):
        assert torch.equal(kept["point"], STATE["point"])


def test_what_is_gone_from_the_shared_memory_is_held_no_longer(shared):
    states = Resident(shared, "cpu")
    states.put("a", STATE)
    states.settle()
    shared.keep(frozenset())
    states.put("b", STATE)
    states.settle()
    with pytest.raises(StorageError, match="a is gone"):
        states.take("a")


def test_a_state_for_which_there_is_no_room_is_told_when_it_is_settled(shared, monkeypatch):
    states = Resident(shared, "cpu")

    def full(self, key, state):
        raise StorageError("There is no room.")

    monkeypatch.setattr(SharedMemory, "put", full)
    states.put("a", STATE)
    with pytest.raises(StorageError, match="no room"):
        states.settle()
    states.settle()


def test_what_lies_on_the_host_already_is_not_copied():
    state: dict[str, Any] = {"point": torch.arange(6.0), "array": np.arange(3)}
    assert on_host(state, "cpu")["point"].data_ptr() == state["point"].data_ptr()
