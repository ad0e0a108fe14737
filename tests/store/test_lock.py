import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pbt_gan.errors import RunFolderError, StorageError
from pbt_gan.store.disk import DiskStore
from pbt_gan.store.lock import RunLock, held
from pbt_gan.store.paused import PausedRun
from pbt_gan.store.reader import read_run

HOLD = """
import sys
from pathlib import Path
from pbt_gan.store.disk import DiskStore
store = DiskStore.create(Path(sys.argv[1]), {"config": {}, "cards": {}})
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_process_is_told_who_writes_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert held(folder)
        assert read_run(folder).ending == "running"
        with pytest.raises(RunFolderError, match=rf"in use by process {process.pid} on "):
            PausedRun(folder)
        process.kill()
    assert not held(folder)
    assert read_run(folder).ending == "interrupted"
    with PausedRun(folder):
        assert held(folder)
    assert not held(folder)


def test_one_process_opens_a_run_once(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    with pytest.raises(RunFolderError, match=f"in use by process {os.getpid()} on "):
        RunLock(tmp_path)
    lock.release()
    RunLock(tmp_path).release()
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_folder_that_cannot_be_locked_is_told(tmp_path: Path) -> None:
    (tmp_path / ".lock").mkdir()
    with pytest.raises(StorageError, match="Cannot write"):
        RunLock(tmp_path)


def test_nobody_holds_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert not held(tmp_path / "none")


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_no_run_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(handle: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    store = DiskStore.create(tmp_path / "run", {"config": {}, "cards": {}})
    store.close("Ctrl-C")
    monkeypatch.setattr(fcntl, "flock", refuse)
    for begin in (lambda: RunLock(tmp_path), lambda: PausedRun(tmp_path / "run")):
        with pytest.raises(RunFolderError, match=r"without locks .*Train in a folder on a disk of this machine"):
            begin()
    assert list(tmp_path.glob("*")) == [tmp_path / "run"]
    assert not held(tmp_path / "run")
    assert read_run(tmp_path / "run").ending == "Ctrl-C"
