import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pbt_gan.gan.scores.networks import imagenet
from pbt_gan.runs.pretrained import SCHEME, run_place

NAME = "pretrained:digits"


@pytest.fixture(autouse=True)
def nothing_is_written(contents: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(imagenet, "find_weights", lambda: None)
    before = contents(run_place(NAME))
    yield
    assert contents(run_place(NAME)) == before


def test_they_are_listed_and_each_has_a_card(pbt_gan, plain):
    listed = pbt_gan("pretrained")
    assert listed.code == 0
    assert re.search(rf"^{NAME} +handwritten digits, 8×8", listed.out, re.MULTILINE)
    for name in ("digits", NAME):
        card = pbt_gan("pretrained", name).out
        assert "Licence of the data: CC BY 4.0" in card
        assert "Not good for" in card
    assert NAME in plain(pbt_gan("pretrained", "../x"))


def test_a_run_is_shown_and_compared_by_its_name(pbt_gan, kept):
    shown = pbt_gan("show", NAME)
    assert shown.code == 0
    assert f"{NAME}: finished" in shown.out
    assert "tensorboard --logdir" in shown.out
    compared = pbt_gan("compare", NAME, kept / "gan")
    assert compared.code == 0
    assert NAME in compared.out


def test_its_images_are_drawn(pbt_gan, tmp_path):
    said = pbt_gan("sample", NAME, "--count", 16, "--out", "grid.png", "--seed", 5)
    assert said.code == 0
    assert "16 images of m04" in said.out
    assert pbt_gan("sample", NAME, "--count", 16, "--out", "grid.npz", "--seed", 5).code == 0
    assert np.load("grid.npz")["images"].shape == (16, 8, 8, 1)
    assert pbt_gan("sample", NAME, "--classes", "0,7", "--count", 8, "--out", "sheet.png").code == 0


@pytest.mark.slow
def test_what_writes_into_a_run_takes_a_copy_or_is_refused(pbt_gan, plain, tmp_path):
    said = pbt_gan("report", NAME)
    assert said.code == 0
    assert f"{NAME} is copied to runs/pretrained-digits" in said.out
    assert (tmp_path / "runs/pretrained-digits/report.html").stat().st_size > 100_000
    assert "add --out FOLDER" in plain(pbt_gan("export", NAME))
    assert pbt_gan("export", NAME, "--half", "--out", "mine").code == 0
    assert pbt_gan("sample", "mine", "--out", "again.png").code == 0
    for command in ("resume", "average"):
        assert "comes with the package" in plain(pbt_gan(command, NAME))


@pytest.mark.slow
def test_it_is_measured_as_any_run(pbt_gan):
    said = pbt_gan("evaluate", NAME, "--samples", 100, "--neighbours", "nearest.png")
    assert said.code == 0
    assert f"100 images of {NAME}, member best, beside 1,797 images of digits" in said.out


@pytest.mark.parametrize("command", ["show", "report", "sample", "evaluate", "export", "replay", "saturation"])
def test_another_name_is_refused_in_a_line(pbt_gan, plain, command):
    out = ["--out", "x.png"] if command in ("sample", "replay") else []
    assert f"Did you mean '{NAME}'?" in plain(pbt_gan(command, f"{SCHEME}digitz", *out))


def test_a_schedule_is_trained_again(pbt_gan):
    said = pbt_gan("replay", NAME, "--out", "again", "--seed", 3, "--max-time", "0.000001s")
    assert said.code == 0, said.err
    assert (Path("again") / "journal.jsonl").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_package_that_is_read_only_serves_as_well(pbt_gan, monkeypatch, tmp_path):
    import shutil

    from pbt_gan.runs import pretrained

    copy = Path(shutil.copytree(run_place(NAME).parent, tmp_path / "read-only"))
    for path in (copy, *copy.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    monkeypatch.setattr(pretrained, "shipped_folder", lambda: copy)
    assert pbt_gan("show", NAME).code == 0
    assert pbt_gan("report", NAME).code == 0
    assert os.access("runs/pretrained-digits/journal.jsonl", os.W_OK)
