"""On devices that need no GPU: the meta device, whose tensors are all shape, and one that keeps a diary."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.fake_gpu import fake_gpu
from pbt_gan import codec
from pbt_gan.errors import StorageError
from pbt_gan.executors.exchange import Memory, SharedMemory
from pbt_gan.executors.resident import Cuda, Resident
from pbt_gan.executors.spread import _Place
from pbt_gan.testing.walk import GroupWalk

STATE: dict[str, Any] = {"point": torch.arange(6.0), "steps": 3}


class Diary:
    """A device that writes down what is asked of it; its memory is the host's."""

    def __init__(self) -> None:
        self.entries: list[str] = []
        self.work = 0
        self.may_fetch = threading.Event()
        self.may_fetch.set()

    def moment(self, state):
        self.entries.append(f"moment {self.work}")
        return self.work

    def fetched(self, state, made):
        assert threading.current_thread() is not threading.main_thread()
        assert self.may_fetch.wait(60)
        self.entries.append(f"fetched after {made}")
        return state


class Meta(Diary):
    """The meta device: what leaves it is full of sevens."""

    def fetched(self, state, made):
        def sent(leaf):
            return torch.full(leaf.shape, 7.0, dtype=leaf.dtype) if leaf.is_meta else leaf

        return codec.mapped(super().fetched(state, made), sent)


class Shared(Memory):
    """Memory that may be full, and that tells who reads it."""

    def __init__(self) -> None:
        super().__init__()
        self.full = False
        self.read: list[str] = []

    def take(self, key):
        self.read.append(key)
        return super().take(key)

    def put(self, key, state):
        if self.full:
            raise StorageError("There is no room.")
        super().put(key, state)

    def holds(self, key):
        return key in self._states


@pytest.fixture
def shared():
    return Shared()


def test_what_was_put_is_shared_once_it_is_settled(tmp_path):
    shared = SharedMemory([tmp_path])
    states = Resident(shared, Diary())
    states.put("a", STATE)
    states.put("b", STATE)
    states.settle()
    for key in ("a", "b"):
        assert bytes(shared.encoded(key)) == codec.encode(STATE)


def test_a_state_that_this_worker_put_is_not_read_from_the_shared_memory_again(shared):
    states = Resident(shared, Diary())
    states.put("a", STATE)
    states.settle()
    first, second = states.take("a"), states.take("a")
    first["point"] += 1
    assert torch.equal(second["point"], STATE["point"])
    assert shared.read == []


def test_a_state_of_another_worker_comes_from_the_shared_memory(shared):
    shared.put("a", STATE)
    assert torch.equal(Resident(shared, Diary()).take("a")["point"], STATE["point"])
    assert shared.read == ["a"]


def test_the_caller_may_go_on_with_what_it_put_while_it_is_still_being_fetched(shared):
    device = Diary()
    device.may_fetch.clear()
    states, state = Resident(shared, device), codec.clone(STATE)
    states.put("a", state)
    state["point"] += 1
    assert not shared.holds("a")
    device.may_fetch.set()
    states.settle()
    for kept in (states.take("a"), shared.take("a")):
        assert torch.equal(kept["point"], STATE["point"])


def test_each_state_is_fetched_after_the_moment_at_which_it_was_made(shared):
    device = Diary()
    states = Resident(shared, device)
    for device.work, key in enumerate("abc"):
        states.put(key, STATE)
    states.settle()
    assert [entry for entry in device.entries if entry.startswith("moment")] == ["moment 0", "moment 1", "moment 2"]
    fetches = [entry for entry in device.entries if entry.startswith("fetched")]
    assert fetches == ["fetched after 0", "fetched after 1", "fetched after 2"]


def test_states_stay_on_their_device_and_only_copies_of_them_leave_it(shared):
    states = Resident(shared, Meta())
    layer = torch.empty(2, 3, device="meta")
    states.put("a", {"layer": layer, "tied": layer, "on the host": torch.ones(2), "steps": 3})
    states.settle()
    held, safe = states.take("a"), shared.take("a")
    assert held["layer"].is_meta
    assert held["layer"] is held["tied"]
    assert held["layer"] is not layer
    assert not held["on the host"].is_meta
    assert torch.equal(safe["layer"], torch.full((2, 3), 7.0))
    assert torch.equal(safe["on the host"], torch.ones(2))
    assert safe["steps"] == 3


def test_what_is_gone_from_the_shared_memory_is_held_no_longer(tmp_path):
    shared = SharedMemory([tmp_path])
    states = Resident(shared, Diary())
    states.put("a", STATE)
    states.settle()
    shared.keep(frozenset())
    states.put("b", STATE)
    states.settle()
    with pytest.raises(StorageError, match="a is gone"):
        states.take("a")


def test_a_state_for_which_there_is_no_room_is_told_when_it_is_settled_and_not_again(shared):
    states = Resident(shared, Diary())
    shared.full = True
    states.put("a", STATE)
    with pytest.raises(StorageError, match="no room"):
        states.settle()
    shared.full = False
    states.put("b", STATE)
    states.settle()
    assert shared.holds("b")


@given(st.lists(st.tuples(st.sampled_from(["put", "take", "settle", "keep"]), st.sampled_from("abcd")), max_size=40))
def test_what_is_taken_is_what_was_put_wherever_it_comes_from(moves):
    shared = Shared()
    workers = [Resident(shared, Diary()), Resident(shared, Diary())]
    content: dict[str, float] = {}
    for number, (what, key) in enumerate(moves):
        worker = workers[number % 2]
        match what:
            case "put" if key not in content:  # what lies under a key never changes
                worker.put(key, {"value": torch.tensor(float(number))})
                worker.settle()
                content[key] = float(number)
            case "take" if key in content:
                assert worker.take(key)["value"].item() == content[key]
            case "settle":
                worker.settle()
            case "keep":
                shared.keep(frozenset(content) - {key})
                for each in workers:
                    each.settle()
                content.pop(key, None)


def test_of_a_gpu_every_tensor_is_fetched_once_and_what_is_on_the_host_stays_as_it_is():
    here = torch.ones(2)
    with fake_gpu() as meter:
        layer = torch.empty(2, 3, device="cuda")
        state = {"layer": layer, "tied": layer, "here": here, "steps": 3}
        copy = Cuda().fetched(state, Cuda().moment(state))
        assert meter.fetched_bytes == 24
    assert copy["layer"] is copy["tied"]
    assert copy["here"] is here
    assert copy["layer"].device.type == "cpu"
    assert meter.waits.total() == 1, "for all of them at the end"


def test_a_state_of_the_host_alone_waits_for_no_gpu():
    state = {"here": torch.ones(2)}
    assert Cuda().moment(state) == {}
    assert Cuda().fetched(state, {})["here"] is state["here"]


@pytest.mark.gpu
def test_a_state_of_a_gpu_is_shared_as_it_was_when_it_was_put(tmp_path):
    states = Resident(SharedMemory([tmp_path]), Cuda())
    point = torch.randn(1 << 20, device="cuda")
    before = point.cpu()
    states.put("a", {"point": point, "steps": 3})
    point.add_(1)
    assert torch.equal(states.take("a")["point"].cpu(), before)
    states.settle()
    assert torch.equal(codec.decode(SharedMemory([tmp_path]).encoded("a"))["point"], before)


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="copies from GPU to GPU need two of them")
def test_a_state_goes_from_gpu_to_gpu_and_stays_what_it_is(tmp_path):
    states = Resident(SharedMemory([tmp_path]), Cuda())
    points = [torch.randn(1 << 20, device=f"cuda:{number}") for number in range(2)]
    states.put("a", {"one": points[0], "other": points[1]})
    states.settle()
    taken = states.take("a")
    assert [str(taken[name].device) for name in ("one", "other")] == ["cuda:0", "cuda:1"]
    place = _Place(GroupWalk(), "cuda:1", ThreadPoolExecutor(1))
    (fetched,) = place.fetched([taken])
    assert fetched["other"] is taken["other"]
    assert str(fetched["one"].device) == "cuda:1"
    assert torch.equal(fetched["one"].cpu(), points[0].cpu())
