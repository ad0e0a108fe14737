import pytest
import torch
from torch import nn

from pbt_gan import Choice, Float, Integer, Range
from pbt_gan.core.space import Domain
from pbt_gan.errors import ConfigError, TaskError
from pbt_gan.modules.bindings import Bindings

RATE = Float(Range(1e-4, 1e-1), (1e-6, 1.0), "log")


def parts():
    net = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    net.register_buffer("temperature", torch.tensor(1.0))
    return {"net": net, "optimiser": torch.optim.SGD(net.parameters(), lr=0.5), "seen": {}}


def bound(**bindings) -> Bindings:
    return Bindings.of("Mine", dict.fromkeys(bindings, RATE), bindings)


@pytest.mark.parametrize(
    ("space", "bindings", "said"),
    [
        (["lr"], {}, "Mine.space has 'lr', but nothing is bound to it"),
        (["lr"], {"l": "optimiser.lr"}, "Mine.space has 'lr', but nothing is bound to it. Did you mean 'l'?"),
        ([], {"lr": "optimiser.lr"}, "Mine.bindings has 'lr', which is not in its space"),
        (["lr"], {"lr": "optimiser"}, "write a path such as 'optimiser.lr'"),
        (["lr"], {"lr": 3}, "Mine.bindings['lr'] = 3: write a path"),
        (["lr"], {"lr": (print, 3)}, "or a pair (setter, getter)"),
    ],
)
def test_space_and_bindings_must_agree(space, bindings, said):
    with pytest.raises(ConfigError) as error:
        Bindings.of("Mine", dict.fromkeys(space, RATE), bindings)
    assert said in str(error.value)


def test_values_are_set_and_what_is_read_back_may_be_rounded():
    made, mine = parts(), bound(lr="optimiser.lr", temperature="net.temperature")
    found = mine.set(made, {"lr": 0.1, "temperature": 0.1})
    assert found == {"lr": 0.1, "temperature": torch.tensor(0.1).item()}
    mine.in_force(made, {"lr": 0.1, "temperature": 0.1}, found, {"temperature": [found["temperature"]]})


def test_a_setter_and_a_getter_may_keep_a_value_in_another_way():
    made = parts()
    pair = (
        lambda parts, value: parts["seen"].update(log=torch.tensor(value).log()),
        lambda parts: parts["seen"]["log"].exp().item(),
    )
    mine = bound(lr=pair)
    mine.in_force(made, {"lr": 0.003}, mine.set(made, {"lr": 0.003}), {})


def test_of_a_bare_setter_the_value_is_taken_on_trust():
    made, mine = parts(), bound(lr=lambda parts, value: None)
    mine.in_force(made, {"lr": 0.1}, mine.set(made, {"lr": 0.1}), {})
    assert mine.born(made, {"lr": RATE}) == {}


def test_two_bindings_of_one_thing_are_found_out():
    with pytest.raises(TaskError, match=r"bindings\['a'\]: 0.1 was set, but 0.2 is read back. Does another binding"):
        bound(a="optimiser.lr", b="optimiser.0.lr").set(parts(), {"a": 0.1, "b": 0.2})


def test_a_getter_of_another_thing_is_found_out():
    pair = (lambda parts, value: None, lambda parts: 7.0)
    with pytest.raises(TaskError, match=r"7\.0 is read back"):
        bound(a=pair).set(parts(), {"a": 0.1})


def test_a_value_that_moved_while_training_is_no_value_in_force():
    made, mine = parts(), bound(lr="optimiser.lr")
    found = mine.set(made, {"lr": 0.1})
    made["optimiser"].param_groups[0]["lr"] *= 1 + 1e-9
    with pytest.raises(TaskError, match=r"it was set to 0\.1, but is 0\.10000000010000001 after training\. Leave it"):
        mine.in_force(made, {"lr": 0.1}, found, {})


def test_a_value_that_was_put_back_after_the_last_step_is_no_value_in_force():
    made, mine = parts(), bound(lr="optimiser.lr")
    found = mine.set(made, {"lr": 0.1})
    with pytest.raises(TaskError, match=r"it was set to 0\.1, but is 0\.3 in the last step\. Leave it"):
        mine.in_force(made, {"lr": 0.1}, found, {"lr": [0.1, 0.3]})


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (
            "scheduler.base_lrs.0",
            "never reads base_lrs again. Bind what it does read (scheduler.gamma), or optimiser.lr",
        ),
        (
            "optimiser.initial_lr",
            "reads initial_lr only when it is built. Bind what it does read (scheduler.gamma), or",
        ),
        ("optimiser.defaults.lr", "Bind 'optimiser.lr', read at each step"),
    ],
)
def test_a_place_that_torch_never_reads_is_refused_with_the_right_one(path, said):
    made = parts()
    made["scheduler"] = torch.optim.lr_scheduler.ExponentialLR(made["optimiser"], 0.9)
    with pytest.raises(TaskError) as error:
        bound(lr=path).chains(made)
    assert f"Mine.bindings['lr'] = {path!r}: " in str(error.value)
    assert said in str(error.value)


def test_what_a_scheduler_moves_is_told_with_what_it_starts_from():
    made, mine = parts(), bound(lr="optimiser.lr")
    made["scheduler"] = torch.optim.lr_scheduler.LambdaLR(made["optimiser"], lambda epoch: 0.9**epoch)
    found = mine.set(made, {"lr": 0.1})
    made["optimiser"].step()
    made["scheduler"].step()
    with pytest.raises(TaskError, match=r"Bind what it does read \(scheduler\.base_lrs\.0\), or optimiser\.lr without"):
        mine.in_force(made, {"lr": 0.1}, found, {})


def test_what_is_not_evolved_has_its_init_if_that_is_one_value_and_else_what_build_gave():
    either = ("x", "y")
    space: dict[str, Domain] = {"a": Float(0.1, (0.0, 1.0)), "b": RATE, "c": Choice(either, "x"), "d": Choice(either)}
    trusted = lambda parts, value: None  # noqa: E731
    mine = bound(a="optimiser.momentum", b="optimiser.lr", c=trusted, d=trusted)
    assert mine.born(parts(), space) == {"a": 0.1, "b": 0.5, "c": "x"}


def test_what_is_bound_to_nothing_begins_in_the_middle_where_init_is_no_one_value():
    space: dict[str, Domain] = {"batch_size": Integer(Range(16, 64), (1, 256)), "lr": RATE}
    mine = Bindings.of("Mine", space, {"lr": "optimiser.lr"}, handed=True)
    assert mine.born(parts(), space) == {"batch_size": 40, "lr": 0.5}
    assert mine.set(parts(), {"batch_size": 48, "lr": 0.1}) == {"batch_size": 48, "lr": 0.1}
