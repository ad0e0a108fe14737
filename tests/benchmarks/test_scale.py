"""The simulated crowd, small."""

import math

import pytest

from benchmarks.scale import RULES, Setting, recovered, run


@pytest.mark.parametrize(("mode", "comparison"), RULES)
def test_a_crowd_trains_all_that_was_planned_and_can_be_taken_up_again(mode, comparison, tmp_path):
    setting = Setting(mode, comparison, members=24, workers=5, points=3, losses=0.5)
    found = {**run(setting, tmp_path / "run"), **recovered(setting, tmp_path / "run")}
    assert all(math.isfinite(value) for value in found.values())
    assert found["orders lost with their workers", "%"] > 0
    waiting = found["workers' time spent waiting", "%"]
    assert waiting > 5 if mode == "sync" else waiting < 2
