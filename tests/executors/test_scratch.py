import os
import subprocess
import sys

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


def test_there_is_always_a_place():
    assert all(place.is_dir() for place in places())
    assert places()
