import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pbt_gan.errors import TaskError
from pbt_gan.modules.paths import read, write


class Odd:
    fixed_by_class = 1.0

    def __init__(self):
        self.options = {"rates": [0.1, (0.2, 0.3)], "name": "relu"}
        self.nothing = None

    @property
    def computed(self):
        return 1.0


def parts():
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Dropout(0.5))
    net.register_buffer("temperature", torch.tensor(1.0, dtype=torch.float64))
    net.register_buffer("wide", torch.zeros(3))
    groups = [{"params": [net[0].weight]}, {"params": [net[0].bias]}]
    return {"net": net, "optimiser": torch.optim.Adam(groups, lr=0.5), "odd": Odd()}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("net.2.p", 0.25),
        ("net.temperature", 0.25),
        ("optimiser.lr", 0.25),
        ("optimiser.1.lr", 0.25),
        ("optimiser.betas.0", 0.25),
        ("optimiser.0.betas.1", 0.25),
        ("optimiser.defaults.lr", 0.25),
        ("optimiser.param_groups.0.eps", 0.25),
        ("odd.options.rates.0", 0.25),
        ("odd.options.rates.1.1", 0.25),
        ("odd.options.name", "tanh"),
        ("odd.nothing", True),
        ("odd.fixed_by_class", 2.0),
    ],
)
def test_what_is_written_at_a_path_is_read_there(path, value):
    made = parts()
    assert read("x", path, made) != value
    write("x", path, made, value)
    assert read("x", path, made) == value


def test_a_key_of_an_optimiser_means_all_groups_and_a_number_means_one():
    made = parts()
    rates = made["optimiser"].param_groups
    write("x", "optimiser.lr", made, 0.25)
    assert [group["lr"] for group in rates] == [0.25, 0.25]
    write("x", "optimiser.1.lr", made, 0.75)
    assert [group["lr"] for group in rates] == [0.25, 0.75]
    with pytest.raises(TaskError, match=r"differ, they have \[0.25, 0.75\]"):
        read("x", "optimiser.lr", made)


def test_of_a_tuple_only_one_element_changes_and_a_buffer_stays_the_same_tensor():
    made = parts()
    buffer = made["net"].temperature
    write("x", "optimiser.betas.0", made, 0.25)
    write("x", "net.temperature", made, 0.1)
    assert made["optimiser"].param_groups[1]["betas"] == (0.25, 0.999)
    assert made["net"].temperature is buffer
    assert buffer.item() == 0.1
    assert torch.equal(made["net"].state_dict()["temperature"], buffer)


def test_a_parameter_is_filled_without_a_trace_in_its_gradient():
    made = {"net": nn.Linear(1, 1)}
    write("x", "net.bias", made, 0.5)
    assert made["net"].bias.requires_grad
    assert made["net"].bias.is_leaf
    assert made["net"].bias.item() == 0.5


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("netz.2.p", "no 'netz'. Did you mean 'net'? There are net, optimiser, odd."),
        ("net.3.p", "no '3'. There are 0, 1, 2, temperature, wide."),
        ("net.2.pp", "no 'pp'. Did you mean 'p'?"),
        ("optimiser.lrr", "no 'lrr'. Did you mean 'lr'? There are lr, betas,"),
        ("optimiser.2.lr", "no '2'"),
        ("optimiser.betas.2", "no '2'. There are 0, 1."),
        ("odd.options.rate", "Did you mean 'rates'?"),
        ("odd.options.name.first", "no 'first'. There is nothing to go on to."),
        ("net.2", "is a Dropout, no value; go on into it, with one of"),
        ("net.wide", "is a tensor of shape [3]; a hyperparameter is one number"),
        ("odd.computed", "'computed' of a Odd cannot be set"),
    ],
)
def test_a_path_that_leads_nowhere_says_where_it_could_have_led(path, said):
    with pytest.raises(TaskError) as error:
        write("bindings['x']", path, parts(), 0.1)
    assert said in str(error.value)
    assert str(error.value).startswith("bindings['x']")


@given(st.lists(st.integers(0, 2), min_size=1, max_size=4), st.floats(allow_nan=False))
def test_a_write_changes_what_it_names_and_nothing_else(steps, value):
    def tree(depth):
        inner = [tree(depth - 1) for _ in range(3)] if depth else []
        return (tuple(inner) if depth % 2 else inner) if depth else 0.5

    def leaves(here, at=()):
        return (
            [(at, here)]
            if isinstance(here, float)
            else [pair for place, inner in enumerate(here) for pair in leaves(inner, (*at, place))]
        )

    holder = Odd()
    holder.options = {"tree": tree(len(steps))}
    path = ".".join(["odd", "options", "tree", *map(str, steps)])
    before = leaves(holder.options["tree"])
    write("x", path, {"odd": holder}, value)
    after = leaves(holder.options["tree"])
    assert dict(after) == {**dict(before), tuple(steps): value}
