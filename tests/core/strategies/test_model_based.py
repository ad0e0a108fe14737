"""PB2, PB2-Mix and the trust region: where they put settings, as rules and within whole runs."""

import math
import statistics
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbt_gan.core.controller import Controller
from pbt_gan.core.explore import Context
from pbt_gan.core.plan import Mode, Plan
from pbt_gan.core.population import WHOLE, Member, PopulationView, Stretch, Value
from pbt_gan.core.records import Exploit, Record, Report
from pbt_gan.core.rng import stream
from pbt_gan.core.space import Choice, Float, Integer, Range, Space, draw
from pbt_gan.core.state import State
from pbt_gan.core.strategies import model
from pbt_gan.core.strategies.trust_region import Region, near, outcomes, traced
from pbt_gan.core.strategy import Rule, Strategy, moved
from pbt_gan.core.tables import EXPLOIT, EXPLORE
from pbt_gan.errors import ConfigError

RULES = ("pb2", "pb2_mix", "trust_region")
RATE = Float(Range(1e-5, 1e-1), (1e-5, 1e-1), "log")
SPACE: Space = {
    "lr": RATE,
    "beta1": Float(0.5, (0.01, 0.99), "logit"),
    "n_critic": Integer(Range(1, 5), (1, 5)),
    "loss": Choice(("hinge", "logistic", True)),
}


def context(past, *, space, own=None, step=0, others=(), options=None):
    own = own or draw(space, stream(0))
    members = {n: Member(n, setting, 1, step, step, (0.0,)) for n, setting in enumerate([own, *others])}
    view = PopulationView(members, current=members, past=tuple(past))
    return Context(step, 0.5, (0.0,), members[0], view=view, ready_interval=10)


def asked(name, told, space, seed=0, **options) -> dict[str, Any]:
    rule = Rule(name, EXPLORE[name], options)
    return dict(moved(rule, told.member.hyperparams, space, stream(seed, "asked"), told, None)[0])


def rows(value, space, *, count=60, intervals=6, noise=0.0):
    """Return stretches of settings drawn anywhere, whose scores rise by `value`."""
    past = []
    for number in range(count):
        rng, begins = stream(number, "rows"), 10 * (number * intervals // count)
        setting = draw(space, rng)
        rise = value(setting, begins) + noise * float(rng.normal())
        past.append(Stretch(number, 1, begins, 10, begins, setting, 0.0, rise))
    return past


@pytest.mark.parametrize("name", RULES)
def test_a_member_goes_where_most_was_gained(name):
    past = rows(lambda setting, _: -((RATE.unit(setting["lr"]) - 0.7) ** 2), {"lr": RATE})
    told = context(past, space={"lr": RATE}, own={"lr": RATE.from_unit(0.6)}, step=60)
    assert RATE.unit(asked(name, told, {"lr": RATE})["lr"]) == pytest.approx(0.7, abs=0.08)


@pytest.mark.parametrize("name", RULES)
def test_a_member_goes_where_most_is_gained_by_now(name):
    def value(setting, begins):
        return -((RATE.unit(setting["lr"]) - 0.1 - begins / 150) ** 2)

    past = rows(value, {"lr": RATE}, count=120, intervals=12)
    told = context(past, space={"lr": RATE}, own={"lr": RATE.from_unit(0.8)}, step=120)
    assert RATE.unit(asked(name, told, {"lr": RATE})["lr"]) == pytest.approx(0.9, abs=0.1)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("what", ["few rows", "noise"])
def test_where_nothing_was_found_a_member_is_perturbed(name, what):
    noise = rows(lambda *_: 0.0, {"lr": RATE}, noise=1.0)
    past = noise if what == "noise" else rows(lambda setting, _: setting["lr"], {"lr": RATE}, count=3)
    told = context(past, space={"lr": RATE}, own={"lr": 1e-3}, step=60)
    found = {asked(name, told, {"lr": RATE}, seed, factors=(0.5, 2.0))["lr"] for seed in range(8)}
    assert sorted(found) == pytest.approx([5e-4, 2e-3])


@pytest.mark.parametrize("name", RULES)
def test_who_decides_later_keeps_off_what_was_decided(name):
    def value(setting, _):
        return -((RATE.unit(setting["lr"]) - 0.5) ** 2)

    past = rows(value, {"lr": RATE}, count=16, noise=0.05)
    own = {"lr": RATE.from_unit(0.5)}
    first = asked(name, context(past, space={"lr": RATE}, own=own, step=60), {"lr": RATE})
    told = context(past, space={"lr": RATE}, own=own, step=60, others=[first] * 3)
    second = asked(name, told, {"lr": RATE})
    assert abs(RATE.unit(first["lr"]) - RATE.unit(second["lr"])) > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pb2_mix", "trust_region"])
def test_the_better_choice_is_made_and_the_number_that_goes_with_it(name):
    space: Space = {"lr": RATE, "loss": Choice(("hinge", "logistic", "least_squares"))}

    def value(setting, _):
        best = 0.8 if setting["loss"] == "logistic" else 0.3
        return 0.6 * (setting["loss"] == "logistic") - 2 * (RATE.unit(setting["lr"]) - best) ** 2

    past = rows(value, space, count=180, noise=0.05)
    told = context(past, space=space, own={"lr": RATE.from_unit(0.7), "loss": "hinge"}, step=60)
    found = [asked(name, told, space, seed) for seed in range(6)]
    good = [own for own in found if own["loss"] == "logistic"]
    assert len(good) >= (2 if name == "pb2_mix" else 5)  # a bandit draws, and has seen each choice 60 times
    assert [RATE.unit(own["lr"]) for own in good] == pytest.approx([0.8] * len(good), abs=0.15)


@pytest.mark.slow
def test_a_better_choice_is_drawn_more_often():
    space: Space = {"loss": Choice(("hinge", "logistic"))}
    past = rows(lambda setting, _: float(setting["loss"] == "logistic"), space, count=100, noise=0.05)
    told = context(past, space=space, step=60)
    drawn = [asked("pb2_mix", told, space, seed)["loss"] for seed in range(24)]
    assert 15 <= drawn.count("logistic") < 24  # its probability is 0.65


@pytest.mark.parametrize("name", RULES)
def test_whatever_diverged_is_avoided(name):
    def value(setting, _):
        return math.nan if RATE.unit(setting["lr"]) > 0.6 else 0.5

    past = rows(value, {"lr": RATE}, count=40)
    told = context(past, space={"lr": RATE}, own={"lr": RATE.from_unit(0.55)}, step=60)
    assert all(RATE.unit(asked(name, told, {"lr": RATE}, seed)["lr"]) < 0.6 for seed in range(4))


@pytest.mark.parametrize("name", RULES)
@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.lists(st.sampled_from(sorted(SPACE)), min_size=1, unique=True))
def test_types_and_bounds_are_kept_and_equal_questions_have_equal_answers(name, seed, names):
    space = {name: SPACE[name] for name in names}
    rng = stream(seed)
    past = [
        Stretch(n, 1, 10 * (n // 4), 10, 10 * (n // 4), draw(space, rng), 0.0, float(rng.choice([0.0, 1.0, math.nan])))
        for n in range(24)
    ]
    told = context(past, space=space, own=draw(space, rng), step=60, others=[draw(space, rng)])
    found = asked(name, told, space, seed)
    assert sorted(found) == sorted(space)
    assert all(space[key].contains(value) for key, value in found.items())
    backwards = dict(reversed(list(space.items())))
    assert asked(name, told, backwards, seed) == found


@pytest.mark.parametrize("name", RULES)
def test_a_decision_after_a_thousand_rows_costs_twenty_decompositions_of_a_hundred_of_them(name, monkeypatch):
    decomposed, inverted = [], []
    decompose, invert = np.linalg.eigh, np.linalg.inv

    def counted(matrix):
        decomposed.append(len(matrix))
        return decompose(matrix)

    def counted_too(matrix):
        inverted.append(len(matrix))
        return invert(matrix)

    monkeypatch.setattr(np.linalg, "eigh", counted)
    monkeypatch.setattr(np.linalg, "inv", counted_too)
    past = rows(lambda setting, _: -RATE.unit(setting["lr"]), {"lr": RATE}, count=1_000)
    others = [{"lr": RATE.from_unit(n / 150)} for n in range(150)]
    asked(name, context(past, space={"lr": RATE}, step=60, others=others), {"lr": RATE})
    assert decomposed == [100] * 20
    assert inverted == [200 + model.PENDING]


# The region.


def test_a_region_grows_after_successes_in_a_row_and_shrinks_after_failures():
    past = []
    wins = [True, True, True, False, False, True, False, False, False, False]
    for interval, won in enumerate([False, *wins]):
        for member in range(2):
            setting: dict[str, Value] = {"lr": 1e-3 * (interval + 1) if member else 1e-3}  # member 1 moves always
            score = 2.0 if (member == 1) == won else 1.0
            past.append(Stretch(member, interval + 1, 10 * interval, 10, 10 * interval, setting, 0.0, score))
    assert list(outcomes(past, 10)) == [(10 * (n + 2), won) for n, won in enumerate(wins)]
    sides = [traced(past, 10, passed, Region(0.4), 0.2, 3, 2).side for passed in range(10, 120, 10)]
    # 3 successes: 0.6; 2 failures: 0.4; 1 success; 2 failures: 0.27; 2 failures: below 0.2, so it begins anew.
    assert sides == pytest.approx([0.4, 0.4, 0.4, 0.6, 0.6, 0.4, 0.4, 0.4, 0.8 / 3, 0.8 / 3, 0.4])
    last = traced(past, 10, 110, Region(0.4), 0.2, 3, 2)
    assert last == Region(0.4, begins=110)
    assert traced(past, 10, 75, Region(0.4), 0.2, 3, 2).successes == 1


def test_a_region_never_grows_beyond_the_whole_space():
    past = [
        Stretch(0, n, 10 * n, 10, 10 * n, {"lr": 1e-3 * (n + 1)}, 0.0, 1.0) for n in range(20)
    ]  # alone, and moving always: nobody can be better
    assert traced(past, 10, 200, Region(0.4), 0.15, 3, 10).side == 1.0


def test_who_is_born_later_has_moved():
    parent = [Stretch(0, n, 10 * n, 10, 10 * n, {"lr": 1e-3}, 0.0, 1.0) for n in range(3)]
    child = Stretch(1, 1, 20, 10, 20, {"lr": 2e-3}, 0.0, 2.0)
    assert list(outcomes([*parent, child], 10)) == [(30, True)]


def test_a_member_stays_within_its_region_and_a_whole_number_can_always_move():
    space: Space = {"lr": RATE, "n_critic": Integer(1, (1, 5))}
    past = rows(lambda setting, _: RATE.unit(setting["lr"]) + setting["n_critic"] / 5, space)
    told = context(past, space=space, own={"lr": RATE.from_unit(0.3), "n_critic": 2}, step=60)
    found = asked("trust_region", told, space, side=0.2, successes=99)
    assert RATE.unit(found["lr"]) == pytest.approx(0.4, abs=0.01)
    assert found["n_critic"] == 3


def test_after_a_restart_a_member_may_go_anywhere_until_there_are_new_rows():
    moves = list[Stretch]()
    for interval in range(6):
        for member, lr, score in ((100, 1e-4, 1.0), (101, 1e-4 * (1 + interval), 0.0)):
            moves.append(Stretch(member, interval, 10 * interval, 10, 10 * interval, {"lr": lr}, 0.0, score))
    past = rows(lambda setting, _: RATE.unit(setting["lr"]), {"lr": RATE})
    told = context([*past, *moves], space={"lr": RATE}, own={"lr": RATE.from_unit(0.2)}, step=60)
    options = {"side": 0.2, "smallest": 0.15, "failures": 5}
    assert traced(told.view.stretches, 10, 60, Region(0.2), 0.15, 3, 5).begins == 60
    assert RATE.unit(asked("trust_region", told, {"lr": RATE}, **options)["lr"]) > 0.9
    assert RATE.unit(asked("trust_region", told, {"lr": RATE}, **{**options, "failures": 6})["lr"]) < 0.31


@given(st.lists(st.integers(2, 4), max_size=5), st.floats(0.05, 2.0), st.integers(0, 2**32 - 1))
def test_choices_near_some_differ_in_no_larger_share_than_the_side(values, side, seed):
    rng = stream(seed)
    codes = np.array([rng.integers(count) for count in values], np.int64)
    found = near(codes, values, side, rng)
    assert (found[0] == codes).all()
    assert ((found >= 0) & (found < np.array(values, int))).all()
    assert (found != codes).sum(axis=1).max(initial=0) <= max(side * len(values), 1)


@pytest.mark.parametrize(
    "options", [{"side": 0.0}, {"side": 1.5}, {"smallest": 0.5}, {"successes": 0}, {"failures": 0}]
)
def test_options_that_make_no_region_are_refused(options):
    with pytest.raises(ConfigError, match=r"pbt\.explore"):
        asked("trust_region", context([], space={"lr": RATE}), {"lr": RATE}, **options)


# Whole runs.


def plan(name: str, seed: int, mode: Mode = "sync", *, rounds: int = 16, space: Space | None = None) -> Plan:
    options = {} if name == "none" else {"factors": (0.5, 2.0)}
    return Plan(
        space=space or {"lr": RATE}, population_size=8, total_steps=10 * rounds, ready_interval=10, score_interval=10,
        seed=seed, mode=mode,
        strategy=Strategy(
            Rule("truncation", EXPLOIT["truncation"], {"fraction": 0.25}), Rule(name, EXPLORE[name], options)
        ),
    )  # fmt: skip


def best_at(step: int) -> float:
    """Return where a rate is best, in units: it falls to a tenth in 100 steps."""
    return 0.8 - step / 400


def trained(steered: Plan, *, noise: float = 0.02, cut: int | None = None) -> tuple[list[Record], State]:
    """Run a plan where a member gains the less the farther its rate is from the best, resumed once."""
    controller = Controller(steered)
    state, records = controller.start(State())
    quality: dict[str, float] = {}
    tells = 0
    while not controller.done(state):
        state, orders = controller.ask(state, 8 if steered.mode == "sync" else 3)
        answers = []
        for order in orders:
            before = quality[order.sources[WHOLE]] if order.sources else 0.0
            off = RATE.unit(order.hyperparams["lr"]) - best_at(order.step)
            quality[order.checkpoint] = before + 1 - 4 * off**2
            luck = noise * float(stream(steered.seed, "luck", order.member, order.interval).normal())
            answers.append(
                Report.of(
                    order, score=quality[order.checkpoint] + luck, hyperparams=order.hyperparams, worker="simulated"
                )
            )
        state, told = controller.tell(state, answers)
        records += told
        tells += 1
        if tells == cut:
            state = controller.fold(records)
    return records, state


def distance(name: str, seed: int) -> float:
    """Return how far from the best rate members were sent in the second half of a run, the median."""
    records, _ = trained(plan(name, seed))
    return statistics.median(
        abs(RATE.unit(record.after["lr"]) - best_at(record.step))
        for record in records
        if isinstance(record, Exploit) and record.operation == name and record.step >= 80
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pb2", "trust_region"])  # without choices PB2-Mix is PB2
def test_a_best_rate_that_falls_is_followed_more_closely_than_by_perturbation(name):
    ours, theirs = ([distance(rule, seed) for seed in range(3)] for rule in (name, "perturb"))
    assert statistics.mean(ours) < 0.7 * statistics.mean(theirs)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("name", RULES)
def test_a_resumed_run_decides_the_same_bit_for_bit(name, mode):
    space: Space = {"lr": RATE, "loss": Choice(("hinge", "logistic"))}
    steered = plan(name, 0, mode, rounds=8, space=space)
    whole, _ = trained(steered)
    assert any(isinstance(record, Exploit) and record.operation == name for record in whole)
    assert trained(steered, cut=len(whole) // 16)[0] == whole
