"""Where members that have diverged go back to, and which way they move."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.controller import Controller
from pbt_gan.core.exploit import EXPLOIT
from pbt_gan.core.explore import EXPLORE
from pbt_gan.core.lineage import History
from pbt_gan.core.plan import Plan
from pbt_gan.core.population import Member, Order, Value
from pbt_gan.core.records import Exploit, Record, Report
from pbt_gan.core.safety import IN_A_ROW, hopeless, safer
from pbt_gan.core.space import Choice, Float, Integer, Range
from pbt_gan.core.state import State
from pbt_gan.core.strategy import Rule, Strategy
from pbt_gan.engine import Engine
from pbt_gan.errors import ConfigError, DivergedError
from pbt_gan.executors.simulated import SimulatedExecutor
from pbt_gan.interfaces import RunContext, Streams, Task, Training, Tree

SPACE = {
    "lr": Float(1.0, (1e-6, 1.0), "log", safer="down"),
    "critic": Integer(2, (1, 8), safer="up"),
    "free": Float(0.5, (0.1, 0.9)),
    "loss": Choice(("a", "b")),
}
MODES = pytest.mark.parametrize("mode", ["sync", "async"])


def plan(mode: str = "sync", space: object = SPACE, explore: str = "perturb", steps: int = 120) -> Plan:
    strategy = Strategy(Rule("truncation", EXPLOIT["truncation"]), Rule(explore, EXPLORE[explore]))
    lengths = {"population_size": 4, "total_steps": steps, "ready_interval": 10, "score_interval": 5, "seed": 0}
    return Plan(**{"space": space, "strategy": strategy, "mode": mode, **lengths})  # type: ignore[arg-type]


def train(made: Plan, score: Callable[[Order], float]) -> tuple[State, list[Record]]:
    controller = Controller(made)
    state, records = controller.start(State())
    while not controller.done(state) and not hopeless(state):
        state, orders = controller.ask(state, 4)
        answers = [
            Report.of(order, score=score(order), hyperparams=order.hyperparams, worker="test") for order in orders
        ]
        state, news = controller.tell(state, answers)
        records += news
    return state, records


def rescues(records: list[Record]) -> list[Exploit]:
    return [record for record in records if isinstance(record, Exploit) and record.rule == "rescue"]


@MODES
@pytest.mark.parametrize("explore", ["perturb", "none", "resample"])
def test_a_rescued_member_moves_the_safer_way_from_its_donor(mode: str, explore: str) -> None:
    _, records = train(
        plan(mode, explore=explore), lambda o: math.nan if (o.member, o.interval) == (1, 2) else o.member
    )
    (rescue,) = rescues(records)
    assert rescue.donor is not None
    begun = next(r for r in records if isinstance(r, Report) and r.checkpoint == rescue.checkpoint).hyperparams
    assert 0.7 < float(rescue.after["lr"]) / float(begun["lr"]) < 0.95
    assert int(rescue.after["critic"]) >= int(begun["critic"])


@MODES
def test_with_a_rate_that_is_too_high_for_all_the_population_finds_its_way_down(mode: str) -> None:
    state, records = train(
        plan(mode), lambda order: math.nan if float(order.hyperparams["lr"]) > 0.05 else order.member
    )
    assert not hopeless(state)
    assert sum(member.healthy for member in state.members.values()) > 2  # a healthy one may explore upwards again
    assert len(rescues(records)) < 4 * IN_A_ROW


def test_where_all_diverge_each_goes_back_to_itself_and_then_to_the_best_there_was() -> None:
    broken = {2, 3}
    _, records = train(plan(), lambda o: math.nan if o.interval in broken else float(o.member))
    first, second = (
        {each.recipient: each.donor.checkpoint for each in rescues(records) if each.donor and each.interval == interval}
        for interval in (2, 3)
    )
    assert first == {member: f"m0{member}-i0001" for member in range(4)}
    assert set(second.values()) == {"m03-i0001"}
    state = Controller(plan()).fold(records[: 4 + 8])  # births, and two reports each
    assert {f"m0{member}-i0001" for member in range(4)} <= Controller(plan()).needed(state)


@MODES
def test_a_run_without_hope_is_known_and_one_with_any_is_not(mode: str) -> None:
    state, records = train(plan(mode), lambda order: math.nan)
    assert hopeless(state)
    assert History.of(records).member_steps == 4 * 5 * IN_A_ROW
    assert all(1e-6 <= float(each.after["lr"]) <= 1.0 for each in rescues(records))
    state, _ = train(plan(mode), lambda order: 1.0 if (order.member, order.interval) == (2, 4) else math.nan)
    assert max(member.interval for member in state.members.values()) > IN_A_ROW
    assert not hopeless(State())


@given(st.floats(1e-6, 1.0), st.integers(1, 8), st.integers(1, 50))
def test_bounds_hold_and_it_never_moves_the_other_way(lr: float, critic: int, falls: int) -> None:
    begun: dict[str, Value] = {"lr": lr, "critic": critic, "free": 0.5, "loss": "a"}
    found = safer(plan(), Member(0, begun, interval=3, falls=falls), begun, {**begun, "free": 0.4})
    assert 1e-6 <= float(found["lr"]) <= lr
    assert critic <= int(found["critic"]) <= 8
    assert (found["free"], found["loss"]) == (0.4, "a")
    assert float(found["lr"]) < lr or lr < 1.01e-6


def test_another_word_is_refused() -> None:
    with pytest.raises(ConfigError, match="down or up"):
        Float(1.0, (0.0, 1.0), safer="left").check("lr")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="down or up"):
        Integer(1, (0, 2), safer="left").check("n")  # type: ignore[arg-type]


class Hopeless(Task):
    """Nothing comes of it."""

    space = {"lr": Float(Range(0.1, 1.0), (1e-6, 1.0), "log")}

    def init(self, rng: object) -> Tree:
        return {}

    def train(self, state: Tree, hyperparams: object, steps: int, streams: Streams) -> Training:
        values = dict(hyperparams)  # type: ignore[call-overload]
        return Training(state, values, diverged="loss is nan after 3 steps")

    def score(self, state: Tree, rng: object) -> dict[str, float]:
        return {"score": 1.0}


@MODES
def test_a_run_without_hope_ends_with_the_reason(mode: str) -> None:
    made = plan(mode, Hopeless.space)
    engine = Engine(Controller(made), SimulatedExecutor(Hopeless(), seed=0, slots=2))
    context = RunContext(None, {}, {}, (), None, 0)
    with pytest.raises(
        DivergedError, match=r"5 times in a row, member \d with .*: loss is nan after 3 steps\. Let them"
    ):
        engine.run(State(), context)
