"""The fair comparison: asynchronous members are ranked by what slots have measured at equal age."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import Generator

from pbt_gan.core.ages import Ages
from pbt_gan.core.controller import Controller
from pbt_gan.core.exploit import EXPLOIT
from pbt_gan.core.explore import EXPLORE
from pbt_gan.core.plan import Comparison, Plan
from pbt_gan.core.population import Member, Order, PopulationView, rank_key
from pbt_gan.core.records import Answer, Exploit, Failure, Record, Report, Retire, from_json, to_json
from pbt_gan.core.rng import stream
from pbt_gan.core.space import Float, Range
from pbt_gan.core.state import State
from pbt_gan.core.strategy import Rule, Strategy

SPACE = {"lr": Float(Range(1e-4, 1e-2), (1e-6, 1e-1), "log")}

Score = Callable[[Order], float]


def plan(rule: str = "truncation", comparison: Comparison = "fair", **changes: Any) -> Plan:
    options = {"fraction": 0.5} if rule == "truncation" else {}
    strategy = Strategy(Rule(rule, EXPLOIT[rule], options), Rule("perturb", EXPLORE["perturb"]))
    usual: dict[str, Any] = {
        "space": SPACE, "population_size": 3, "total_steps": 60, "ready_interval": 10, "score_interval": 10, "seed": 0,
        "mode": "async", "comparison": comparison, "strategy": strategy,
    }  # fmt: skip
    return Plan(**{**usual, **changes})


class Told:
    """A run in which the test says whose order is answered next, and by what score."""

    def __init__(self, run_plan: Plan) -> None:
        self.controller = Controller(run_plan)
        self.state, self.records = self.controller.start(State())

    def train(self, member: int, score: float) -> Exploit | None:
        """Train a member for one order; return what was decided about it."""
        self.state, orders = self.controller.ask(self.state, 100)
        del orders  # the state knows them, those given earlier too
        order = self.state.pending[member]
        answer = Report.of(order, score=score, hyperparams=order.hyperparams, worker="test")
        self.state, news = self.controller.tell(self.state, [answer])
        self.records += news
        decided = [record for record in news if isinstance(record, Exploit)]
        return decided[0] if decided else None


def test_a_member_that_is_alone_at_its_age_goes_on_as_it_is():
    run = Told(plan())
    decided = run.train(0, 1.0)
    assert decided is not None
    assert decided.kept
    assert decided.compared_at == 10
    assert "nobody else has been measured at this age yet" in decided.reason


def test_members_are_ranked_by_what_was_measured_at_their_age_and_the_donor_gives_its_latest_state():
    run = Told(plan())
    for score in (1.0, 5.0, 6.0):
        run.train(0, score)
    decided = run.train(1, 0.5)  # at age 10: 0.5 against 1.0, though the other one has 6.0 by now
    assert decided is not None
    assert decided.donor is not None
    assert decided.compared_at == 10
    assert (decided.donor.member, decided.donor.interval, decided.donor.step) == (0, 3, 30)
    assert decided.step == 30
    assert decided.scores == (1.0, 5.0, 6.0)
    assert "ranks 1 of 2 from below at age 10; member 0 has 6 at age 30" in decided.reason


def test_a_slow_member_that_was_better_at_its_age_is_not_copied_over():
    run = Told(plan())
    for score in (1.0, 5.0, 6.0):
        run.train(0, score)
    decided = run.train(1, 2.0)
    assert decided is not None
    assert decided.kept
    latest = Told(plan(comparison="latest"))
    for score in (1.0, 5.0, 6.0):
        latest.train(0, score)
    copied = latest.train(1, 2.0)
    assert copied is not None
    assert copied.donor is not None
    assert copied.compared_at is None


@pytest.mark.parametrize(("now", "why"), [(0.2, "has only 0.2 now"), (math.nan, "has diverged since")])
def test_a_donor_that_has_become_worse_is_not_copied(now, why):
    run = Told(plan(total_steps=60, ready_interval=20, population_size=2))
    for score in (0.5, 1.0, now):
        run.train(0, score)
    run.train(1, 0.3)
    decided = run.train(1, 0.4)
    assert decided is not None
    assert decided.kept
    assert decided.compared_at == 20
    assert why in decided.reason


def test_a_diverged_member_is_rescued_by_the_latest_scores_of_all():
    run = Told(plan())
    for score in (1.0, 5.0):
        run.train(0, score)
    decided = run.train(1, math.nan)
    assert decided is not None
    assert decided.rule == "rescue"
    assert decided.compared_at is None
    assert decided.donor is not None
    assert decided.donor.step == 20


def test_whoever_has_left_is_no_peer_any_more():
    run = Told(plan(population_size=4))
    run.train(0, 1.0)
    state = run.controller.apply(run.state, Retire(0, 1, "test"))
    assert not state.view.at_age(10).members
    assert not state.ages.peers


def test_a_view_of_some_has_only_those_at_each_age():
    run = Told(plan())
    run.train(0, 1.0)
    run.train(1, 2.0)
    seen = run.state.view.only({1, 2}).at_age(10)
    assert list(seen.members) == [1]
    assert len(seen) == 1
    assert set(seen.current) == {1, 2}


def test_ages_that_everybody_has_passed_are_forgotten():
    run = Told(plan(total_steps=1_000))
    for _ in range(30):
        for member in range(3):
            run.train(member, float(member))
    assert len(run.state.ages.peers) <= 3


def test_the_latest_comparison_keeps_nothing_by_age():
    run = Told(plan(comparison="latest"))
    run.train(0, 1.0)
    assert run.state.ages == Ages()
    assert not run.state.view.at_age(10).members


def test_a_member_measured_twice_at_one_age_is_there_once():
    ages = Ages()
    for score in (3.0, 1.0):
        ages = ages.measured(Member(0, {}, 1, 10, 10, (score,), "m00-i0001"), lambda: 0)
    seen = PopulationView({}, peers=ages.peers).at_age(10)
    assert [member.score for member in seen.ranking] == [1.0]
    assert ages.without(0).peers == {}


class Witness:
    """Remembers reports as they come, and checks each decision against a plain account of them."""

    def __init__(self, fraction: float) -> None:
        self.fraction = fraction
        self.by_age: dict[int, dict[int, Report]] = {}
        self.latest: dict[int, Report] = {}

    def heard(self, report: Report, state: State) -> None:
        """Take in a report that is about to be told."""
        if report.step > max(self.by_age, default=0):
            youngest = min(member.step for member in state.members.values())
            self.by_age = {age: reports for age, reports in self.by_age.items() if age >= youngest}
        self.by_age.setdefault(report.step, {})[report.member] = report
        self.latest[report.member] = report

    def saw(self, decision: Exploit, state: State) -> None:
        """Check that a decision compares nobody across ages."""
        own = self.latest[decision.recipient]
        if not math.isfinite(own.score):
            assert decision.rule == "rescue"
            assert decision.compared_at is None
            return
        assert decision.compared_at == own.step
        peers = self.by_age[own.step]
        ranked = sorted(peers.values(), key=lambda report: rank_key(report.score, report.member))
        place = ranked.index(own)
        assert f"ranks {place + 1} of {len(ranked)} from below at age {own.step}" in decision.reason
        if decision.donor is None:
            assert decision.kept
            return
        donor = self.latest[decision.donor.member]
        assert (decision.donor.checkpoint, decision.donor.step) == (donor.checkpoint, donor.step)
        assert donor.score > own.score
        count = min(math.ceil(round(self.fraction * len(ranked), 9)), len(ranked) // 2)
        assert place < count
        assert ranked.index(peers[decision.donor.member]) >= len(ranked) - count


def arrivals(rng: Generator, orders: Sequence[Order], speeds: Sequence[float]) -> int:
    """Draw whose order is done next: whoever is twice as fast is so twice as often."""
    weights = [speeds[order.member] for order in orders]
    return int(rng.choice(len(orders), p=[weight / sum(weights) for weight in weights]))


def decisions(records: Iterable[Record]) -> list[Exploit]:
    return [record for record in records if isinstance(record, Exploit)]


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    speeds=st.lists(st.floats(0.1, 10.0), min_size=6, max_size=6),
    slots=st.integers(1, 6),
    together=st.integers(1, 3),
    diverging=st.sampled_from([0.0, 0.2]),
    failing=st.sampled_from([0.0, 0.2]),
    per_ready=st.sampled_from([1, 2]),
    crashing=st.sampled_from([0.0, 0.1]),
)
def test_nobody_is_ever_compared_across_ages_and_nobody_waits(
    seed, speeds, slots, together, diverging, failing, per_ready, crashing
):
    controller = Controller(
        plan(population_size=6, total_steps=120, ready_interval=10 * per_ready, score_interval=10, seed=seed)
    )
    state, records = controller.start(State())
    rng, witness = stream(seed, "arrival"), Witness(0.5)
    under_way: list[Order] = []
    while not controller.done(state):
        if rng.random() < crashing:  # taken up again from the journal, without what was under way
            state, under_way = controller.fold(from_json(to_json(record)) for record in records), []
        unfinished = sum(member.trained_steps < 120 for member in state.members.values())
        state, orders = controller.ask(state, slots - len(under_way))
        under_way += orders
        assert len(under_way) == min(slots, unfinished), "somebody waits"
        arrived = [under_way.pop(arrivals(rng, under_way, speeds)) for _ in range(min(together, len(under_way)))]
        answers: list[Answer] = []
        for order in sorted(arrived, key=lambda order: order.member):
            if rng.random() < failing and order.attempt < 3:
                answers.append(Failure(order.member, order.interval, order.attempt, "test", "by script"))
                continue
            score = math.nan if rng.random() < diverging else float(rng.normal()) + order.step / 50
            report = Report.of(order, score=score, hyperparams=order.hyperparams, worker="test")
            answers.append(report)
        # Reports are taken in one after another, each into the state after those before it.
        taken = state
        for answer in answers:
            if isinstance(answer, Report):
                witness.heard(answer, taken)
            taken = controller.apply(taken, answer)
        state, news = controller.tell(state, answers)
        for decision in decisions(news):
            witness.saw(decision, state)
        records += news
    replayed = controller.fold(from_json(to_json(record)) for record in records)
    assert replayed == state


def race(curve: Callable[[int], float], seed: int, comparison: Comparison = "fair") -> list[Record]:
    """Train eight members, the fastest four times as fast as the slowest, by noise and a curve that all share."""
    controller = Controller(plan(comparison=comparison, population_size=8, total_steps=200, seed=seed))
    state, records = controller.start(State())
    rng = stream(seed, "arrival")
    speeds = [1 + 3 * member / 7 for member in range(8)]
    under_way: list[Order] = []
    while not controller.done(state):
        state, orders = controller.ask(state, 8 - len(under_way))
        under_way += orders
        order = under_way.pop(arrivals(rng, under_way, speeds))
        noise = float(stream(seed, "noise", order.member, order.interval).normal())
        score = noise + curve(order.step + order.steps)
        state, news = controller.tell(
            state, [Report.of(order, score=score, hyperparams=order.hyperparams, worker="test")]
        )
        records += news
    return records


def copies(records: Iterable[Record]) -> list[tuple[int, int, int | None]]:
    return [
        (record.recipient, record.interval, record.donor.member if record.donor else None)
        for record in decisions(records)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_what_all_members_gain_by_training_alike_changes_no_decision(seed):
    steep, steeper = copies(race(lambda age: 10.0 * age, seed)), copies(race(lambda age: 300.0 * age, seed))
    assert steep == steeper
    # By the latest scores it does: whoever has trained for longer is better by that alone.
    flat, rising = (copies(race(curve, seed, "latest")) for curve in (lambda age: 0.0, lambda age: 10.0 * age))
    assert flat != rising


def test_a_restart_of_the_controller_anywhere_decides_the_same():
    records = race(lambda age: age / 30, 3)
    controller = Controller(plan(population_size=8, total_steps=200, seed=3))
    state = State()
    for place, record in enumerate(records):
        if isinstance(record, Exploit):
            # Reports come one at a time here, so each decision follows from the state before it alone.
            due = [state.members[member] for member in sorted(state.waiting) if member == record.recipient]
            assert [
                replace(each, memory=record.memory) for each in controller.policy.decide(due, state.view, None)
            ] == [record], place
        state = controller.apply(state, record)
