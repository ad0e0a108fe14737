import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pbt_gan.executors.scratch import Scratch, places, sweep


def test_a_folder_is_private_and_goes_with_its_content(tmp_path):
    scratch = Scratch(tmp_path)
    (scratch.path / "state").write_bytes(b"x")
    assert scratch.path.stat().st_mode & 0o077 == 0
    assert f"-{os.getpid()}-" in scratch.path.name
    scratch.close()
    scratch.close()
    assert list(tmp_path.iterdir()) == []


def test_a_killed_owners_folder_goes_when_the_next_one_starts(tmp_path):
    program = f"""
import os, signal
from pathlib import Path
from pbt_gan.executors.scratch import Scratch
(Scratch(Path({str(tmp_path)!r})).path / "state").touch()
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", program], check=False)
    (left,) = tmp_path.iterdir()
    assert list(left.iterdir())
    scratch = Scratch(tmp_path)
    assert list(tmp_path.iterdir()) == [scratch.path]
    scratch.close()


def test_a_living_owners_folder_stays_and_so_do_other_peoples_things(tmp_path):
    others = {"elsewhere", "pbt-gan-main", "pbt-gan-2024-runs", "pbt-gan-scratch-notes", "pbt-gan-scratch-1-link"}
    for name in others - {"pbt-gan-scratch-1-link"}:
        (tmp_path / name).mkdir()
    (tmp_path / "pbt-gan-scratch-1-link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "pbt-gan-scratch-1-file").touch()
    scratch = Scratch(tmp_path)
    sweep(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {*others, "pbt-gan-scratch-1-file", scratch.path.name}
    scratch.close()


@pytest.mark.slow
def test_owners_that_start_at_the_same_time_never_lose_their_folder(tmp_path):
    program = f"""
import time
from pathlib import Path
from pbt_gan.executors.scratch import Scratch
until_s = time.monotonic() + 0.7
while time.monotonic() < until_s:
    scratch = Scratch(Path({str(tmp_path)!r}))
    (scratch.path / "state").touch()
    scratch.close()
"""
    owners = [subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE) for _ in range(3)]
    assert [owner.communicate()[1].decode() for owner in owners] == [""] * 3
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("moment", ["opened", "locked"])
def test_a_folder_that_is_swept_while_it_is_made_is_made_again(tmp_path, monkeypatch, moment):
    swept: list[Path] = []
    call = {"opened": (os, "open"), "locked": (fcntl, "flock")}[moment]
    real = getattr(*call)

    def sweeping(what, *rest, **options):
        if not swept:
            swept.extend(tmp_path.iterdir())
            swept[0].rmdir()
        return real(what, *rest, **options)

    monkeypatch.setattr(*call, sweeping)
    scratch = Scratch(tmp_path)
    assert swept
    assert list(tmp_path.iterdir()) == [scratch.path]
    assert scratch.path not in swept
    scratch.close()


def test_a_folder_that_cannot_be_locked_is_not_left_behind(tmp_path, monkeypatch):
    def refuse(handle, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match="No locks"):
        Scratch(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_there_is_always_a_place():
    assert all(place.is_dir() for place in places())
    assert places()
