"""A policy of one's own in a whole run: named in the config, journaled, read, and gone on with."""

from pathlib import Path

import pytest

import pbt_gan
from pbt_gan.core.records import Exploit, Report, Retire, timeless
from pbt_gan.errors import ConfigError
from pbt_gan.reporting.table import Population, cells
from pbt_gan.runs.result import Run

HALVING = """
from pbt_gan.core.policy import Policy, kept
from pbt_gan.core.records import Retire


class Halving(Policy):
    def __init__(self, plan, *, keep=1):
        self.plan, self.keep = plan, keep

    def ready(self, member, memory):
        return max(2 * member.trained_steps, self.plan.ready_interval)

    def decide(self, due, view, memory):
        left = max(len(view) // 2, self.keep)
        worse = {member.id for member in view.ranking[: len(view) - left]}
        return [Retire(m.id, m.interval, "the worse half") if m.id in worse else kept(m, "halving") for m in due]


def cooling(hyperparams, space, rng, *, context):
    assert 0 <= context.budget_left <= 1 and context.step > 0 and context.scores
    reach = 1 + context.budget_left
    return {name: space[name].perturb(hyperparams[name], (1 / reach, reach), rng) for name in sorted(space)}
"""


@pytest.fixture
def halving(tmp_path: Path) -> str:
    file = tmp_path / "halving.py"
    file.write_text(HALVING)
    return f"{file}:Halving"


def train(out: Path, policy: object, steps: int = 80, executor: str = "serial") -> Run:
    return pbt_gan.run(
        "quadratic", out=out, quiet=True, population_size=8, total_steps=steps, ready_interval=10, policy=policy,
        executor={"name": executor, "workers": 2}, checkpoints={"every_s": 0.0},
    )  # fmt: skip


def decided(run: Run) -> list[str]:
    return sorted(str(timeless(record)) for record in run.records())


@pytest.mark.slow
def test_a_policy_that_retires_members_leaves_one_that_trains_to_the_end(tmp_path, halving):
    run = train(tmp_path / "run", halving)
    assert [sum(isinstance(r, Retire) and r.interval == i for r in run.records()) for i in (1, 2, 4)] == [4, 2, 1]
    assert run.best is not None
    assert run.best.trained_steps == 80
    assert run.history.retirements.keys() == set(range(8)) - {run.best.member}
    assert (tmp_path / "run" / "report.html").is_file()


@pytest.mark.slow
def test_what_a_retired_member_would_have_trained_is_not_waited_for(tmp_path, halving, capfd):
    (tmp_path / "h").mkdir()
    pbt_gan.run(
        "quadratic", out=tmp_path / "h" / "run", population_size=8, total_steps=80, ready_interval=10, policy=halving,
        executor="serial",
    )  # fmt: skip
    run = Run.open(tmp_path / "h" / "run")
    orders = sum(isinstance(record, Report) for record in run.records())
    assert f"{orders}/{orders} orders" in capfd.readouterr().err
    population = Population.of(run.records())
    assert [row.retired for row in population.ranked()] == [False] + [True] * 7
    assert [bool(line[-1]) for line in cells(population.ranked())] == [False] + [True] * 7


@pytest.mark.slow
def test_it_decides_the_same_in_workers(tmp_path, halving):
    assert decided(train(tmp_path / "a", halving)) == decided(train(tmp_path / "b", halving, executor="processes"))


@pytest.mark.slow
def test_a_run_with_retired_members_goes_on_as_if_it_had_been_longer_from_the_start(tmp_path, halving):
    options = {"name": halving, "keep": 2}
    train(tmp_path / "run", options, steps=40)
    assert decided(train(tmp_path / "run", options, steps=80)) == decided(train(tmp_path / "long", options, steps=80))


def test_an_option_that_the_policy_does_not_have_is_refused(tmp_path, halving):
    with pytest.raises(ConfigError, match="Did you mean 'keep'"):
        train(tmp_path / "run", {"name": halving, "keeep": 2})


def test_an_explore_rule_that_asks_is_told_where_the_member_stands(tmp_path, halving):
    rule = halving.replace("Halving", "cooling")
    run = pbt_gan.run("quadratic", quiet=True, population_size=4, total_steps=40, ready_interval=10, explore=rule)
    assert any(isinstance(record, Exploit) and record.operation == rule for record in run.records())
