from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
import torch

from pbt_gan import Integer, Range, codec
from pbt_gan.core.population import Order
from pbt_gan.core.records import Failure
from pbt_gan.core.rng import stream
from pbt_gan.core.space import draw
from pbt_gan.errors import TaskError, place
from pbt_gan.executors.processes import ProcessesExecutor
from pbt_gan.executors.serial import SerialExecutor
from pbt_gan.executors.work import NOTHING
from pbt_gan.interfaces import Executor, Problem, TaskReference
from pbt_gan.modules.trainer import ModuleTrainer
from pbt_gan.testing.walk import answers, comparable


def streams(block):
    return stream(3, "train", block)


def values(make, purpose="values"):
    return draw(make.space, stream(0, purpose))


@pytest.fixture
def trainer(make):
    return attached(make().as_task())


def attached(problem: Problem) -> ModuleTrainer:
    trainer = problem.attach(NOTHING, "cpu")
    assert isinstance(trainer, ModuleTrainer)
    return trainer


def test_a_donors_optimiser_does_not_bring_the_donors_rate_along(trainer, make):
    mine, theirs = values(make), {**values(make), "lr": 0.07, "beta": 0.3}
    donor = trainer.train(trainer.init(stream(0)), theirs, 3, streams).state
    assert donor["optimiser"]["param_groups"][0]["betas"][0] == 0.3
    done = trainer.train(codec.clone(donor), mine, 3, streams)
    assert done.hyperparams == mine
    for group in done.state["optimiser"]["param_groups"]:
        assert group["betas"][0] == mine["beta"]
        assert group["lr"] == mine["lr"] * 0.9**6
    again = trainer.train(codec.clone(donor), theirs, 3, streams)
    assert codec.encode(again.state) != codec.encode(done.state)


def test_metrics_and_examples_are_reported(trainer, make):
    done = trainer.train(trainer.init(stream(0)), values(make), 3, streams)
    assert done.images == 48
    assert set(done.metrics) == {"loss"}
    assert set(trainer.score(done.state, stream(1))) == {"score", "held_out"}
    assert set(make().as_task().cards()) == {"score", "held_out"}
    assert trainer.preview(done.state, stream(1)).shape == (2, 4, 4, 1)
    assert trainer.sample(done.state, 3, stream(1)) is None


def test_what_is_not_evolved_has_its_init_or_what_build_gave_it(trainer, make):
    state = trainer.init(stream(0))
    then = state["_hyperparams"]
    assert (then["weight_decay"], then["dropout"]) == (0.1, 0.1)
    assert (then["lr"], then["beta"]) == (1e-3, 0.9)
    done = trainer.train(state, {"beta": 0.6}, 2, streams)
    assert done.hyperparams == {"beta": 0.6}
    assert done.state["_hyperparams"] == {**then, "beta": 0.6}
    assert done.state["optimiser"]["param_groups"][1]["weight_decay"] == 0.1


def test_the_callers_generators_are_left_alone_and_do_not_matter(trainer, make):
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        done = trainer.train(trainer.init(stream(0)), values(make), 3, streams)
        trainer.score(done.state, stream(1))
        assert torch.equal(torch.get_rng_state(), before)
        found.append(codec.encode(done.state))
    assert found[0] == found[1]


def test_new_parts_are_those_of_a_member_and_nobody_elses(trainer, make):
    done = trainer.train(trainer.init(stream(0)), {**values(make), "dropout": 0.4}, 3, streams)
    parts, others = trainer.parts(done.state), trainer.parts(done.state)
    assert torch.equal(parts["net"].first.weight, done.state["net"]["first.weight"])
    assert parts["net"].dropped.p == 0.4
    assert not parts["net"].training
    assert parts["net"] is not others["net"]
    parts["net"].first.weight.detach().zero_()
    assert done.state["net"]["first.weight"].any()


def order(member: int, interval: int = 1, source: str | None = None) -> Order:
    values = {"lr": 0.01 * (member + 1), "dropout": 0.1 * member, "momentum": 0.9 * (member % 2)}
    key = f"m{member}-i{interval}"
    return Order(
        member, interval, 1, values, {"*": source} if source else {}, key, 4 * (interval - 1), 4 * (interval - 1), 4
    )


FIRST = [order(member) for member in range(3)]
SECOND = [order(0, 2, "m1-i1"), order(1, 2, "m1-i1"), order(2, 2, "m0-i1")]


def shown(executor: Executor, orders: list[Order]) -> list[Any]:
    reports = answers(executor, orders)
    states = [bytes(executor.encoded(each.checkpoint)) for each in orders]
    return [*map(comparable, reports), states]


@pytest.mark.slow
def test_worker_processes_report_and_keep_what_the_serial_executor_does(whole, tmp_path):
    task = TaskReference(whole)
    with (
        closing(SerialExecutor(task, seed=1, folder=tmp_path)) as serial,
        closing(ProcessesExecutor(task, seed=1, folder=tmp_path, workers=2)) as processes,
    ):
        for orders in (FIRST, SECOND):
            assert shown(processes, orders) == shown(serial, orders)


@pytest.mark.slow
def test_an_executor_that_takes_a_state_over_goes_on_as_the_old_one(whole, make, tmp_path):
    with closing(SerialExecutor(make(), seed=1)) as first, closing(SerialExecutor(make(), seed=1)) as second:
        shown(first, FIRST)
        for each in FIRST:
            second.restore(each.checkpoint, bytes(first.encoded(each.checkpoint)))
        assert shown(second, SECOND) == shown(first, SECOND)


def stumble(*arguments):
    raise ArithmeticError("stumbled")


def lived(kind):
    """Have every method of a task called."""
    trainer = attached(kind().as_task())
    state = trainer.train(trainer.init(stream(0)), {"lr": 0.1}, 1, streams).state
    trainer.score(state, stream(0))
    trainer.preview(state, stream(0))
    trainer.sample(state, 1, stream(0))


STUMBLES = f"{__file__}, line {stumble.__code__.co_firstlineno + 1}"


def test_a_failure_in_training_is_told_by_its_own_words(small):
    with closing(SerialExecutor(small(train=stumble)(), seed=0)) as executor:
        (failed,) = answers(executor, [replace(order(0), hyperparams={"lr": 0.1})])
    assert isinstance(failed, Failure)
    assert failed.error == "ArithmeticError: stumbled"
    assert STUMBLES.replace(f"{__file__},", f'File "{__file__}",') in failed.details


@pytest.mark.parametrize("method", ["build", "train", "evaluate", "preview", "sample"])
def test_an_error_of_the_task_keeps_the_line_where_it_was_raised(small, method):
    with pytest.raises(ArithmeticError) as error:
        lived(small(**{method: stumble}))
    assert place(error.value) == STUMBLES


def test_an_error_of_a_setter_keeps_the_line_where_it_was_raised(small):
    with pytest.raises(ArithmeticError) as error:
        lived(small(bindings={"lr": (stumble, stumble)}))
    assert place(error.value) == STUMBLES


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"evaluate": lambda self, parts, rng: {"accuracy": 1.0}}, "Small.evaluate returned ['accuracy'], but no 'sco"),
        ({"evaluate": lambda self, parts, rng: 1.0}, "Small.evaluate returned a float; return numbers by their names"),
        ({"train": lambda self, parts, steps, rng: 1.0}, "Small.train returned a float"),
    ],
)
def test_what_is_no_metric_is_refused(small, changes, said):
    trainer = attached(small(**changes)().as_task())
    with pytest.raises(TaskError) as error:
        trainer.score(trainer.train(trainer.init(stream(0)), {"lr": 0.1}, 1, streams).state, stream(0))
    assert said in str(error.value)


def test_state_dicts_from_elsewhere_are_adopted_and_what_is_not_there_is_new(trainer, make, tmp_path):
    elsewhere = make().build(stream(5))
    torch.save({name: elsewhere[name].state_dict() for name in ("net", "small")}, tmp_path / "nets.pt")
    given = torch.load(tmp_path / "nets.pt", weights_only=True)
    trainer.train(trainer.init(stream(0)), values(make), 3, streams)  # leaves moments behind, which are not adopted
    adopted = trainer.adopt(given)
    assert torch.equal(adopted["net"]["first.weight"], elsewhere["net"].first.weight)
    assert adopted["optimiser"]["state"] == {}
    assert adopted["scheduler"]["last_epoch"] == 0
    done = trainer.train(codec.clone(adopted), values(make), 3, streams)
    assert done.hyperparams == values(make)
    again = trainer.train(trainer.adopt(given), values(make), 3, streams)
    assert codec.encode(again.state) == codec.encode(done.state)


def test_a_whole_state_is_adopted_bit_for_bit_even_by_another_worker(trainer, make):
    done = trainer.train(trainer.init(stream(0)), values(make), 3, streams)
    kept = codec.encode(done.state)
    assert codec.encode(trainer.adopt(done.state)) == kept
    assert codec.encode(attached(make().as_task()).adopt(codec.decode(kept))) == kept


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda state: {**state, "nett": {}},
            "Whole.build returns no part 'nett'. Did you mean 'net'? A state",
        ),
        (lambda state: {"net": state["net"]}, "Whole: the state to adopt lacks the net 'small'; it has net. Only"),
        (lambda state: {**state, "net": state["small"]}, "the part 'net' does not take its state back: RuntimeError"),
        (lambda state: {**state, "net": state["small"]}, "Was it made by other nets?"),
        (lambda state: 3, "a state to adopt is {part: state_dict}, not a int"),
    ],
)
def test_what_cannot_be_adopted_is_refused_by_name(trainer, change, said):
    with pytest.raises(TaskError) as error:
        trainer.adopt(change(trainer.init(stream(0))))
    assert said in str(error.value)


def test_an_export_is_the_nets_and_can_be_adopted_again(trainer, make):
    done = trainer.train(trainer.init(stream(0)), values(make), 3, streams)
    exported = trainer.export(done.state)
    assert set(exported) == {"net", "small"}
    net = make().build(stream(5))["net"]
    net.load_state_dict(exported["net"])
    assert torch.equal(net.first.weight, done.state["net"]["first.weight"])
    assert codec.encode(trainer.export(trainer.adopt(exported))) == codec.encode(exported)


BATCH = {"batch_size": Integer(Range(16, 64), (1, 256))}


def handed(train):
    """Return what a task without bindings says of itself whose `train` is this."""
    return {"space": BATCH, "bindings": {}, "train": train}


def test_what_no_part_has_is_handed_to_train_and_verified_where_it_was_asked_for(small):
    def train(self, parts, steps, rng, hyperparams):
        return {"images": steps * hyperparams["batch_size"]}

    trainer = attached(small(**handed(train))().as_task())
    done = trainer.train(trainer.init(stream(0)), {"batch_size": 32}, 3, streams)
    assert (done.images, done.hyperparams, list(done.unverified)) == (96, {"batch_size": 32}, [])
    again = trainer.train(codec.clone(done.state), {}, 3, streams)
    assert (again.images, again.hyperparams) == (96, {})  # not evolved any more, it is what the state says
    assert trainer.train(trainer.init(stream(0)), {}, 3, streams).images == 120


def test_what_train_did_not_ask_for_is_unverified(small):
    def train(self, parts, steps, rng, hyperparams):
        return {"images": hyperparams["batch_size"] if steps > 3 else 0}

    trainer = attached(small(**handed(train))().as_task())
    for steps, unverified in ((3, ["batch_size"]), (4, [])):
        done = trainer.train(trainer.init(stream(0)), {"batch_size": 32}, steps, streams)
        assert list(done.unverified) == unverified


def test_of_what_is_bound_the_place_counts_and_not_that_train_looked_it_up(small):
    changes = {"train": lambda self, parts, steps, rng, hyperparams: {"rate": hyperparams["lr"]}}
    trainer = attached(small(**changes)().as_task())
    done = trainer.train(trainer.init(stream(0)), {"lr": 0.5}, 3, streams)
    assert (done.metrics, list(done.unverified)) == ({"rate": 0.5}, ["lr"])
