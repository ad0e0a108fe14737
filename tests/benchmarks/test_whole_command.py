import pytest

from benchmarks import ray_tune, whole_command
from benchmarks.targets import TIMES_RAY, WHOLE_COMMAND


@pytest.fixture
def searches(monkeypatch):
    """Let each run of the command take the next of some seconds."""
    seconds = iter([10.0, 12.0])
    monkeypatch.setattr(whole_command, "search", lambda: whole_command.Search(next(seconds), 20.0, 15.0, 4))


def test_ray_is_skipped_where_it_is_not_installed(monkeypatch, capsys, searches):
    monkeypatch.setattr(ray_tune, "find_spec", lambda name: None)
    told = {each.name: each.value for each in whole_command.main()}
    assert told[WHOLE_COMMAND] == 10.0
    assert told["whole command, processor time outside training and scoring"] == 25.0
    assert TIMES_RAY not in told
    assert "Ray is not installed" in capsys.readouterr().err


def test_the_command_runs_before_ray_and_after_it(monkeypatch, searches):
    rival = {"seconds": 33.0, "fit_s": 30.0, "exploits": 3, "ray": "2.60.0"}
    monkeypatch.setattr(ray_tune, "search", lambda: rival)
    told = [*whole_command.main()]
    assert [each.value for each in told if each.name == WHOLE_COMMAND] == [11.0, 33.0]
    (times,) = (each for each in told if each.name == TIMES_RAY)
    assert (times.value, times.target) == (3.0, ">= 3")
