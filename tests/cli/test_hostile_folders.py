"""Files and names that somebody else gave: pipes, links, names that would be markup, colours or formulas."""

import csv
import json
import os
import shutil
import stat
import subprocess
from pathlib import Path

import numpy as np
import pytest

from pbt_gan.store.journal import Journal, path_of, read
from tools.fuzz.targets import check_page

SCRIPT = "</script><script>alert(1)</script>"
NAMES = (SCRIPT, "\x1b]8;;http://x\x07\x1b[31mred", "\u202egnp.exe", "[link=file:///etc]cat[/link]", "=1+1", "a\nb")


@pytest.mark.parametrize(
    "name", ["journal.jsonl", "signature.json", "average.json", "scorers/classes.json", ".lock.json"]
)
def test_a_pipe_in_place_of_a_file_is_not_waited_for(pbt_gan, kept, tmp_path, name):
    run = Path(shutil.copytree(kept / "gan", tmp_path / "run"))
    (run / name).unlink(missing_ok=True)
    os.mkfifo(run / name)
    for words in (["show", run], ["sample", run, "--member", "average", "--out", "x.png"]):
        assert "Traceback" not in pbt_gan(*words).err
    if name == "journal.jsonl":
        assert "it is no file" in pbt_gan("show", run).err


def test_a_checkpoint_or_a_scorer_that_is_a_pipe_is_refused(pbt_gan, plain, kept, tmp_path):
    run = Path(shutil.copytree(kept / "gan", tmp_path / "run"))
    for path in (run / "checkpoints").iterdir():
        path.unlink()
        os.mkfifo(path)
    assert "it is no file" in plain(pbt_gan("sample", run, "--out", "x.png"), code=1)


@pytest.mark.parametrize("name", ["journal.jsonl", "log.txt", ".lock"])
def test_nothing_is_written_through_a_link(pbt_gan, plain, begun, tmp_path, name):
    mine = tmp_path / "mine.txt"
    path = begun / name
    shutil.copy(path, mine) if path.exists() else mine.write_text("mine")
    before = mine.read_bytes()
    path.unlink(missing_ok=True)
    path.symlink_to(mine)
    said = pbt_gan("resume", begun)
    assert "Traceback" not in said.err
    assert mine.read_bytes() == before


def test_no_plot_is_drawn_into_a_folder_elsewhere(pbt_gan, plain, run, tmp_path):
    shutil.rmtree(run / "plots")
    (tmp_path / "mine").mkdir()
    (run / "plots").symlink_to(tmp_path / "mine")
    assert "It is a link" in plain(pbt_gan("report", run), code=1)
    assert not [*(tmp_path / "mine").iterdir()]


@pytest.mark.parametrize("linked", ["export", "export/safetensors"])
def test_a_generator_is_not_exported_through_a_link_of_the_run(pbt_gan, plain, kept, tmp_path, linked):
    run = Path(shutil.copytree(kept / "gan", tmp_path / "run"))
    (tmp_path / "mine").mkdir()
    (run / linked).parent.mkdir(exist_ok=True)
    (run / linked).symlink_to(tmp_path / "mine")
    assert "by a link; name a place with --out" in plain(pbt_gan("export", run))
    assert not list((tmp_path / "mine").iterdir())
    assert pbt_gan("export", run, "--out", "mine").code == 0


def test_what_is_derived_takes_the_place_of_a_link(pbt_gan, run, tmp_path):
    (tmp_path / "mine.html").write_text("mine")
    (run / "report.html").unlink()
    (run / "report.html").symlink_to(tmp_path / "mine.html")
    assert pbt_gan("report", run).code == 0
    assert (tmp_path / "mine.html").read_text() == "mine"
    assert not (run / "report.html").is_symlink()


def as_people_see_them(*said):
    for each in said:
        assert "Traceback" not in each.err
        for line in (each.out + each.err).splitlines():
            assert line.isprintable(), line
    return said


def test_names_of_classes_are_texts(pbt_gan):
    images = np.random.default_rng(0).integers(0, 256, (120, 8, 8, 1), dtype=np.uint8)
    np.savez("images.npz", images=images, labels=np.array(NAMES)[np.arange(120) % len(NAMES)])
    plain, machine = as_people_see_them(pbt_gan("data", "images.npz"), pbt_gan("data", "images.npz", "--json"))
    assert plain.code == 0
    assert SCRIPT in json.dumps(json.loads(machine.out))


@pytest.mark.slow
def test_whatever_a_run_calls_things_is_text_in_terminal_page_table_and_card(pbt_gan, kept, tmp_path):
    run = Path(shutil.copytree(kept / "gan", tmp_path / "run"))
    first, *rest = json.loads(json.dumps(read(path_of(run)).entries))
    first["name"] = first["versions"]["torch"] = "".join(NAMES)
    first["cards"] |= {f"x{number}": {"name": name, name: [name, {name: name}]} for number, name in enumerate(NAMES)}
    first["cards"]["score"] |= {"name": SCRIPT, "short": NAMES[1], "better": NAMES[2]}
    for entry in rest:
        if entry["type"] == "report":
            entry["metrics"] |= {"x0": 1.0, "=1+1": 2.0, SCRIPT: 3.0}
        if entry["type"] == "end":
            entry["ending"] = "".join(NAMES)
    path_of(run).unlink()
    journal = Journal.create(path_of(run), first)
    journal.append(rest)
    journal.close()
    looks = (["show", run], ["report", run], ["compare", run, run], ["export", run, "--licence", SCRIPT])
    assert {each.code for each in as_people_see_them(*(pbt_gan(*words) for words in looks))} == {0}
    page = (run / "report.html").read_text(encoding="utf-8")
    check_page(page)
    assert "alert(1)" in page
    assert SCRIPT not in page
    with (run / "metrics.csv").open(newline="") as file:
        assert not any(cell.startswith(("=", "+", "@")) for row in csv.reader(file) for cell in row)
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser:
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", f"file://{run}/report.html"]
        shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
        assert "<script" not in shown


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_files_have_the_modes_that_their_user_asks_for(pbt_gan, kept, mask):
    before = os.umask(mask)
    try:
        assert pbt_gan("train", kept / "toy.toml", "--out", "run").code == 0
    finally:
        os.umask(before)
    for path in (Path("run"), *Path("run").rglob("*")):
        assert not stat.S_IMODE(path.stat().st_mode) & mask, path
