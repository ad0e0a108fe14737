"""A run that measures again is the same wherever its members train."""

from pathlib import Path

import pytest

import pbt_gan
from pbt_gan.core.records import Measurement, timeless

NOISY = f"{Path(__file__).with_name('noisy.py')}:Noisy"


def records(mode, executor):
    run = pbt_gan.run(
        NOISY, population=[[0, 4], [0.5, 2]], total_steps=40, ready_interval=10, mode=mode, quiet=True,
        selection={"min_gap": 1, "repeats": 3}, explore={"name": "settle", "when": "proved"},
        policy={"name": "pbt", "patience": 2}, initial=["middle"], executor=executor,
    )  # fmt: skip
    return [timeless(record) for record in run.records()], run


@pytest.mark.slow
def test_it_ends_equally_here_and_in_workers():
    here, run = records("sync", "serial")
    assert any(isinstance(record, Measurement) for record in run.records())
    there, _ = records("sync", {"name": "processes", "workers": 2})

    def in_order(entries):
        return sorted(map(repr, entries))

    assert in_order(here) == in_order(there)


@pytest.mark.slow
def test_asynchronous_members_are_measured_again_one_at_a_time():
    _, run = records("async", "serial")
    assert any(isinstance(record, Measurement) for record in run.records())
    assert run.ending == "finished"
    assert run.best is not None
    assert run.best.measurements in (1, 2, 3)
