import json
import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.controller import Controller, checkpoint_key
from pbt_gan.core.exploit import EXPLOIT
from pbt_gan.core.explore import EXPLORE
from pbt_gan.core.lineage import History
from pbt_gan.core.plan import Plan
from pbt_gan.core.population import WHOLE, Member, Order
from pbt_gan.core.records import Birth, Donor, Exploit, Failure, Record, Report, from_json, to_json
from pbt_gan.core.rng import stream
from pbt_gan.core.roster import Roster
from pbt_gan.core.schedule import Row, Schedule
from pbt_gan.core.space import Float, Range
from pbt_gan.core.state import State
from pbt_gan.core.strategy import COPIED, Rule, Strategy
from pbt_gan.errors import TaskError

SPACE = {"lr": Float(Range(1e-4, 1e-2), (1e-6, 1e-1), "log")}

Score = Callable[[Order], float]


def plan(**changes) -> Plan:
    defaults = {
        "space": SPACE,
        "population_size": 5,
        "total_steps": 40,
        "ready_interval": 10,
        "score_interval": 5,
        "seed": 0,
        "strategy": strategy(),
    }
    return Plan(**{**defaults, **changes})


def strategy(exploit="truncation", explore="perturb", copies="all", who="recipients", **options) -> Strategy:
    return Strategy(Rule(exploit, EXPLOIT[exploit], options), Rule(explore, EXPLORE[explore]), COPIED[copies], who)


def answer(order: Order, score: float) -> Report:
    return Report.of(order, score=score, hyperparams=order.hyperparams, worker="test")


def by_member(order: Order) -> float:
    return float(order.member)


def by_stream(order: Order) -> float:
    return float(stream(7, order.member, order.interval).normal())


def train(
    controller: Controller, score: Score = by_member, state: State | None = None, slots: int = 3
) -> tuple[State, list[Record]]:
    """Run to the end; answers come back youngest order first, so that their order is not that of the members."""
    state, records = controller.start(state or State())
    under_way: list[Order] = []
    while not controller.done(state):
        state, orders = controller.ask(state, slots - len(under_way))
        under_way += orders
        order = under_way.pop()
        state, news = controller.tell(state, [answer(order, score(order))])
        records += news
    return state, records


def exploits(records: Iterable[Record]) -> list[Exploit]:
    return [record for record in records if isinstance(record, Exploit)]


def donor_of(exploit: Exploit) -> Donor:
    assert exploit.donor is not None
    return exploit.donor


def births(records: Iterable[Record]) -> list[Birth]:
    return [record for record in records if isinstance(record, Birth)]


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_every_member_trains_all_its_steps_in_score_intervals(mode):
    state, records = train(Controller(plan(mode=mode)))
    reports = [record for record in records if isinstance(record, Report)]
    assert {member.trained_steps for member in state.members.values()} == {40}
    assert sorted((r.member, r.interval) for r in reports) == [(m, i) for m in range(5) for i in range(1, 9)]
    assert state.reports == len(reports) == 40


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_there_is_one_decision_for_each_ready_member_and_none_at_the_end(mode):
    _, records = train(Controller(plan(mode=mode)))
    assert sorted((e.recipient, e.interval) for e in exploits(records)) == [(m, i) for m in range(5) for i in (2, 4, 6)]


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("rule", sorted(EXPLOIT))
def test_folding_the_records_gives_the_same_state_without_deciding(mode, rule):
    controller = Controller(plan(mode=mode, strategy=strategy(rule)))
    state, records = train(controller, by_stream)
    assert controller.fold(records) == state


def test_deciding_again_gives_the_journaled_records():
    controller = Controller(plan())
    state, records = controller.start(State())
    while not controller.done(state):
        state, orders = controller.ask(state, 2)
        for order in orders:
            report = answer(order, by_stream(order))
            _, decided = controller.tell(state, [report])
            state, told = controller.tell(state, [report])
            assert decided == told
            records += told
    assert controller.fold(records) == state


def test_a_synchronous_run_does_not_depend_on_the_order_of_the_answers():
    def ordered(records):
        return sorted((r for r in records if isinstance(r, Report | Exploit)), key=str)

    one = [train(Controller(plan()), by_stream, slots=slots)[1] for slots in (1, 2, 5)]
    assert ordered(one[0]) == ordered(one[1]) == ordered(one[2])


def test_the_sync_controller_decides_only_when_everybody_waits():
    controller = Controller(plan(total_steps=20, score_interval=10))
    state, _ = controller.start(State())
    state, orders = controller.ask(state, 5)
    for order in orders[:-1]:
        state, records = controller.tell(state, [answer(order, by_member(order))])
        assert [type(record) for record in records] == [Report]
        assert controller.ask(state, 5)[1] == []
    state, records = controller.tell(state, [answer(orders[-1], 4.0)])
    assert [type(record) for record in records] == [Report] + [Exploit] * 5


def test_the_async_controller_decides_against_the_latest_scores_of_the_evaluated():
    controller = Controller(plan(mode="async", score_interval=10, strategy=strategy(fraction=0.5)))
    state, _ = controller.start(State())
    state, orders = controller.ask(state, 5)
    state, first = controller.tell(state, [answer(orders[4], 4.0)])
    assert exploits(first)[0].donor is None  # alone in the ranking
    state, second = controller.tell(state, [answer(orders[1], 1.0)])
    donor = exploits(second)[0].donor
    assert donor is not None
    assert (donor.member, donor.checkpoint) == (4, "m04-i0001")
    assert state.members[1].sources == {"*": "m04-i0001"}
    assert state.view.members[1].score == 1.0  # still ranked by what it has measured itself
    assert state.members[1].scores == (4.0,)


def test_exploit_copies_the_donor_whole_but_the_clocks_of_the_slot_stay():
    controller = Controller(plan(total_steps=20))
    state, records = train(controller)
    (exploit,) = [e for e in exploits(records) if e.donor]
    assert exploit.recipient == 0
    assert donor_of(exploit).member == 4
    assert exploit.copied == ("weights", "hyperparams")
    assert exploit.scores == (4.0, 4.0)
    moved = float(exploit.after["lr"]) / float(births(records)[4].hyperparams["lr"])
    assert moved in (pytest.approx(0.8), pytest.approx(1.2))
    member = state.members[0]
    assert (member.interval, member.trained_steps, member.scores) == (4, 20, (4.0, 4.0, 0.0, 0.0))


@pytest.mark.parametrize(
    ("copies", "weights_from", "hyperparams_from"), [("weights", 4, 0), ("hyperparams", 0, 4), ("all", 4, 4)]
)
def test_copies_says_what_a_recipient_takes(copies, weights_from, hyperparams_from):
    _, records = train(Controller(plan(total_steps=20, strategy=strategy(explore="none", copies=copies))))
    (exploit,) = [e for e in exploits(records) if e.donor]
    assert exploit.checkpoint == f"m0{weights_from}-i0002"
    assert exploit.scores == (float(weights_from),) * 2
    assert exploit.after == births(records)[hyperparams_from].hyperparams


@pytest.mark.parametrize(
    ("copies", "hyperparams_from"), [(("net",), 0), (("net", "hyperparams"), 4), (("net", "critic"), 0)]
)
def test_components_go_over_and_the_rest_stays_the_recipients_own(copies, hyperparams_from):
    components = {"net": ["g", "ema"], "critic": ["d"], "other": ["o"]}
    mixing = replace(strategy(explore="none"), copies=copies, components=components)
    _, records = train(Controller(plan(total_steps=20, strategy=mixing)))
    (exploit,) = [e for e in exploits(records) if e.donor]
    keys = [key for name in copies for key in components.get(name, [])]
    assert exploit.sources == {WHOLE: "m00-i0002", **dict.fromkeys(keys, "m04-i0002")}
    assert exploit.copied == copies
    assert (exploit.step, exploit.scores) == (10, (0.0, 0.0))  # its own: nobody has measured what comes of it
    assert exploit.after == births(records)[hyperparams_from].hyperparams
    history = History.of(records)
    assert [(s.member, s.interval) for s in history.ancestry(0, 4)] == [(0, 1), (0, 2), (0, 3), (0, 4)]
    assert [history.assembled(member, 4) for member in range(5)] == [True, False, False, False, False]


def test_who_has_diverged_takes_a_whole_state_whatever_is_copied_otherwise():
    mixing = replace(strategy(explore="none"), copies=("net",), components={"net": ["g"]})
    _, records = train(Controller(plan(total_steps=20, strategy=mixing)), score=lambda order: order.member or math.nan)
    (exploit,) = [e for e in exploits(records) if e.donor and e.recipient == 0]
    assert (exploit.rule, exploit.copied, list(exploit.sources)) == ("rescue", ("weights", "hyperparams"), [WHOLE])


def test_who_all_moves_the_hyperparameters_of_those_who_stay():
    _, records = train(Controller(plan(total_steps=20, strategy=strategy("none", "perturb", who="all"))))
    assert all(e.donor is None and e.before != e.after and not e.kept for e in exploits(records))
    assert len({e.after["lr"] for e in exploits(records)}) == 5


def test_two_recipients_of_one_donor_are_no_twins():
    controller = Controller(
        plan(population_size=20, total_steps=20, strategy=strategy("truncation", "resample", fraction=0.5))
    )
    _, records = train(controller)
    copies = [e for e in exploits(records) if e.donor]
    assert len(copies) == 10
    assert len({e.after["lr"] for e in copies}) == 10


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("rule", sorted(EXPLOIT))
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_tiny_populations_train_to_the_end(size, rule, mode):
    state, records = train(Controller(plan(population_size=size, mode=mode, strategy=strategy(rule))), by_stream)
    assert all(member.trained_steps == 40 for member in state.members.values())
    if size == 1:
        assert all(e.kept for e in exploits(records))


def test_with_fraction_0_nobody_copies():
    _, records = train(Controller(plan(strategy=strategy(fraction=0.0))), by_stream)
    assert all(e.kept for e in exploits(records))


def test_a_diverged_member_copies_from_the_better_half_at_its_next_ready_point():
    def score(order):
        return math.nan if order.member == 3 and order.interval == 2 else float(order.member)

    _, records = train(Controller(plan(strategy=strategy(fraction=0.0))), score)
    (rescue,) = [e for e in exploits(records) if e.rule == "rescue"]
    assert (rescue.recipient, rescue.interval, rescue.copied) == (3, 2, ("weights", "hyperparams"))
    assert donor_of(rescue).member in (2, 4)
    assert rescue.before != rescue.after
    assert math.isfinite(rescue.scores[-1])


def test_a_rescue_copies_everything_whatever_the_rule_copies():
    strategies = strategy("tournament", copies="hyperparams")
    _, records = train(Controller(plan(strategy=strategies)), lambda o: math.inf if o.member == 0 else 1.0)
    rescues = [e for e in exploits(records) if e.rule == "rescue"]
    assert {e.recipient for e in rescues} == {0}
    assert all(e.copied == ("weights", "hyperparams") for e in rescues)


def test_when_everything_diverged_each_goes_back_to_itself_and_the_best_of_the_run_is_kept():
    def score(order):
        return float(order.member) if order.interval == 1 else math.nan

    controller = Controller(plan(strategy=strategy(explore="resample")))
    state, records = train(controller, score)
    first = [e for e in exploits(records) if e.interval == 2]
    assert {donor_of(e).checkpoint for e in first} == {f"m0{member}-i0001" for member in range(5)}
    assert len({e.after["lr"] for e in first}) == 5
    assert state.best is not None
    assert state.best.checkpoint == "m04-i0001"
    assert "m04-i0001" in controller.needed(state)


def test_when_no_score_was_ever_finite_members_start_anew():
    controller = Controller(plan())
    state, records = train(controller, lambda order: math.nan)
    assert all(e.checkpoint is None and e.donor is None and not e.kept for e in exploits(records))
    assert all(member.step == 5 for member in state.members.values())  # one order old, not eight
    assert state.best is None


def test_without_exploit_a_diverged_member_is_left_alone():
    _, records = train(Controller(plan(strategy=strategy("none", "none"))), lambda order: math.nan)
    assert all(e.kept for e in exploits(records))
    assert sum(isinstance(record, Report) for record in records) == 5  # what has diverged is not trained any more


@pytest.mark.parametrize("rule", ["truncation", "tournament", "t_test"])
def test_all_scores_equal_is_no_error(rule):
    state, _ = train(Controller(plan(strategy=strategy(rule))), lambda order: 1.0)
    assert all(member.score == 1.0 for member in state.members.values())


def test_a_failed_order_is_given_again_and_its_late_answer_is_dropped():
    controller = Controller(plan())
    state, _ = controller.start(State())
    state, (order,) = controller.ask(state, 1)
    lost = Failure(order.member, order.interval, order.attempt, "w0", "killed", "worker")
    state, records = controller.tell(state, [lost])
    assert records == [Failure(0, 1, 1, "w0", "killed", "worker")]
    state, (again,) = controller.ask(state, 1)
    assert again == replace(order, attempt=2)
    assert controller.tell(state, [answer(order, 1.0)]) == (state, [])
    state, (report,) = controller.tell(state, [answer(again, 1.0)])
    assert isinstance(report, Report)
    assert controller.tell(state, [answer(again, 1.0)]) == (state, [])


def test_a_longer_plan_decides_what_the_shorter_one_left_open():
    long, short = Controller(plan(total_steps=40)), Controller(plan(total_steps=20))
    _, uncut = train(long, by_stream)
    _, first = train(short, by_stream)
    _, rest = train(long, by_stream, long.fold(first))
    assert sorted(map(str, first + rest)) == sorted(map(str, uncut))


def test_a_resumed_run_equals_the_uncut_one_wherever_it_is_cut():
    controller = Controller(plan())
    uncut, records = train(controller, by_stream, slots=1)
    for cut in [i for i, r in enumerate(records) if isinstance(r, Report)]:
        state, _ = train(controller, by_stream, controller.fold(records[:cut]), slots=1)
        assert state == uncut


def test_initial_values_are_given_to_the_first_members():
    state, records = Controller(plan(initial=[{"lr": 0.001}, {}])).start(State())
    assert state.members[0].hyperparams == {"lr": 0.001}
    assert [birth.origin for birth in births(records)] == ["given"] + ["drawn"] * 4


def test_the_best_is_the_earliest_of_equals_whoever_answers_first():
    states = [train(Controller(plan(total_steps=10)), lambda order: 1.0, slots=slots)[0] for slots in (1, 5)]
    assert [state.best and state.best.checkpoint for state in states] == ["m00-i0001"] * 2


def test_needed_names_what_members_go_on_with_and_were_measured_on_pending_sources_and_the_best():
    state = State(
        members=Roster({0: Member(0, {}, sources={"*": "a", "g": "e"}), 1: Member(1, {})}),
        measured=Roster({0: Member(0, {}, checkpoint="f")}),
        pending=Roster({1: Order(1, 1, 1, {}, {"*": "b"}, "c", 0, 0, 5)}),
        best=Member(2, {}, checkpoint="d"),
    )
    assert Controller(plan()).needed(state) == {"a", "b", "d", "e", "f"}


def test_checkpoint_keys_name_member_and_interval():
    assert checkpoint_key(3, 12) == "m03-i0012"


@given(
    st.lists(st.floats(), min_size=40, max_size=40),
    st.integers(1, 6),
    st.sampled_from(["sync", "async"]),
    st.sampled_from(sorted(EXPLOIT)),
    st.sampled_from(sorted(EXPLORE)),
)
def test_whatever_the_scores_the_run_ends_and_donors_are_healthy(scores, size, mode, exploit, explore):
    def score(order):
        return scores[(order.member * 8 + order.interval) % len(scores)]

    controller = Controller(plan(population_size=size, mode=mode, strategy=strategy(exploit, explore)))
    state, records = train(controller, score)
    assert controller.fold(records) == state or any(math.isnan(s) for s in scores)
    reported = {(r.member, r.interval): r for r in records if isinstance(r, Report)}
    for exploit_record in exploits(records):
        for values in (exploit_record.before, exploit_record.after):
            assert SPACE["lr"].contains(values["lr"])
        if exploit_record.donor:
            assert exploit_record.donor.checkpoint in {
                r.checkpoint for r in reported.values() if math.isfinite(r.score)
            }


def test_a_schedule_is_laid_over_the_members_own_values_by_the_age_of_the_weights():
    schedule = Schedule((Row(0, {"lr": 1e-3}), Row(10, {"lr": 2e-3}, slot=(7, 9))))
    controller = Controller(plan(schedule=schedule, population_size=1))
    state, _ = controller.start(State())
    seen = []
    while not controller.done(state):
        state, (order,) = controller.ask(state, 1)
        seen.append((order.step, order.hyperparams["lr"], order.slot))
        state, _ = controller.tell(state, [answer(order, 0.0)])
    assert seen[:2] == [(0, 1e-3, (0, 1)), (5, 1e-3, (0, 2))]
    assert seen[2:4] == [(10, 2e-3, (7, 9)), (15, 2e-3, (7, 9))]


def test_under_a_relative_schedule_exploit_copies_what_is_below_it():
    half = Schedule((Row(0, {"lr": 0.5}),), relative=True)
    _, plain = train(Controller(plan()))
    _, halved = train(Controller(plan(schedule=half)))
    assert [e.after for e in exploits(halved)] == [e.after for e in exploits(plain)]
    reports = [[r for r in records if isinstance(r, Report)] for records in (plain, halved)]
    for own, scheduled in zip(*reports, strict=True):
        assert scheduled.hyperparams["lr"] == own.hyperparams["lr"] * 0.5


def counting(recipient, view, rng, *, memory, at_least=2):
    """Copy the best member, but only once this rule was asked often enough."""
    asked = (memory or {"asked": 0})["asked"] + 1
    donor = view.at(len(view) - 1)
    return (donor if asked >= at_least and donor.id != recipient.id else None), {"asked": asked}


def remembering(rule=counting, **options) -> Strategy:
    return Strategy(Rule("mine", rule, options), Rule("perturb", EXPLORE["perturb"]))


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_rule_that_remembers_goes_on_with_its_memory_when_the_records_are_folded(mode):
    controller = Controller(plan(strategy=remembering(at_least=7), mode=mode))
    state, records = train(controller)
    asked = [e.memory["asked"] for e in exploits(records)]
    assert asked == list(range(1, len(asked) + 1))
    assert [e.donor is not None for e in exploits(records)][:6] == [False] * 6
    assert any(e.donor for e in exploits(records))
    for cut in range(len(records)):
        half = controller.fold(records[:cut])
        assert half.memory == next((e.memory for e in reversed(exploits(records[:cut]))), None)
    again = [record for line in map(to_json, records) if (record := from_json(json.loads(json.dumps(line))))]
    assert controller.fold(again) == state


def test_a_rescue_leaves_the_memory_as_it_is():
    def score(order: Order) -> float:
        return math.nan if order.member == 0 and order.interval == 4 else float(order.member)

    _, records = train(Controller(plan(strategy=remembering())), score)
    found = exploits(records)
    place = next(i for i, e in enumerate(found) if e.rule == "rescue")
    assert found[place].memory is None  # as before
    assert found[place + 1].memory["asked"] == found[place - 1].memory["asked"] + 1


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (lambda recipient, view, rng, *, memory: None, "must return"),
        (lambda recipient, view, rng, *, memory: (None, {1, 2}), "JSON cannot hold"),
        (lambda recipient, view, rng, *, memory: (None, math.nan), "JSON cannot hold"),
    ],
)
def test_a_memory_that_the_journal_cannot_hold_is_told(rule, said):
    with pytest.raises(TaskError, match=said):
        train(Controller(plan(strategy=remembering(rule))))


def test_a_rule_cannot_change_a_memory_that_was_journaled():
    def mutating(recipient, view, rng, *, memory):
        memory = memory or []
        memory.append(recipient.id)
        return None, memory

    _, records = train(Controller(plan(strategy=remembering(mutating))))
    lengths = [len(e.memory) for e in exploits(records)]
    assert lengths == list(range(1, len(lengths) + 1))
