"""What a run is said to cost is what its own workers took."""

from pathlib import Path

import pytest

from pbt_gan.config.settings import Config
from pbt_gan.errors import TaskError
from pbt_gan.runs.project import Project
from pbt_gan.runs.rehearsal import Rehearsal
from pbt_gan.validation import validated

SIZE = {"population_size": 4, "total_steps": 40, "ready_interval": 20}


def rehearsal(folder, task="quadratic", workers=1, name="serial"):
    config = {"task": task, "pbt": SIZE, "executor": {"name": name, "workers": workers}, "seed": 0}
    project = Project(validated(Config, config))
    project.rehearse(folder)
    return Rehearsal(project, folder)


def test_steps_and_scores_are_told_apart(tmp_path, monkeypatch):
    def cost_s(self, members, steps):
        self._interval += 1
        return 0.5 + 0.1 * steps

    monkeypatch.setattr(Rehearsal, "_cost_s", cost_s)
    with rehearsal(tmp_path) as rehearsed:
        assert rehearsed.pace(2) == pytest.approx((0.1, 0.5))


@pytest.mark.slow
def test_workers_of_their_own_are_measured_and_leave_nothing(tmp_path):
    with rehearsal(tmp_path, workers=2, name="processes") as rehearsed:
        pace = rehearsed.pace(2)
        assert pace.step_s >= 0
        assert rehearsed.state_bytes() > 0
        assert rehearsed.peak_bytes() > 10 * 2**20
    assert list(tmp_path.iterdir()) == [tmp_path / "scorers"] or not list(tmp_path.iterdir())


def test_a_task_that_fails_is_told_as_in_a_run(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "import pbt_gan\nfrom pbt_gan.core.space import Float\n"
        "class Mine(pbt_gan.Task):\n"
        "    space = {'h': Float(0.5, (0.0, 1.0))}\n"
        "    def init(self, rng):\n        return {}\n"
        "    def train(self, state, hyperparams, steps, streams):\n        raise ValueError('no')\n"
        "    def score(self, state, rng):\n        return {'score': 0.0}\n"
    )
    with rehearsal(Path(tmp_path), task=f"{file}:Mine") as rehearsed, pytest.raises(TaskError, match="ValueError: no"):
        rehearsed.pace(1)
