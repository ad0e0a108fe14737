import json
import shutil
from typing import Any

import numpy as np
import pytest

import pbt_gan
from pbt_gan.errors import ConfigError, RunFolderError
from pbt_gan.gan.scores.networks import imagenet
from pbt_gan.runs.result import Run
from pbt_gan.runs.run import run as train
from pbt_gan.store import journal
from tools import ship_pretrained
from tools.ship_pretrained import ship

SMALL: dict[str, Any] = {
    "task": {"name": "gan", "width": 2, "z_size": 4, "batch_size": 16},
    "population_size": 2,
    "total_steps": 4,
    "ready_interval": 2,
    "metrics": {"samples": 100, "held_out_samples": 100},
    "executor": {"name": "serial", "workers": 1},
    "quiet": True,
}


@pytest.fixture(autouse=True)
def in_no_time(monkeypatch):
    monkeypatch.setattr(imagenet, "find_weights", lambda: None)
    monkeypatch.setattr(ship_pretrained, "QUICK", 100)
    monkeypatch.setattr("pbt_gan.runs.evaluating.SAMPLES", 100)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ship") / "run"
    train(**SMALL, out=folder)
    return folder


@pytest.mark.slow
def test_a_run_is_shipped_whole_but_for_its_checkpoints_and_always_alike(trained, tmp_path):
    first = ship(trained, "mine", folder=tmp_path / "one")
    again = tmp_path / "again"
    ship_pretrained._write_run(trained, again)
    for path in (path for path in again.rglob("*") if path.is_file()):
        assert path.read_bytes() == (first / path.relative_to(again)).read_bytes()
    for path in (path for path in first.rglob("*") if path.is_file()):
        assert str(trained.parent).encode() not in path.read_bytes()
    assert Run.open(first).history.reports == Run.open(trained).history.reports
    assert Run.open(first).table() == Run.open(trained).table()
    original = pbt_gan.load_generator(trained)
    off = pbt_gan.load_generator(first).sample(50).astype(int) - original.sample(50)
    assert np.abs(off).max() <= 2, "weights in 16 bits"
    card = json.loads((first / "card.json").read_bytes())
    assert card["data"]["licence"] == "CC BY 4.0"
    assert card["evaluation"]["with_data"]["networks"]["own"]["scores"].keys() >= {"cs", "fcd", "recall", "copied"}
    assert card["evaluation"]["without_data"]["networks"]["own"]["scores"].keys() == {"cs", "fcd", "kcd"}
    assert card["lineage"][-1]["end_step"] == card["member"]["step"]


def test_what_cannot_be_shipped_is_refused_and_nothing_is_written(trained, tmp_path, monkeypatch):
    out = tmp_path / "out"
    for name in ("", "..", "a/b", "pretrained:x", "ä"):
        with pytest.raises(ConfigError, match="use letters, digits and hyphens"):
            ship(trained, name, folder=out)
    with pytest.raises(RunFolderError, match="holds no run"):
        ship(tmp_path, "mine", folder=out)
    train(**SMALL, out=tmp_path / "begun", max_time=1e-6)
    with pytest.raises(RunFolderError, match="ship a run that has finished"):
        ship(tmp_path / "begun", "mine", folder=out)
    altered(trained, tmp_path / "own", lambda first: first["config"]["task"].update(data="/home/me/mine.npz"))
    with pytest.raises(ConfigError, match=r"trained on mine\.npz, which not everybody has"):
        ship(tmp_path / "own", "mine", folder=out)
    altered(trained, tmp_path / "code", lambda first: first["config"]["pbt"].update(exploit={"name": "a.py:b"}))
    with pytest.raises(ConfigError, match="needs code of its own"):
        ship(tmp_path / "code", "mine", folder=out)
    monkeypatch.setattr(ship_pretrained, "MOST_BYTES", 1_000)
    monkeypatch.setattr(ship_pretrained, "_write_run", only_a_journal)
    monkeypatch.setattr(ship_pretrained, "_carded", lambda made, data: ({}, []))
    monkeypatch.setattr(ship_pretrained, "page", lambda *args: "")
    with pytest.raises(ConfigError, match=r"bytes, more than 1,000: train a narrower one"):
        ship(trained, "mine", folder=out)
    assert not out.exists()


def altered(run, copy, change):
    """Copy a run, with another first line of its journal."""
    shutil.copytree(run, copy)
    path = journal.path_of(copy)
    first, *rest = journal.read(path).entries
    change(first)
    written = journal.Journal.create(path, first)
    written.append(rest)
    written.close()


def only_a_journal(source, made):
    made.mkdir()
