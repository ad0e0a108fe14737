import errno
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from pbt_gan import codec
from pbt_gan.errors import StorageError
from pbt_gan.executors.exchange import Memory, SharedMemory

STATE = {"point": np.arange(6.0).reshape(2, 3), "steps": 3, "name": "a"}


@pytest.fixture
def folders(tmp_path):
    made = [tmp_path / "memory", tmp_path / "disk"]
    for folder in made:
        folder.mkdir()
    return made


@pytest.fixture(params=["memory", "shared"])
def states(request, folders):
    return Memory() if request.param == "memory" else SharedMemory(folders)


@pytest.fixture
def full(monkeypatch):
    """Return a set of folders that are full."""
    found: set[Path] = set()
    opened = Path.open

    class Full:
        def __init__(self, file: IO[bytes]) -> None:
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        def writelines(self, parts):
            self.file.write(bytes(parts[0])[:3])
            raise OSError(errno.ENOSPC, "No space left on device")

    def open_(path, mode="r", *rest):
        file = opened(path, mode, *rest)
        return Full(file) if path.parent in found and "w" in mode else file

    monkeypatch.setattr(Path, "open", open_)
    return found


def test_a_state_comes_back_as_a_copy_of_its_own(states):
    states.put("a", STATE)
    first, second = states.take("a"), states.take("a")
    first["point"] += 1
    np.testing.assert_array_equal(second["point"], STATE["point"])
    assert {**second, "point": 0} == {**STATE, "point": 0}
    assert bytes(states.encoded("a")) == codec.encode(STATE)


def test_a_state_is_what_it_was_when_it_was_put(states):
    state = {"point": np.zeros(3)}
    states.put("a", state)
    state["point"] += 1
    assert states.take("a")["point"].sum() == 0


def test_a_restored_state_is_taken_and_given_back_as_it_came(states):
    states.restore("a", codec.encode(STATE))
    states.take("a")["point"] += 1
    np.testing.assert_array_equal(states.take("a")["point"], STATE["point"])
    assert bytes(states.encoded("a")) == codec.encode(STATE)


def test_only_what_is_named_is_kept(states):
    states.put("a", STATE)
    states.put("b", STATE)
    states.restore("c", codec.encode(STATE))
    states.keep(frozenset(["b", "z"]))
    assert states.take("b")["steps"] == 3
    for key in "ac":
        with pytest.raises((KeyError, StorageError)):
            states.take(key)


def test_where_the_memory_is_full_states_go_to_the_disk(folders, full):
    states = SharedMemory(folders)
    full.add(folders[0])
    states.put("a", STATE)
    assert [path.name for path in folders[0].iterdir()] == []
    assert [path.name for path in folders[1].iterdir()] == ["a"]
    assert states.take("a")["steps"] == 3
    full.clear()
    states.put("b", STATE)
    assert [path.name for path in folders[0].iterdir()] == ["b"]
    states.keep(frozenset(["b"]))
    assert list(folders[1].iterdir()) == []


def test_where_all_is_full_the_error_says_how_much_is_needed_and_where(folders, full):
    full.update(folders)
    with pytest.raises(StorageError, match=r"state of 8 MB in .*memory or .*disk\. Free"):
        SharedMemory(folders).put("a", {"point": np.zeros(1_000_000)})
    assert [path for folder in folders for path in folder.iterdir()] == []


def test_the_half_that_a_killed_worker_left_is_never_seen_and_goes(folders):
    states = SharedMemory(folders)
    (folders[0] / ".a").write_bytes(b"half")
    with pytest.raises(StorageError, match="a is gone"):
        states.take("a")
    states.keep(frozenset(["a"]))
    assert list(folders[0].iterdir()), "somebody may be writing it just now"
    states.keep(frozenset())
    assert list(folders[0].iterdir()) == []
