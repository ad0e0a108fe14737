"""A step that ignores a hyperparameter on purpose, for each form of binding; and one that uses it."""

import pickle
import warnings
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounter

from pbt_gan import Float, ModuleTask
from pbt_gan.core.rng import stream
from pbt_gan.errors import TaskError
from pbt_gan.executors.work import NOTHING
from pbt_gan.interfaces import Training
from pbt_gan.modules.paths import chains
from pbt_gan.modules.watch import watched


class Scaled(nn.Module):
    """Has a buffer and a number that its forward reads, and others that it does not."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(2, 2)
        self.dropped = nn.Dropout(0.5)
        self.gain = 0.5
        self.copied = self.gain
        for name in ("scale", "idle"):
            self.register_buffer(name, torch.tensor(0.5))

    def forward(self, x):
        return self.dropped(self.inner(x)) * self.scale * self.copied


class Trained(ModuleTask):
    """A loop as people write it, with one hyperparameter."""

    space = {"h": Float(0.3, (0.0, 1.0))}
    loop: Any = staticmethod(lambda parts: None)

    def __init__(self, binding, **hooks):
        self.bindings = {"h": binding}
        self.hooks = hooks

    def build(self, rng):
        net = Scaled()
        parts = {"net": net, "optimiser": torch.optim.SGD(net.parameters(), lr=0.5, momentum=0.5)}
        return {**parts, **self.hooks.get("build", lambda parts: {})(parts)}

    def train(self, parts, steps, rng):
        for step in range(steps):
            self.hooks.get("step", ordinary)(parts)
            self.hooks.get("after", lambda parts, step: None)(parts, step)

    def evaluate(self, parts, rng):
        return {"score": 0.0}


def ordinary(parts):
    parts["optimiser"].zero_grad()
    parts["net"](torch.ones(4, 2)).square().mean().backward()
    parts["optimiser"].step()


def trained(binding, steps=3, **hooks) -> Training:
    trainer = Trained(binding, **hooks).as_task().attach(NOTHING, "cpu")
    done = trainer.train(trainer.init(stream(0)), {"h": 0.3}, steps, lambda block: stream(1, block))
    assert done.hyperparams == {"h": 0.3}
    return done


def by_hand(parts):
    """Ignores the optimiser."""
    parts["net"](torch.ones(4, 2)).square().mean().backward()
    for parameter in parts["net"].parameters():
        parameter.data -= 0.1 * parameter.grad
        parameter.grad = None


def around(parts):
    """Ignores the module's own forward."""
    parts["optimiser"].zero_grad()
    parts["net"].inner(torch.ones(4, 2)).square().mean().backward()
    parts["optimiser"].step()


def in_evaluation(parts):
    """Trains as if there were no dropout."""
    parts["net"].eval()
    ordinary(parts)


def without_gradients(parts):
    """Steps, but with nothing."""
    by_hand(parts)
    parts["optimiser"].step()


def scheduled(kind, *arguments):
    def build(parts):
        return {"scheduler": kind(parts["optimiser"], *arguments)}

    return build


def advance(parts, step):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a scheduler that steps before its optimiser
        parts["scheduler"].step()


def of_lambda(parts):
    return {"scheduler": torch.optim.lr_scheduler.LambdaLR(parts["optimiser"], lambda epoch: 0.9**epoch)}


def of_steps(parts):
    return {"scheduler": torch.optim.lr_scheduler.StepLR(parts["optimiser"], 1, 0.9)}


@pytest.mark.parametrize(
    ("binding", "hooks"),
    [
        ("optimiser.lr", {}),
        ("optimiser.0.lr", {}),
        ("optimiser.momentum", {}),
        ("net.dropped.p", {}),
        ("net.scale", {}),
        ("scheduler.base_lrs.0", {"build": of_lambda, "after": advance}),
    ],
)
def test_a_value_that_was_seen_to_act_is_verified(binding, hooks):
    assert list(trained(binding, **hooks).unverified) == []


@pytest.mark.parametrize(
    ("binding", "hooks"),
    [
        ("optimiser.lr", {"step": by_hand}),
        ("optimiser.lr", {"step": without_gradients}),
        ("optimiser.momentum", {"step": by_hand}),
        ("net.dropped.p", {"step": around}),
        ("net.dropped.p", {"step": in_evaluation}),
        ("net.scale", {"step": around}),
        ("net.idle", {}),
        ("net.gain", {}),  # the module copied it when it was built
        ("scheduler.base_lrs.0", {"build": of_lambda}),  # it never steps
        ("scheduler.gamma", {"build": of_steps}),  # it is read now and then
        (lambda parts, value: None, {}),
        ((lambda parts, value: setattr(parts["net"], "gain", value), lambda parts: parts["net"].gain), {}),
    ],
)
def test_a_value_that_nobody_was_seen_to_use_is_unverified(binding, hooks):
    assert list(trained(binding, **hooks).unverified) == ["h"]


def test_a_schedule_that_steps_only_after_the_last_step_of_an_order_has_not_acted():
    hooks = {"build": of_lambda, "after": lambda parts, step: advance(parts, step) if step == 2 else None}
    assert list(trained("scheduler.base_lrs.0", **hooks).unverified) == ["h"]


def test_a_rate_that_the_loop_sets_itself_and_puts_back_is_found_out():
    def step(parts):
        group = parts["optimiser"].param_groups[0]
        group["lr"], before = 0.2, group["lr"]
        ordinary(parts)
        group["lr"] = before

    with pytest.raises(TaskError, match=r"it was set to 0\.3, but is 0\.2 in the last step"):
        trained("optimiser.lr", step=step)


def test_a_rate_of_several_groups_is_verified_by_those_that_have_gradients():
    def build(parts):
        parts["optimiser"].add_param_group({"params": [nn.Parameter(torch.zeros(1))]})
        return {}

    assert list(trained("optimiser.lr", build=build).unverified) == []
    assert list(trained("optimiser.1.lr", build=build).unverified) == ["h"]


def test_a_loop_may_copy_and_pickle_what_is_watched():
    def step(parts):
        deepcopy(parts["net"])(torch.ones(4, 2))
        pickle.loads(pickle.dumps(parts["net"]))(torch.ones(4, 2))
        deepcopy(parts["optimiser"]).step()
        ordinary(parts)

    for binding in ("net.dropped.p", "net.scale", "optimiser.lr"):
        assert list(trained(binding, step=step).unverified) == []


def test_nothing_is_left_on_the_parts_after_training():
    kept = {}
    trained("net.scale", build=lambda parts: kept.update(parts) or {})
    assert not kept["net"]._forward_pre_hooks
    assert not kept["net"]._forward_hooks
    assert not kept["optimiser"]._optimizer_step_post_hooks


def test_a_forward_that_fails_leaves_no_watch_behind():
    def step(parts):
        with pytest.raises(RuntimeError):
            parts["net"](torch.ones(4, 3))
        assert torch.overrides._get_current_function_mode() is None
        ordinary(parts)

    assert list(trained("net.scale", step=step).unverified) == []


@pytest.mark.slow
def test_compiled_code_is_compiled_once_more_for_a_tensor_and_no_oftener():
    counter = CompileCounter()
    net = torch.compile(Scaled(), backend=counter, fullgraph=True)
    for path, most in (("net.dropped.p", 1), ("net.scale", 3)):
        for _ in range(4):
            with watched({"h": chains("", path, {"net": net})}):
                for _ in range(2):
                    net(torch.ones(4, 2))
        assert counter.frame_count <= most


def test_a_scripted_net_trains_whatever_is_bound():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is not loved any more
        net = torch.jit.script(Scaled())
    with watched({"h": chains("", "net.scale", {"net": net})}) as sights:
        net(torch.ones(4, 2))
    assert not sights["h"]
