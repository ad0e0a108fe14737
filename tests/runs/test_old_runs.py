"""Runs of formats 1 and 2 (`-2`), made by pbt-gan 0.1.0 and kept in `old/`: they go on, no more for an older reader.

Each has a population of 3 and was stopped after 10 of 18 orders; `cut-off` ends within a line. The task of `module` was
`/home/user/task.py`, of which `old/task.py` is a copy.
"""

import json
import shutil
from pathlib import Path

import pytest

from pbt_gan.core.records import Exploit, Report
from pbt_gan.engine import Stop
from pbt_gan.errors import RunFolderError
from pbt_gan.runs.environment import versions
from pbt_gan.runs.launch import go_on
from pbt_gan.runs.places import Moved
from pbt_gan.runs.result import Run
from pbt_gan.store.journal import FORMAT, path_of, read
from pbt_gan.store.reader import read_run

OLD = Path(__file__).with_name("old")
NAMES = sorted(path.name for path in OLD.iterdir() if path.is_dir() and not path.name.startswith("_"))
MOVED = Moved(task_file=OLD / "task.py")


def moved(name: str) -> Moved:
    return MOVED if name == "module" else Moved()


def format_of(folder: Path) -> int:
    entry: dict[str, int] = json.loads(path_of(folder).read_bytes().splitlines()[0])
    return entry["format"]


@pytest.fixture(params=NAMES)
def old(request, tmp_path: Path) -> Path:
    return Path(shutil.copytree(OLD / request.param, tmp_path / request.param))


def test_an_old_run_goes_on_to_its_end(old):
    then = read_run(old)
    assert format_of(old) < FORMAT
    assert any(isinstance(record, Exploit) and record.donor for record in then.records)
    assert go_on(old, moved=moved(old.name)) == "finished"
    now = Run.open(old)
    assert [repr(record) for record in now.records()][: len(then.records)] == list(map(repr, then.records))
    assert {report.trained_steps for report in now.history.last.values()} == {60}
    assert len([record for record in now.records() if isinstance(record, Report)]) == 18


def test_what_goes_on_has_the_new_format_from_its_first_line_on(old):
    before = list(read(path_of(old)).entries)
    assert go_on(old, moved=moved(old.name), stop=Stop("enough")) == "enough"
    after = read(path_of(old)).entries
    began_with = before[0]["versions"]
    # The line at which an older reader looks; it says who has written it.
    assert after[0] == {**before[0], "format": FORMAT, "versions": versions(), "began_with": began_with}
    assert json.loads((old / "environment.json").read_bytes())["began_with"] == began_with
    assert list(after[1 : len(before)]) == before[1:]
    assert after[len(before)]["type"] == "resume"
    assert go_on(old) == "finished"  # and where its task lies is known by now


def test_an_old_run_is_read_and_not_touched(old):
    before = {path: path.read_bytes() for path in old.rglob("*") if path.is_file()}
    run = Run.open(old, task_file=MOVED.task_file if old.name == "module" else None)
    assert run.best is not None
    assert run.state() is not None
    assert run.state("0") is not None
    assert {path: path.read_bytes() for path in old.rglob("*") if path.is_file()} == before


def test_an_old_run_whose_task_is_gone_says_how_to_tell_where_it_is(tmp_path):
    old = Path(shutil.copytree(OLD / "module", tmp_path / "run"))
    with pytest.raises(RunFolderError, match=r"/home/user/task\.py is not there any more.*--task-file PATH"):
        go_on(old)
    assert format_of(old) == 1


def test_the_number_of_workers_that_an_old_run_has_fixed_stays(tmp_path):
    old = Path(shutil.copytree(OLD / "sync", tmp_path / "run"))
    assert go_on(old) == "finished"
    assert read_run(old).config["executor"]["workers"] == 2
