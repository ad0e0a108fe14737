"""Folders and files of any name, and what else of a machine can be odd."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pbt_gan.store.reader import read_run

ODD = b"r\xff\xc3".decode("utf-8", "surrogateescape")  # no UTF-8; a path all the same

SIZE = ["--population", "2", "--steps", "20", "--set", "pbt.ready_interval=10", "--executor", "serial"]


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder whose name is no UTF-8, with a task in it."""
    folder = tmp_path / ODD
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this disk takes UTF-8 only")
    (folder / "mine.py").write_text("from pbt_gan.toy.quadratic import Quadratic\nclass Mine(Quadratic): pass\n")
    return folder


@pytest.mark.slow
@pytest.mark.slow
def test_a_run_goes_its_way_in_a_folder_whose_name_is_no_utf_8(pbt_gan, odd):
    run = odd / "run"
    for arguments in (
        ["train", f"{odd / 'mine.py'}:Mine", "--out", run, *SIZE],
        ["resume", run, "--steps", "40"],
        ["show", run],
        ["show", run, "--json"],
        ["report", run],
        ["compare", run, run, "--out", odd / "picture.png"],
        ["train", f"{odd / 'mine.py'}:Mine", *SIZE, "--dry-run"],
    ):
        said = pbt_gan(*arguments)
        assert said.code == 0, said.err
        assert "Traceback" not in said.err
        assert all(line.isprintable() for line in (said.out + said.err).splitlines())
    assert read_run(run).config["task"]["name"] == f"{odd / 'mine.py'}:Mine"
    assert "r??/mine.py" in (run / "config.toml").read_text()
    for path in run.glob("*.*"):
        path.read_bytes().decode()


@pytest.mark.slow
@pytest.mark.slow
def test_an_experiment_likewise_and_it_goes_on(pbt_gan, odd):
    ask = ["experiment", f"{odd / 'mine.py'}:Mine", "--seeds", "0-1", "--out", odd / "experiment", *SIZE]
    for _ in range(2):
        said = pbt_gan(*ask)
        assert said.code == 0, said.err


def test_a_mistake_about_such_a_path_is_a_line(pbt_gan, plain, odd):
    for arguments in (["show", odd], ["train", odd / "no.toml"], ["train", "--data", odd / "no.npz"]):
        assert plain(pbt_gan(*arguments)).isprintable()


def test_a_folder_that_is_gone_is_told(pbt_gan, plain, tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    shutil.rmtree(tmp_path / "gone")
    for arguments in (["train", "digits"], ["train", "mine.py:Mine"], ["train", "quadratic", "--set", "task.data=x"]):
        assert "The folder that you are in is gone" in plain(pbt_gan(*arguments))


@pytest.mark.slow
@pytest.mark.slow
@pytest.mark.parametrize("few", [5, 8, 12, 16])
def test_few_file_descriptors_are_told_in_a_line(tmp_path, few):
    train = f"{sys.executable} -m pbt_gan train quadratic --out run --workers 4 --executor processes --steps 100"
    done = subprocess.run(
        ["sh", "-c", f"ulimit -n {few}; exec {train}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "bug of pbt-gan" not in done.stderr
    assert done.returncode in (0, 1, 2)
