from collections import OrderedDict

import pytest
import torch
from torch import nn

from pbt_gan import codec
from pbt_gan.errors import TaskError
from pbt_gan.modules.parts import LiveParts


class Versioned(nn.Linear):
    """Remembers which version it was told that its state is of."""

    _version = 7
    told = None

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        self.told = local_metadata.get("version")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


def stepped(live: LiveParts) -> None:
    live.parts["net"](torch.randn(4, 2)).square().mean().backward()
    live.parts["optimiser"].step()


def live(kind=torch.optim.Adam, **options) -> LiveParts:
    net = nn.Sequential(Versioned(2, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    return LiveParts(lambda: {"net": net, "optimiser": kind(net.parameters(), **options)}, "Mine")


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (torch.optim.Adam, {"amsgrad": True}),
        (torch.optim.AdamW, {}),
        (torch.optim.SGD, {"lr": 0.1}),
        (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
        (torch.optim.RMSprop, {"centered": True}),
        (torch.optim.Adagrad, {}),
        (torch.optim.LBFGS, {}),
    ],
)
def test_the_state_of_every_optimiser_comes_back_through_a_checkpoint(kind, options):
    mine = live(kind, **options)
    if kind is not torch.optim.LBFGS:
        stepped(mine)
    kept = codec.encode(mine.capture({"lr": 0.1}))
    other = live(kind, **options)
    stepped(other) if kind is not torch.optim.LBFGS else None
    assert other.load(codec.decode(kept)) == {"lr": 0.1}
    assert codec.encode(other.capture({"lr": 0.1})) == kept


def test_an_optimiser_without_a_state_forgets_that_of_the_member_before():
    mine = live()
    born = mine.capture({})
    stepped(mine)
    assert mine.parts["optimiser"].state
    mine.load(codec.clone(born))
    assert not mine.parts["optimiser"].state
    assert codec.encode(mine.capture({})) == codec.encode(born)


def test_a_state_is_no_view_of_the_live_parts():
    mine = live()
    stepped(mine)
    state = mine.capture({})
    before = codec.encode(state)
    stepped(mine)
    assert codec.encode(state) == before
    assert codec.encode(mine.capture({})) != before


def test_modules_learn_of_which_version_their_state_is():
    mine, other = live(), live()
    other.load(codec.decode(codec.encode(mine.capture({}))))
    assert other.parts["net"][0].told == 7


def test_tied_tensors_stay_tied_and_are_kept_once():
    def tied():
        net = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
        net[1].weight = net[0].weight
        return LiveParts(lambda: {"net": net}, "Mine")

    mine, other = tied(), tied()
    state = mine.capture({})
    assert len(codec.Encoding(state).tensors) == 1
    other.load(codec.clone(state))
    assert other.parts["net"][1].weight is other.parts["net"][0].weight
    assert torch.equal(other.parts["net"][0].weight, mine.parts["net"][0].weight)


def test_gradients_are_no_part_of_a_state():
    mine = live()
    stepped(mine)
    mine.load(mine.capture({}))
    assert all(parameter.grad is None for parameter in mine.parts["net"].parameters())


def test_modes_are_those_that_build_left_or_evaluation():
    net = nn.Sequential(nn.BatchNorm1d(2).eval(), nn.Dropout())
    mine = LiveParts(lambda: {"net": net}, "Mine")
    mine.eval_mode()
    assert [module.training for module in net.modules()] == [False, False, False]
    mine.train_mode()
    assert [module.training for module in net.modules()] == [True, False, True]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (None, "Mine.build returned a NoneType; return the parts by their names"),
        ({}, "return the parts by their names"),
        (nn.Linear(1, 1), "returned a Linear; return the parts by their names"),
        ({"net": nn.Linear(1, 1), "data": torch.zeros(3)}, "'data', a Tensor without state_dict"),
        ({"_net": nn.Linear(1, 1)}, "names a part '_net'"),
        ({"net": nn.LazyLinear(1)}, "returned 'net' with lazy layers"),
        ({"a.b": nn.Linear(1, 1)}, "names a part 'a.b'"),
    ],
)
def test_what_is_no_part_is_refused(made, said):
    with pytest.raises(TaskError) as error:
        LiveParts(lambda: made, "Mine")
    assert said in str(error.value)


def test_a_state_of_other_parts_is_refused_in_a_line():
    mine = live()
    state = mine.capture({})
    with pytest.raises(TaskError, match="returned the parts net, optimiser, but this state is one of net"):
        mine.load({name: part for name, part in state.items() if name != "optimiser"})
    state["net"] = OrderedDict(list(state["net"].items())[1:])
    with pytest.raises(TaskError, match="the part 'net' does not take its state back: RuntimeError: Error") as error:
        mine.load(state)
    assert "\n" not in str(error.value)
