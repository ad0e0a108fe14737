import math
from typing import Any

import pytest

from pbt_gan.core.records import Exploit
from pbt_gan.errors import ConfigError, TaskError
from pbt_gan.studies.experiment.plan import read_experiment
from pbt_gan.studies.simulation import crowd
from pbt_gan.studies.simulation.comparison import by_arm, difference, differences_sheet, figures_sheet, plain
from pbt_gan.studies.simulation.crowd import outcomes
from pbt_gan.studies.simulation.trial import LANDSCAPES, Outcome, Trial, landscape

SMALL: dict[str, Any] = {
    "pbt": {"population_size": 4, "budget_steps": 800, "ready_interval": 100, "score_interval": 50},
    "experiment": {"arms": ["pbt", "longer", "halving", "replay"], "seeds": [3, 1], "baselines": ["longer"]},
}


def trial(name="surrogate", source="digits", change=SMALL, **options) -> Trial:
    return Trial(read_experiment(source, [change]), landscape(name), **options)


@pytest.mark.slow
def test_every_arm_is_simulated_with_every_seed_and_spends_the_same():
    made, found = outcomes("digits", SMALL, "surrogate")
    assert [(run.seed, run.arm) for run in found] == [
        (seed, arm) for seed in (3, 1) for arm in ("pbt", "longer", "halving", "replay")
    ]
    budget = made.experiment.budget_steps
    assert all(0.98 * budget <= run.steps <= budget for run in found)
    assert all(math.isfinite(run.value) and run.regret >= 0 for run in found)
    assert outcomes("digits", SMALL, "surrogate")[1] == found


@pytest.mark.slow
def test_a_seed_comes_to_the_same_alone():
    one = {**SMALL, "experiment": {**SMALL["experiment"], "seeds": [1]}}
    assert outcomes("digits", one, "surrogate")[1] == outcomes("digits", SMALL, "surrogate")[1][4:]


@pytest.mark.slow
def test_in_processes_of_their_own_seeds_come_to_the_same(monkeypatch):
    alone = outcomes("digits", SMALL, "surrogate")[1]
    monkeypatch.setattr(crowd, "_FEW", 0)
    monkeypatch.setattr(crowd, "usable_cores", lambda: 2)
    assert outcomes("digits", SMALL, "surrogate")[1] == alone


@pytest.mark.slow
def test_an_error_of_a_process_is_told_as_its_own(monkeypatch, tmp_path):
    rule = tmp_path / "rule.py"
    rule.write_text("def cautious(member, view, rng):\n    if member.interval > 1: raise ValueError('no more')\n")
    change = {"pbt": {**SMALL["pbt"], "exploit": f"{rule}:cautious"}, "experiment": {"arms": ["pbt"], "seeds": [0, 1]}}
    monkeypatch.setattr(crowd, "_FEW", 0)
    monkeypatch.setattr(crowd, "usable_cores", lambda: 2)
    with pytest.raises(TaskError, match="ValueError: no more"):
        outcomes("digits", change, "surrogate")


@pytest.mark.slow
def test_the_order_in_time_depends_on_slots_only_where_nobody_waits():
    for mode, same in (("sync", True), ("async", False)):
        change = {"pbt": {**SMALL["pbt"], "mode": mode}, "experiment": {"arms": ["pbt"], "seeds": [0]}}
        one, all_ = (trial(change=change, slots=slots).run("pbt", 0) for slots in (1, None))
        decisions = [{each for each in map(_decided, run.journal) if each} for run in (one, all_)]
        assert (decisions[0] == decisions[1]) == same


def _decided(record):
    return isinstance(record, Exploit) and (record.recipient, record.interval, tuple(record.after.items()))


@pytest.mark.parametrize(
    ("name", "source", "change", "says"),
    [
        ("surrogate", "quadratic", {}, "answers to lr_d and lr_g, and the space evolves h0 and h1"),
        ("toy", "digits", {}, "answers to h0 and h1, and the space evolves lr_d and lr_g"),
    ],
)
def test_a_landscape_that_does_not_answer_to_what_is_evolved_is_refused(name, source, change, says):
    with pytest.raises(ConfigError, match=says):
        outcomes(source, change, name)


def test_a_landscape_that_is_unknown_is_refused():
    with pytest.raises(ConfigError, match="Did you mean 'surrogate'"):
        landscape("surogate")
    assert {landscape(name).name for name in LANDSCAPES} == set(LANDSCAPES)


def of(arm, seed, value, regret=0.0):
    return Outcome(arm, seed, value + 0.1, value - 0.1, value, regret, 4, 200)


RUNS = [of("ours", 0, 3.0), of("plain", 0, 2.0), of("ours", 1, 4.0, 1.0), of("plain", 1, 2.0), of("ours", 2, 2.0)]
RUNS.append(of("plain", 2, 2.0))


def test_arms_are_compared_seed_by_seed():
    arms = by_arm(RUNS)
    found = difference(arms["ours"], arms["plain"])
    assert found.mean == 1.0
    assert found.better == pytest.approx(2.5 / 3)
    assert found.interval == pytest.approx((1 - 2.4841, 1 + 2.4841), abs=1e-3)  # t of 2 degrees · 1 / √3
    assert difference(arms["ours"][:1], arms["plain"][:1]).interval is None


def test_the_tables_say_what_was_selected_and_what_it_gains():
    rows = {row[0]: row[1:] for row in figures_sheet(RUNS).rows}
    assert rows["ours"] == ["3.100 ± 1.000", "2.900 ± 1.000", "3.000 ± 1.000", "0.333 ± 0.577", "200", "4"]
    assert differences_sheet(RUNS, "plain").rows == [["ours", "+1.000", "-1.484 … +3.484", "83%"]]
    assert plain(RUNS, ["plain"])["differences"]["plain"]["ours"]["mean"] == 1.0
