import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbt_gan.core.controller import Controller
from pbt_gan.core.exploit import EXPLOIT
from pbt_gan.core.explore import EXPLORE
from pbt_gan.core.lineage import History
from pbt_gan.core.plan import Plan
from pbt_gan.core.population import Hyperparams, Order
from pbt_gan.core.records import Birth, Donor, Exploit, Report, Retire
from pbt_gan.core.rng import stream
from pbt_gan.core.space import Float, Range
from pbt_gan.core.state import State
from pbt_gan.core.strategy import Rule, Strategy

SPACE = {"lr": Float(Range(1e-4, 1e-2), (1e-6, 1e-1), "log")}


def report(member, interval, score, lr=0.1, step=None):
    step = 10 * interval if step is None else step
    return Report(member, interval, step, 10 * interval, score, {}, {"lr": lr}, f"m{member:02d}-i{interval:04d}", 0)


def exploit(recipient, interval, donor=None, copied=("weights", "hyperparams"), rule="truncation"):
    source = None if donor is None else Donor(donor, interval, 10 * interval, f"m{donor:02d}-i{interval:04d}")
    whose = donor if donor is not None and "weights" in copied else recipient
    anew = donor is None and "weights" in copied
    return Exploit(
        recipient,
        interval,
        source,
        copied,
        "none",
        {},
        {},
        rule,
        "",
        sources={} if anew else {"*": f"m{whose:02d}-i{interval:04d}"},
    )


BIRTHS = [Birth(0, {"lr": 0.1}, "drawn"), Birth(1, {"lr": 0.2}, "drawn")]
RECORDS = [
    *BIRTHS,
    report(0, 1, 1.0),
    report(1, 1, 2.0, 0.2),
    exploit(0, 1, donor=1),
    exploit(1, 1, copied=()),
    report(0, 2, 5.0, 0.3),
    report(1, 2, 3.0, 0.2),
    exploit(0, 2, copied=()),
    exploit(1, 2, donor=0, copied=("hyperparams",)),
    report(0, 3, 4.0, 0.3),
    report(1, 3, math.nan, 0.3),
]


def test_an_ancestry_follows_the_weights_from_slot_to_slot():
    ancestry = History.of(RECORDS).ancestry(0, 3)
    assert [(s.member, s.interval, s.start_step, s.end_step) for s in ancestry] == [
        (1, 1, 0, 10),
        (0, 2, 10, 20),
        (0, 3, 20, 30),
    ]


def test_copied_hyperparameters_are_no_ancestry():
    assert [s.member for s in History.of(RECORDS).ancestry(1, 3)] == [1, 1, 1]


def test_a_schedule_names_each_change_once():
    assert History.of(RECORDS).schedule(0, 3) == ((0, {"lr": 0.2}), (10, {"lr": 0.3}))


def test_a_member_that_starts_anew_has_no_ancestors():
    records = [*BIRTHS, report(0, 1, math.nan), exploit(0, 1, rule="rescue"), report(0, 2, 1.0, step=10)]
    history = History.of(records)
    assert [(s.interval, s.start_step, s.end_step) for s in history.ancestry(0, 2)] == [(2, 0, 10)]
    assert history.edges() == ()


def test_the_family_tree_has_an_edge_for_each_order_that_began_with_trained_weights():
    assert set(History.of(RECORDS).edges()) == {
        ((1, 1), (0, 2)),
        ((1, 1), (1, 2)),
        ((0, 2), (0, 3)),
        ((1, 2), (1, 3)),
    }


def test_the_best_is_finite_and_the_earliest_of_equals():
    history = History.of([*BIRTHS, report(0, 1, 2.0), report(1, 1, math.inf), report(1, 2, 2.0), report(0, 2, 1.0)])
    assert history.best is history.reports[0]
    assert history.last_best is history.last[1]


def test_a_run_without_any_finite_score_has_no_best():
    for records in ([], BIRTHS, [*BIRTHS, report(0, 1, math.nan)]):
        history = History.of(records)
        assert history.best is None
        assert history.last_best is None
    assert dict(History.of(BIRTHS).last) == {}


def test_records_may_come_in_any_order():
    assert History.of(reversed(RECORDS)) == History.of(RECORDS)


def test_changes_leave_out_who_was_kept():
    assert [(e.recipient, e.interval) for e in History.of(RECORDS).changes] == [(0, 1), (1, 2)]


def test_an_unknown_report_has_no_ancestry():
    with pytest.raises(KeyError):
        History.of(RECORDS).ancestry(0, 4)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    mode=st.sampled_from(["sync", "async"]),
    copies=st.sampled_from(["all", "weights", "hyperparams"]),
    rule=st.sampled_from(sorted(EXPLOIT)),
    slots=st.integers(1, 3),
)
def test_an_ancestry_names_exactly_the_orders_that_went_into_the_weights(seed, mode, copies, rule, slots):
    plan = Plan(
        space=SPACE, population_size=4, total_steps=16, ready_interval=4, score_interval=2, seed=seed, mode=mode,
        strategy=Strategy(Rule(rule, EXPLOIT[rule]), Rule("perturb", EXPLORE["perturb"]), copies),
    )  # fmt: skip
    controller = Controller(plan)
    state, records = controller.start(State())
    trained: dict[str | None, tuple[tuple[int, int, Hyperparams], ...]] = {
        None: ()
    }  # what went into each checkpoint: (member, interval, hyperparams)
    under_way: list[Order] = []
    while not controller.done(state):
        state, orders = controller.ask(state, slots - len(under_way))
        under_way += orders
        order = under_way.pop()
        trained[order.checkpoint] = (
            *trained[order.sources.get("*")],
            (order.member, order.interval, order.hyperparams),
        )
        draw = stream(seed, order.member, order.interval)
        answer = Report(
            member=order.member, interval=order.interval, attempt=order.attempt, step=order.step + order.steps,
            trained_steps=order.trained_steps + order.steps, score=math.nan if draw.random() < 0.3 else draw.normal(),
            metrics={}, hyperparams=order.hyperparams, checkpoint=order.checkpoint, images=0, cost_s=0, worker="test",
        )  # fmt: skip
        state, news = controller.tell(state, [answer])
        records += news

    history = History.of(records)
    for told in history.reports:
        ancestry = history.ancestry(told.member, told.interval)
        assert tuple((s.member, s.interval, s.hyperparams) for s in ancestry) == trained[told.checkpoint]
        assert [s.start_step for s in ancestry] == [0, *(s.end_step for s in ancestry[:-1])]
        assert ancestry[-1].end_step == told.step == 2 * len(ancestry)
    assert (state.best and state.best.checkpoint) == (history.best and history.best.checkpoint)


def test_an_ancestry_crosses_a_birth_and_what_was_trained_before_counts_once():
    born = Birth(2, {"lr": 0.4}, "of member 1", sources={"*": "m01-i0002"}, step=20, trained_steps=20)
    later = Report(2, 1, 30, 30, 6.0, {}, {"lr": 0.4}, "m02-i0001", 0)
    history = History.of([*RECORDS[:8], Retire(0, 2, ""), born, later])
    assert [(each.member, each.interval) for each in history.ancestry(2, 1)] == [(1, 1), (1, 2), (2, 1)]
    assert [(each.start_step, each.end_step) for each in history.ancestry(2, 1)] == [(0, 10), (10, 20), (20, 30)]
    assert ((1, 2), (2, 1)) in history.edges()
    assert history.member_steps == 20 + 20 + 10


def test_the_retired_are_remembered_and_none_of_the_living():
    history = History.of([*RECORDS[:8], Retire(0, 2, "")])
    assert history.best is not None
    assert (history.best.member, history.best.score) == (0, 5.0)
    assert history.last.keys() == {0, 1}
    assert history.living.keys() == {1}
    assert history.last_best is not None
    assert history.last_best.member == 1
