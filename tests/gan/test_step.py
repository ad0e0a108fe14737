from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from pbt_gan.gan.models import initial_params
from pbt_gan.gan.settings import GanSettings, Scalars
from pbt_gan.gan.trainer import leaves, make_step

MEMBERS, BATCH = 3, 8

GAMES: dict[str, dict[str, Any]] = {
    "non-saturating": {"loss": "non-saturating", "label_smoothing": 0.1},
    "hinge": {"loss": "hinge", "n_critic": 2},
    "wgan-gp": {"loss": "wgan-gp", "discriminator_norm": "none"},
}


def make(size=8, **arguments):
    arguments = {"width": 4, "z_size": 8, "batch_size": BATCH} | arguments
    settings = GanSettings(**arguments)
    return make_step(settings, size, 1), settings


def new_state(step, dtype, seed):
    rng = np.random.default_rng(seed)
    g, d = (initial_params(net.layout, "uniform", rng).to(dtype) for net in (step.generator, step.discriminator))
    return step.initial_state(g, d, average=True)


def scalars(settings, **changed):
    values = {name: getattr(settings, name) for name in Scalars.model_fields} | changed
    return {
        name: torch.tensor(value, dtype=torch.int64 if name == "n_critic" else torch.float64)
        for name, value in values.items()
    }


def numbers(settings, size, dtype, seed):
    """Return real images, latents and places between images, as one step takes them."""
    random, k = torch.Generator().manual_seed(seed), settings.n_critic
    real = torch.rand(k, BATCH, 1, size, size, generator=random, dtype=dtype) * 2 - 1
    z = torch.randn(k + 1, BATCH, settings.z_size, generator=random, dtype=dtype)
    mix = torch.rand(k, BATCH if settings.loss == "wgan-gp" else 0, generator=random, dtype=dtype)
    return real, z, mix


def stacked(trees):
    if isinstance(trees[0], dict):
        return {name: stacked([tree[name] for tree in trees]) for name in trees[0]}
    return torch.stack(trees)


def rows(state):
    """Adam's 0-dimensional numbers become columns, so that they broadcast over the rows of parameters."""
    for net in ("g", "d"):
        for name in ("mean_filled", "square_filled"):
            state[net]["moments"][name] = state[net]["moments"][name][:, None]
    return state


def step_together(step, state, hyper, real, z, mix):
    """Take one step of all members: the same functions, stacked by vmap."""
    g, d = state["g"], state["d"]
    columns = {name: values[:, None] for name, values in hyper.items()}
    for k in range(int(hyper["n_critic"][0])):
        gradients, _ = torch.func.vmap(step.discriminator_gradients)(
            d["params"], g["params"], hyper, real[:, k], z[:, k], mix[:, k]
        )
        step.update_discriminator(d, columns, gradients)
    gradients, statistics, _ = torch.func.vmap(step.generator_gradients)(g["params"], d["params"], hyper, z[:, -1])
    step.update_generator(g, columns, gradients, statistics)


def trained_both_ways(size, dtype, steps, game, rates):
    """Return the same members after training alone and together."""
    step, settings = make(size, dtype=str(dtype).removeprefix("torch."), **game)
    together_step = replace(step, differentiate=partial(torch.func.grad_and_value, has_aux=True))
    hypers = [scalars(settings, lr_g=rate, lr_d=rate, beta1=0.1 * p) for p, rate in enumerate(rates)]
    alone = [new_state(step, dtype, seed) for seed in range(MEMBERS)]
    together = rows(stacked([new_state(step, dtype, seed) for seed in range(MEMBERS)]))
    for n in range(steps):
        given = [numbers(settings, size, dtype, 1_000 * n + p) for p in range(MEMBERS)]
        for state, hyper, (real, z, mix) in zip(alone, hypers, given, strict=True):
            step(state, hyper, real, z, mix)
        step_together(together_step, together, stacked(hypers), *map(torch.stack, zip(*given, strict=True)))
    return step, rows(stacked(alone)), together


@pytest.mark.slow
@pytest.mark.parametrize(("size", "game"), [*((8, game) for game in sorted(GAMES)), (28, "wgan-gp")])
def test_in_float64_members_stacked_by_vmap_stay_equal_to_each_alone_for_50_steps(game, size):
    _, alone, together = trained_both_ways(size, torch.float64, 50, GAMES[game], rates=(1e-3, 2e-4, 5e-3))
    for one, other in zip(leaves(alone), leaves(together), strict=True):
        assert one.shape == other.shape
        assert (one - other).abs().max() <= 1e-9 * one.abs().max()


@pytest.mark.parametrize("game", sorted(GAMES))
def test_in_float32_their_images_stay_within_1e_4_for_10_steps(game):
    # Few activations: one that rounding moves over the kink of a ReLU changes a whole gradient.
    small = {**GAMES[game], "width": 2, "n_critic": 1}
    step, alone, together = trained_both_ways(8, torch.float32, 10, small, rates=(2e-4, 2e-4, 2e-4))
    z = torch.randn(BATCH, 8, generator=torch.Generator().manual_seed(0))
    for p in range(MEMBERS):
        one, other = (
            step.generator(step.generator.layout.views(state["g"]["params"][p]), z)[0] for state in (alone, together)
        )
        assert (one - other).abs().max() <= 1e-4


def test_a_member_that_is_not_finite_does_not_touch_its_neighbours_in_a_stack():
    step, settings = make(dtype="float64", **GAMES["non-saturating"])
    step = replace(step, differentiate=partial(torch.func.grad_and_value, has_aux=True))
    results = []
    for spoilt in (False, True):
        state = rows(stacked([new_state(step, torch.float64, seed) for seed in range(MEMBERS)]))
        if spoilt:
            state["d"]["params"][1] = torch.nan
        given = zip(*(numbers(settings, 8, torch.float64, p) for p in range(MEMBERS)), strict=True)
        step_together(step, state, stacked([scalars(settings)] * MEMBERS), *map(torch.stack, given))
        results.append(state)
    whole, spoilt_state = (leaves(state) for state in results)
    for one, other in zip(whole, spoilt_state, strict=True):
        torch.testing.assert_close(one[[0, 2]], other[[0, 2]], rtol=1e-12, atol=0)
    assert results[1]["g"]["params"][1].isnan().all()


def test_gradients_change_nothing_in_place():
    step, settings = make()
    state = new_state(step, torch.float32, 0)
    real, z, _ = numbers(settings, 8, torch.float32, 0)
    before = [leaf.clone() for leaf in leaves(state)]
    inputs = [tensor.clone() for tensor in (real, z)]
    empty = torch.zeros(0)
    step.discriminator_gradients(state["d"]["params"], state["g"]["params"], scalars(settings), real[0], z[0], empty)
    step.generator_gradients(state["g"]["params"], state["d"]["params"], scalars(settings), z[1])
    assert all(torch.equal(*pair) for pair in zip(before, leaves(state), strict=True))
    assert all(torch.equal(*pair) for pair in zip(inputs, (real, z), strict=True))


@pytest.mark.parametrize("game", sorted(GAMES))
def test_the_gradients_are_the_slopes_of_the_losses(game):
    step, settings = make(dtype="float64", **GAMES[game])
    state = new_state(step, torch.float64, 0)
    real, z, mix = numbers(settings, 8, torch.float64, 0)
    g, d, hyper = state["g"]["params"], state["d"]["params"], scalars(settings)

    def loss_d(params):
        return step.discriminator_gradients(params, g, hyper, real[0], z[0], mix[0])[1]["loss_d"]

    def loss_g(params):
        return step.generator_gradients(params, d, hyper, z[1])[2]["loss_g"]

    for loss, params, gradients in (
        (loss_d, d, step.discriminator_gradients(d, g, hyper, real[0], z[0], mix[0])[0]),
        (loss_g, g, step.generator_gradients(g, d, hyper, z[1])[0]),
    ):
        direction = torch.randn(params.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        reach = 1e-7 * direction
        slope = (loss(params + reach) - loss(params - reach)) / 2e-7
        assert slope.item() == pytest.approx(torch.dot(gradients, direction).item(), rel=1e-3)


def test_half_the_loss_has_half_the_gradient():
    gradients = []
    for scale in (1.0, 0.5):
        step, settings = make(discriminator_loss_scale=scale)
        state = new_state(step, torch.float32, 0)
        real, z, _ = numbers(settings, 8, torch.float32, 0)
        nets = (state["d"]["params"], state["g"]["params"])
        gradients.append(step.discriminator_gradients(*nets, scalars(settings), real[0], z[0], torch.zeros(0))[0])
    torch.testing.assert_close(gradients[1], 0.5 * gradients[0])


def test_the_average_and_the_running_statistics_follow_the_generator():
    step, settings = make()
    state = new_state(step, torch.float32, 0)
    real, z, mix = numbers(settings, 8, torch.float32, 0)
    before = {name: state["g"][name].clone() for name in ("params", "statistics")}
    step(state, scalars(settings, ema_half_life_kimg=BATCH / 1_000), real, z, mix)
    g = state["g"]
    torch.testing.assert_close(g["average"]["params"], (before["params"] + g["params"]) / 2)
    _, batch = step.generator(step.generator.layout.views(before["params"]), z[-1])
    batch = step.generator.statistics.flat(batch)
    torch.testing.assert_close(g["statistics"], 0.9 * before["statistics"] + 0.1 * batch)
    torch.testing.assert_close(g["average"]["statistics"], (before["statistics"] + batch) / 2)
