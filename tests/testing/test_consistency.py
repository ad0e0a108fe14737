from dataclasses import replace
from typing import Any

import pytest

from pbt_gan.core.population import WHOLE
from pbt_gan.core.records import Birth, Donor, Exploit, Measurement, Record, Report, Retire
from pbt_gan.testing.consistency import contradictions


def report(member: int, interval: int, **other) -> Report:
    values: dict[str, Any] = {
        "step": 10 * interval,
        "trained_steps": 10 * interval,
        "score": 0.0,
        "metrics": {},
        "hyperparams": {"lr": 0.1 * member},
        "checkpoint": f"m{member}-i{interval}",
    }
    return Report(member, interval, **values | other)


COPY = Exploit(
    recipient=0,
    interval=1,
    donor=Donor(1, 2, 20, "m1-i2"),
    copied=("weights", "hyperparams"),
    operation="perturb",
    before={"lr": 0.0},
    after={"lr": 0.2},
    rule="truncation",
    reason="among the worst",
    step=20,
    sources={WHOLE: "m1-i2"},
)

SOUND: tuple[Record, ...] = (
    Birth(0, {"lr": 0.0}, "drawn"),
    Birth(1, {"lr": 0.1}, "drawn"),
    report(0, 1),
    report(1, 1),
    report(1, 2),
    Measurement(1, 2, 1, 0.0, {}),
    COPY,
    report(0, 2, step=30, trained_steps=20, hyperparams={"lr": 0.2}),
    Retire(1, 2, "among the worst"),
    Birth(2, {"lr": 0.3}, "branched", sources={WHOLE: "m0-i2"}, step=30, trained_steps=20),
    report(2, 1, step=34, trained_steps=24, hyperparams={"lr": 0.3}, score=float("nan"), diverged="loss nan"),
    replace(
        COPY, recipient=2, donor=None, before={"lr": 0.3}, after={"lr": 0.1}, step=30, trained_steps=30, rule="rescue"
    ),
    report(2, 2, step=40, trained_steps=40, hyperparams={"lr": 0.1}),
)


def test_a_sound_run_has_no_contradictions():
    assert [*contradictions(SOUND, 10)] == []


@pytest.mark.parametrize(
    ("number", "other", "said"),
    [
        (1, Birth(0, {"lr": 0.1}, "drawn"), "the id was somebody's before"),
        (3, report(7, 1), "nobody of that id lives"),
        (4, report(1, 3, trained_steps=20, step=20), "its last interval was 1"),
        (4, report(1, 2, trained_steps=30, step=30), "it stood at place 10, and an order is 10 steps"),
        (4, report(1, 2, trained_steps=15, step=15), "it stood at place 10, and an order is 10 steps"),
        (4, report(1, 2, step=30), "its weights were 10 steps old"),
        (4, report(1, 2, hyperparams={"lr": 0.5}), "it was to train with {'lr': 0.1}"),
        (4, report(1, 2, checkpoint="m0-i1"), "its checkpoint has the key of another"),
        (5, Measurement(1, 1, 1, 0.0, {}), "no member stands there"),
        (6, replace(COPY, interval=2), "no member stands there"),
        (6, replace(COPY, before={"lr": 0.7}), "it had {'lr': 0.0}"),
        (6, replace(COPY, sources={WHOLE: "m1-i3"}), "nobody has reported m1-i3"),
        (6, replace(COPY, donor=Donor(1, 1, 20, "m1-i2")), "its donor has reported no such checkpoint"),
        (6, replace(COPY, donor=Donor(1, 2, 10, "m1-i2")), "its donor was at step 20"),
        (6, replace(COPY, trained_steps=0), "it stood at place 10 already"),
        (
            9,
            Birth(2, {"lr": 0.3}, "branched", sources={WHOLE: "m2-i0"}, step=30, trained_steps=20),
            "nobody has reported",
        ),
        (10, report(1, 3), "nobody of that id lives"),
    ],
)
def test_a_record_that_contradicts_those_before_it_is_named(number, other, said):
    records = [*SOUND[:number], other, *SOUND[number + 1 :]]
    (first, *_) = contradictions(records, 10)
    assert first.startswith(f"record {number}: {said}")
