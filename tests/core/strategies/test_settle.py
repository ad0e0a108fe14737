"""Moves get smaller with the budget that is left, and go on where they have helped."""

import json
import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.controller import Controller
from pbt_gan.core.explore import Context
from pbt_gan.core.plan import Plan
from pbt_gan.core.population import Member, PopulationView, Stretch
from pbt_gan.core.records import Report
from pbt_gan.core.rng import stream
from pbt_gan.core.space import Choice, Float, Integer, Range, Space, draw
from pbt_gan.core.state import State
from pbt_gan.core.strategies.settle import helped, settle
from pbt_gan.core.strategy import Rule, Strategy
from pbt_gan.core.tables import EXPLOIT, EXPLORE
from pbt_gan.errors import ConfigError

LR = {"lr": Float(Range(1e-4, 1e-2), (1e-8, 1e3), "log")}
SPACE: Space = {
    "lr": Float(Range(1e-4, 1e-2), (1e-4, 1e-2), "log"),
    "beta1": Float(0.5, (0.01, 0.99), "logit"),
    "shift": Float(Range(-0.3, 0.3), (-0.5, 0.5)),
    "n_critic": Integer(Range(1, 5), (1, 10)),
    "loss": Choice(("hinge", "logistic", "least_squares")),
}


def stretch(member, interval, before, after):
    return Stretch(member, interval, 10 * (interval - 1), 10, 10 * (interval - 1), {}, before, after)


def context(member=0, interval=1, *, donor=None, left=1.0, past=(), others=(1, 2)):
    members = {n: Member(n, {}, interval=interval, scores=(0.0,)) for n in (member, *others)}
    view = PopulationView(members, past=tuple(past))
    return Context(0, left, (), members[member], members[donor] if donor is not None else None, view)


def log_moves(seed, *, memory=None, context, **options):
    """Return the move of the logarithm, in moves of a factor of 2."""
    moved, after = settle({"lr": 1.0}, LR, stream(seed), context=context, memory=memory, factors=(0.5, 2.0), **options)
    return math.log2(moved["lr"]), after


@pytest.mark.parametrize(("left", "share"), [(1.0, 1.0), (0.5, 0.55), (0.0, 0.1)])
def test_moves_anneal_with_the_budget_left_down_to_a_floor(left, share):
    whole, _ = log_moves(3, context=context())
    annealed, _ = log_moves(3, context=context(left=left), floor=0.1)
    assert annealed == pytest.approx(share * whole)


def test_first_moves_are_as_wide_as_those_of_perturb():
    moves = [log_moves(seed, context=context())[0] for seed in range(300)]
    assert statistics.mean(moves) == pytest.approx(0, abs=0.15)
    assert statistics.pstdev(moves) == pytest.approx(0.9, abs=0.1)  # those beyond two steps are cut


@pytest.mark.parametrize(
    ("gain", "step", "drift"),
    [(3.0, 1.2, 0.4), (1.0, 0.5, 0.0)],
)
def test_a_move_that_helped_is_repeated_and_its_step_grows_another_one_halves_it(gain, step, drift):
    memory = {"0": {"at": 1, "move": {"lr": 0.8}, "step": {"lr": 1.0}, "drift": {"lr": 0.0}}}
    past = [stretch(0, 2, 1.0, 1.0 + gain), stretch(1, 2, 0.0, 2.0), stretch(2, 2, 4.0, 6.0)]
    told = context(interval=2, past=past)
    moved, after = log_moves(5, memory=memory, context=told)
    step = step**0.8
    assert after["0"]["step"]["lr"] == pytest.approx(step, abs=1e-6)
    assert after["0"]["drift"]["lr"] == pytest.approx(drift, abs=1e-6)
    plain, _ = log_moves(5, context=context())
    assert moved == pytest.approx(step * (drift + plain), abs=1e-5)


def test_a_move_that_nobody_has_tested_yet_counts_for_nothing():
    memory = {"0": {"at": 2, "move": {"lr": 0.8}, "step": {"lr": 2.0}, "drift": {"lr": 0.3}}}
    _, after = log_moves(5, memory=memory, context=context(interval=2, past=[stretch(0, 2, 0.0, 5.0)]))
    assert (after["0"]["step"]["lr"], after["0"]["drift"]["lr"]) == (2.0, 0.3)


def test_a_recipient_goes_on_from_its_donor():
    memory = {
        "0": {"at": 1, "move": {"lr": -1.0}, "step": {"lr": 0.25}, "drift": {"lr": -1.0}},
        "1": {"at": 1, "move": {"lr": 1.0}, "step": {"lr": 2.0}, "drift": {"lr": 1.0}},
    }
    past = [stretch(0, 2, 0.0, 0.0), stretch(1, 2, 0.0, 3.0), stretch(2, 2, 0.0, 1.0)]
    _, after = log_moves(5, memory=memory, context=context(interval=2, donor=1, past=past))
    assert after["0"]["step"]["lr"] == pytest.approx(2.4)
    assert after["0"]["drift"]["lr"] == 1.0
    assert after["1"] == memory["1"]


def test_what_is_remembered_is_json_and_of_the_living_only():
    memory = {str(n): {"at": 1, "move": {}, "step": {}, "drift": {}} for n in (0, 1, 7)}
    _, after = log_moves(0, memory=memory, context=context(interval=2))
    assert set(after) == {"0", "1"}
    assert json.loads(json.dumps(after)) == after


def test_gains_are_compared_with_the_median_of_the_others_at_the_same_places():
    log = [
        *(stretch(n, 1, 0.0, 9.0 if n == 0 else 1.0) for n in range(4)),
        *(stretch(n, 2, 0.0, float(n)) for n in range(4)),
        *(stretch(n, 3, 0.0, 2.0) for n in range(4)),
    ]
    assert [helped(log, n, 1, 2) for n in range(4)] == [False, False, True, True]
    assert [helped(log, n, 1, 3) for n in range(4)] == [False, False, True, True]
    assert helped(log, 0, 0, 3) is True  # its first interval counts as well
    assert helped(log, 3, 2, 3) is False  # no more than the others
    assert helped(log, 3, 3, 3) is None


def test_a_line_that_diverged_was_not_helped_and_says_nothing_about_others():
    log = [stretch(0, 1, 0.0, math.nan), stretch(1, 1, 0.0, 1.0), stretch(2, 1, 0.0, 3.0)]
    assert helped(log, 0, 0, 1) is False
    assert helped(log, 1, 0, 1) is False
    assert helped(log, 2, 0, 1) is True


def test_one_alone_was_helped_if_it_gained_at_all():
    assert helped([stretch(0, 1, 1.0, 2.0)], 0, 0, 1) is True
    assert helped([stretch(0, 1, 2.0, 2.0)], 0, 0, 1) is False


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.booleans())
def test_no_chain_of_moves_leaves_a_type_or_its_bounds(seed, left, copies):
    rng = stream(seed, "explore")
    values, memory = draw(SPACE, rng), None
    for interval in range(1, 12):
        past = [stretch(n, k, 0.0, float(rng.normal())) for k in range(1, interval + 1) for n in range(3)]
        told = context(0, interval, donor=1 if copies and interval % 3 == 0 else None, left=left, past=past)
        values, memory = settle(values, SPACE, rng, context=told, memory=memory, factors=(0.2, 5.0))
        assert all(SPACE[key].contains(value) for key, value in values.items())
        for known in memory.values():
            assert all(1 / 8 <= step <= 4 for step in known["step"].values())
            assert all(abs(drift) <= 8 for drift in known["drift"].values())


def test_at_a_bound_a_value_moves_away():
    space = {"lr": SPACE["lr"], "n": Integer(1, (1, 10))}
    for seed in range(20):
        up, _ = settle({"lr": 1e-4, "n": 1}, space, stream(seed), context=context())
        down, _ = settle({"lr": 1e-2, "n": 10}, space, stream(seed), context=context())
        assert up["lr"] > 1e-4
        assert down["lr"] < 1e-2
        assert up["n"] >= 1
        assert down["n"] <= 10


@pytest.mark.parametrize(("options", "told"), [({"floor": 1.5}, "floor"), ({"momentum": 1.0}, "momentum")])
def test_an_option_that_makes_no_sense_is_refused(options, told):
    with pytest.raises(ConfigError, match=told):
        settle({"lr": 1.0}, LR, stream(0), context=context(), **options)


def end(rule, seed, *, far=0.0, **options):
    """Return how far, in factors of e, the best member of a run ends from the setting that gains most."""
    top = math.log(1e-2) + far
    plan = Plan(
        space={"lr": Float(Range(1e-3, 1e-2), (1e-8, 1e3), "log")}, population_size=8, seed=seed, total_steps=30,
        ready_interval=1, score_interval=1,
        strategy=Strategy(
            Rule("truncation", EXPLOIT["truncation"], {"fraction": 0.25}), Rule(rule, EXPLORE[rule], options)
        ),
    )  # fmt: skip
    controller = Controller(plan)
    state, _ = controller.start(State())
    while not controller.done(state):
        state, orders = controller.ask(state, 8)
        answers = []
        for order in orders:
            before = state.members[order.member].score if order.step else 0.0
            noise = 0.1 * float(stream(7, order.member, order.interval).normal())
            score = before - (math.log(float(order.hyperparams["lr"])) - top) ** 2 + noise
            answers.append(Report.of(order, score=score, hyperparams=order.hyperparams, worker=""))
        state, _ = controller.tell(state, answers)
    return abs(math.log(float(state.view.ranking[-1].hyperparams["lr"])) - top)


def mean_end(rule, *, seeds=8, **options):
    return statistics.mean(end(rule, seed, **options) for seed in range(seeds))


@pytest.mark.slow
def test_where_the_top_is_far_it_gets_there_sooner_than_perturb_and_with_momentum_sooner_than_without():
    settled, unmoved = mean_end("settle", far=4.0), mean_end("settle", far=4.0, momentum=0.0)
    assert settled < unmoved < mean_end("perturb", far=4.0) / 2


@pytest.mark.slow
def test_where_moves_are_wide_it_ends_closer_to_the_top_than_perturb():
    assert mean_end("settle", seeds=12, factors=(0.5, 2.0)) < 0.7 * mean_end("perturb", seeds=12, factors=(0.5, 2.0))
