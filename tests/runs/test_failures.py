"""What a run says and keeps of failed orders, by their kind."""

from pathlib import Path
from typing import Any

import pytest

from pbt_gan.config.settings import Config
from pbt_gan.core.records import Failure, Report
from pbt_gan.errors import OutOfMemoryError, StorageError, TaskError
from pbt_gan.executors import watch
from pbt_gan.reporting import brief_listeners
from pbt_gan.runs.launch import start
from pbt_gan.runs.project import Project
from pbt_gan.store.reader import read_run
from pbt_gan.validation import validated

ODD = Path(__file__).parents[1] / "executors" / "odd_tasks.py"


def project(task: str, executor: Any = "serial", **arguments: str) -> Project:
    table = {
        "task": {"name": f"{ODD}:{task}", **arguments},
        "pbt": {"population_size": 2, "total_steps": 2, "ready_interval": 1},
        "executor": executor,
    }
    return Project(validated(Config, table))


def failures(folder: Path) -> list[Failure]:
    return [record for record in read_run(folder).records if isinstance(record, Failure)]


@pytest.mark.parametrize(
    ("kind", "error", "attempts", "said"),
    [
        ("task", TaskError, 1, r"KeyError: 'lost'\. Mend .*odd_tasks\.py, line \d+ and resume"),
        ("memory", OutOfMemoryError, 3, r"Unable to allocate.* attempt 3 of 3\. Resume with fewer workers"),
        ("storage", StorageError, 1, r"No space left on device.*\. Free some space and resume the run"),
    ],
)
def test_error_journal_and_log_tell_what_has_to_be_looked_at(kind, error, attempts, said, tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(error, match=said):
        start(project("Failing", error=kind), folder, listeners=brief_listeners)
    told = failures(folder)
    assert [(each.kind, each.attempt) for each in told if each.member == told[-1].member] == [
        (kind, attempt) for attempt in range(1, attempts + 1)
    ]
    log = (folder / "log.txt").read_text()
    assert f"on serial ({kind}): " in log
    assert "Traceback" in log


@pytest.mark.slow
@pytest.mark.parametrize("deadline_s", [1.0, "auto"])
def test_a_worker_that_hangs_is_ended_at_its_deadline_and_the_run_goes_on_to_its_end(tmp_path, deadline_s, monkeypatch):
    monkeypatch.setattr(watch, "PATIENCE_S", 2.0)
    folder = tmp_path / "run"
    made = project("Forgetful", {"workers": 2, "deadline_s": deadline_s}, folder=str(tmp_path))
    assert start(made, folder, listeners=brief_listeners) == "finished"
    assert {each.kind for each in failures(folder)} == {"deadline"}
    assert sum(isinstance(record, Report) for record in read_run(folder).records) == 4
    assert "(deadline): worker-" in (folder / "log.txt").read_text()
