"""The examples do what they say, as a person would run them."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pbt_gan import Run, references
from pbt_gan.testing import TaskConformance

EXAMPLES = Path(__file__).parent.parent / "examples"


def started(name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(EXAMPLES / name)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_classifier_is_short_and_learns(tmp_path):
    assert len((EXAMPLES / "classifier.py").read_text().splitlines()) <= 40
    done = started("classifier.py", tmp_path)
    assert done.returncode == 0, done.stderr
    run = Run.open(tmp_path / "runs" / "classifier")
    assert run.ending == "finished"
    assert run.best is not None
    assert run.best.score > -0.1
    assert run.best.metrics["held_out"] > -0.2
    assert set(run.schedule()[0][1]) == {"lr", "weight_decay", "dropout"}
    assert (run.folder / "report.html").exists() if run.folder else False


@pytest.mark.slow
class TestClassifier(TaskConformance):
    def make(self):
        return references.load(f"{EXAMPLES / 'classifier.py'}:Classifier")()


@pytest.mark.slow
def test_the_notebook_finds_the_line(tmp_path):
    done = started("notebook.py", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "'loss':" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_listener_hears_who_copies_whom(tmp_path):
    done = started("listener.py", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "copies" in done.stdout


@pytest.mark.slow
def test_a_script_without_a_guard_is_told_once_where_the_guard_belongs(tmp_path):
    done = started("without_guard.py", tmp_path)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert f"{EXAMPLES / 'without_guard.py'} starts a run whenever it is loaded" in last
    assert last.endswith('Put the call of pbt_gan.run under `if __name__ == "__main__":`.')
    assert done.stderr.count("whenever it is loaded") == 1
    assert done.stderr.count("Traceback") == 1
    command = [sys.executable, "-m", "pbt_gan", "train", f"{EXAMPLES / 'without_guard.py'}:Still", "--dry-run"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert told.stderr.count("whenever it is loaded") == 1
    assert "Traceback" not in told.stderr


@pytest.mark.slow
def test_the_patient_rule_remembers_who_has_copied(tmp_path):
    done = started("patient_rule.py", tmp_path)
    assert done.returncode == 0, done.stderr
    copies = re.search(r"last copy: (\{.+\})", done.stdout)
    assert copies
    assert set(ast.literal_eval(copies[1])) <= {str(member) for member in range(6)}
