import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
import torch

from tools.gpu_check import packages
from tools.gpu_check.__main__ import Check, check_names
from tools.gpu_check.ledger import Entry, Ledger, measured
from tools.gpu_check.pieces import PIECES, Piece
from tools.gpu_check.process import run
from tools.gpu_check.work.formulations import KERNEL, WAYS, in_channels
from tools.gpu_check.work.profile import idle

FIRST, SECOND, THIRD = PIECES[:3]
LINE = {"name": "rate", "value": 1.0, "unit": "", "setting": {}, "target": None}


def test_pieces_have_names_of_their_own_and_work_that_there_is():
    assert len({piece.name for piece in PIECES}) == len(PIECES)
    work = Path(packages.__file__).parent / "work"
    assert {f"{piece.module}.py" for piece in PIECES} <= {path.name for path in work.iterdir()}


def test_what_is_done_is_not_done_again_and_what_went_wrong_comes_last(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.note(FIRST, Entry("failed", 1.0, "boom"), [LINE], b"told\n")
    ledger.note(SECOND, Entry("done", 1.0), [LINE, LINE], b"")
    again = Ledger(tmp_path)
    assert again.left(PIECES[:3]) == [THIRD, FIRST]
    assert again.entries[FIRST.name] == Entry("failed", 1.0, "boom")
    assert [line["piece"] for line in again.lines] == [FIRST.name, SECOND.name, SECOND.name]


def test_a_piece_that_is_done_anew_takes_the_place_of_what_was_known_of_it(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.note(FIRST, Entry("failed", 1.0), [LINE, LINE], b"")
    ledger.note(FIRST, Entry("done", 2.0), [LINE], b"")
    assert len(Ledger(tmp_path).lines) == 1
    ledger.forget([FIRST.name])
    assert Ledger(tmp_path).left([FIRST]) == [FIRST]
    assert not Ledger(tmp_path).lines


def test_the_folder_is_flat_and_small(tmp_path):
    ledger = Ledger(tmp_path)
    for _ in range(3):
        ledger.note(FIRST, Entry("done", 1.0), [LINE], 100_000 * b"x")
    assert {path.name for path in tmp_path.iterdir()} == {"pieces.json", "measurements.jsonl", "log.txt"}
    assert (tmp_path / "log.txt").stat().st_size < 100_000


def test_a_line_that_was_cut_off_is_no_measurement(tmp_path):
    path = tmp_path / "piece.jsonl"
    path.write_text(f"{json.dumps(LINE)}\n{json.dumps(LINE)[:20]}")
    assert measured(path) == [LINE]
    assert measured(tmp_path / "nothing") == []


def test_a_process_that_takes_too_long_is_killed_with_its_children(tmp_path):
    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    ending = run([sys.executable, "-c", child], 1.0, tmp_path / "log", {})
    assert ending.code is None


def test_the_code_and_the_words_of_a_process_are_told(tmp_path):
    ending = run([sys.executable, "-c", "print('a word'); raise SystemExit(4)"], 60.0, tmp_path / "log", {})
    assert ending.code == 4
    assert (tmp_path / "log").read_text() == "a word\n"


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Return a check whose pieces are what their names say to Python."""
    check = Check(Ledger(tmp_path / "out"), tmp_path, {}, "cpu", tiny=True)

    def by_name(command, limit_s, log, environment):
        return run([sys.executable, "-c", command[3]], limit_s, log, environment)

    monkeypatch.setattr("tools.gpu_check.__main__.run", by_name)
    return check


def test_pieces_are_done_one_after_another_and_each_failure_is_told(check, capsys):
    pieces = [Piece("print(1)", "", 5.0), Piece("raise ValueError('a reason')", "", 5.0), Piece("pass", "", 5.0)]
    check.go(pieces, time.monotonic() + 60)
    assert [check.ledger.entries[piece.name].outcome for piece in pieces] == ["done", "failed", "done"]
    assert check.ledger.entries[pieces[1].name].told == "ValueError: a reason"
    assert "a reason" in capsys.readouterr().out


def test_a_piece_that_gets_stuck_is_told_and_one_that_the_end_cuts_short_is_left(check):
    stuck = Piece("import time; time.sleep(50)", "", 0.3)
    check.go([stuck], time.monotonic() + 60)
    assert check.ledger.entries[stuck.name].outcome == "stuck"
    cut = Piece("import time; time.sleep(51)", "", 50.0)
    check._do(cut, 0.5)
    assert check.ledger.left([cut]) == [cut]
    assert cut.name not in check.ledger.entries


def test_nothing_is_begun_for_which_there_is_no_time(check):
    check.go([FIRST], time.monotonic() + 1)
    assert FIRST.name not in check.ledger.entries


def test_what_comes_with_torch_is_not_collected():
    report = {"install": [{"metadata": {"name": name, "version": "1"}} for name in
              ("torch", "numpy", "nvidia-cublas", "triton", "Tomli_W", "rich", "torchmetrics")]}  # fmt: skip
    assert packages.missing(report, {"rich"}) == ["tomli-w==1", "torchmetrics==1"]
    assert packages.names_in("Rich 14.0\n\nannotated_types==0.7\n") == {"rich", "annotated-types"}


def test_the_requirements_are_those_of_the_project_without_torch():
    needed = packages.needed(Path(__file__).parents[2] / "pyproject.toml")
    assert "pydantic>=2.7" in needed
    assert not [line for line in needed if line.startswith(("torch", "numpy"))]


def test_only_what_is_missing_is_unpacked(tmp_path):
    for name in ("pytest", "no_such_package"):
        with zipfile.ZipFile(tmp_path / f"{name}-1.0-py3-none-any.whl", "w") as archive:
            archive.writestr(f"{name}/__init__.py", "")
    packages.install(tmp_path, tmp_path / "made")
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["no_such_package"]


@pytest.mark.parametrize("way", WAYS)
def test_all_formulations_compute_the_same(way):
    x = torch.randn(3, 2, 4, 8, 8, dtype=torch.float64)
    weight = torch.randn(3, 5, 4, KERNEL, KERNEL, dtype=torch.float64)
    torch.testing.assert_close(WAYS[way](x, weight), in_channels(x, weight))


def test_gaps_are_those_in_which_nothing_runs():
    assert idle([(0.0, 5.0), (1.0, 2.0), (7.0, 8.0), (8.0, 9.0), (9.5, 10.0)]) == [2.0, 0.5]


@pytest.mark.slow
def test_a_piece_is_tried_without_a_gpu_and_remembered(tmp_path):
    command = [sys.executable, "-m", "tools.gpu_check", "--cpu", "--out", str(tmp_path), "--only", "ceilings"]
    root = Path(packages.__file__).parents[2]
    first, second = (subprocess.run(command, capture_output=True, text=True, cwd=root, check=False) for _ in range(2))
    assert (first.returncode, second.returncode) == (3, 3), first.stdout + first.stderr  # the others are left
    assert "ceilings: done" in first.stdout
    assert "ceilings: done" not in second.stdout
    assert "NOT DONE: equality" in second.stdout
    assert {line["tiny"] for line in measured(tmp_path / "measurements.jsonl")} == {True}


def test_a_piece_that_there_is_not_is_refused():
    with pytest.raises(SystemExit, match="no piece soup"):
        check_names(["soup"])
