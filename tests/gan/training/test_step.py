from typing import Any

import numpy as np
import pytest
import torch

from pbt_gan.gan.settings import GanSettings, Scalars
from pbt_gan.gan.training.loop import make_step
from pbt_gan.gan.training.stacking import leaves, stacked, unstacked
from pbt_gan.gan.training.step import weights
from tests.gan.training.ways import step_by_vmap

MEMBERS, BATCH = 3, 8

GAMES: dict[str, dict[str, Any]] = {
    "non-saturating": {"loss": "non-saturating", "label_smoothing": 0.1},
    "hinge": {"loss": "hinge", "n_critic": 2},
    "wgan-gp": {"loss": "wgan-gp", "discriminator_norm": "none"},
}


def make(size=8, **arguments):
    arguments = {"width": 4, "z_size": 8, "batch_size": BATCH, "init": "uniform", **arguments}
    settings = GanSettings.model_validate(arguments)
    return make_step(settings, size, 1), settings


def new_state(step, dtype, seed):
    rng = np.random.default_rng(seed)
    g, d = (net.initial_params(rng).to(dtype) for net in (step.generator, step.discriminator))
    return step.initial_state(g, d, average=True)


def scalars(settings, members=1, **changed):
    """Return columns; a changed value may be a list of one for each member."""
    values = {name: getattr(settings, name) for name in Scalars.model_fields if name != "n_critic"} | changed
    return {
        name: torch.tensor(value, dtype=torch.float64).expand(members)[:, None].clone()
        for name, value in values.items()
    }


def numbers(settings, size, dtype, seed):
    """Return real images, latents and places between images, as a step of one member takes them."""
    random, k, batch = torch.Generator().manual_seed(seed), settings.n_critic, settings.batch_size
    real = torch.rand(k, batch, 1, size, size, generator=random, dtype=dtype) * 2 - 1
    z = torch.randn(k + 1, batch, settings.z_size, generator=random, dtype=dtype)
    mix = torch.rand(k, batch if settings.loss == "wgan-gp" else 0, generator=random, dtype=dtype)
    return real, z, mix


def together(given):
    """Return what a step takes, of the numbers of members in falling order of their updates of the discriminator."""
    counts = [len(real) for real, _, _ in given]
    critic = [
        {
            name: torch.stack([part[k] for part in parts])
            for name, parts in zip(("real", "z", "mix"), zip(*given[:m], strict=True), strict=True)
        }
        for k in range(counts[0])
        for m in [sum(count > k for count in counts)]
    ]
    return critic, {"z": torch.stack([z[-1] for _, z, _ in given])}


def of_batch(net, flat, x):
    """Return what a net makes of a batch, normalised by it, and the buffers."""
    return net(net.layout.views(flat), {}, x, training=True)


def trained_both_ways(size, dtype, steps, game, rates):
    """Return the same group after training natively and by vmap, with the losses of the last step."""
    step, settings = make(size, dtype=str(dtype).removeprefix("torch."), **game)
    hyper = scalars(settings, MEMBERS, lr_g=rates, lr_d=rates, beta1=[0.1 * p for p in range(MEMBERS)])
    native, other = (stacked([new_state(step, dtype, seed) for seed in range(MEMBERS)]) for _ in range(2))
    for n in range(steps):
        given = together([numbers(settings, size, dtype, 1_000 * n + p) for p in range(MEMBERS)])
        losses = step(native, hyper, *given)[0], step_by_vmap(step, other, hyper, *given)
    return step, (native, losses[0]), (other, losses[1])


@pytest.mark.slow
@pytest.mark.parametrize("size", [8, 28, 32])
@pytest.mark.parametrize("game", sorted(GAMES))
def test_in_float64_a_group_stays_equal_to_its_members_stacked_by_vmap_for_50_steps(game, size):
    _, *results = trained_both_ways(size, torch.float64, 50, GAMES[game], rates=(1e-3, 2e-4, 5e-3))
    for one, other in zip(*([*leaves(state), *losses.values()] for state, losses in results), strict=True):
        assert one.shape == other.shape
        assert (one - other).abs().max() <= 1e-9 * one.abs().max()


@pytest.mark.slow
@pytest.mark.parametrize("game", sorted(GAMES))
def test_in_float32_their_images_stay_within_1e_4_for_10_steps(game):
    # Few activations: one that rounding moves over the kink of a ReLU changes a whole gradient.
    small = {**GAMES[game], "width": 2, "n_critic": 1}
    step, *results = trained_both_ways(8, torch.float32, 10, small, rates=(2e-4, 2e-4, 2e-4))
    z = torch.randn(MEMBERS, BATCH, 8, generator=torch.Generator().manual_seed(0))
    one, other = (of_batch(step.generator, state["g"]["params"], z)[0] for state, _ in results)
    assert (one - other).abs().max() <= 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("size", [8, 28, 32])
@pytest.mark.parametrize("game", sorted(GAMES))
def test_a_member_that_is_not_finite_does_not_touch_its_neighbours(game, size):
    step, settings = make(size, **GAMES[game])
    results = []
    for spoilt in (False, True):
        state = stacked([new_state(step, torch.float32, seed) for seed in range(MEMBERS)])
        if spoilt:
            state["d"]["params"][1] = torch.nan
        for n in range(3):
            given = [numbers(settings, size, torch.float32, 1_000 * n + p) for p in range(MEMBERS)]
            losses, _ = step(state, scalars(settings, MEMBERS), *together(given))
        results.append([*leaves(state), *losses.values()])
    for one, other in zip(*results, strict=True):
        assert torch.equal(one[[0, 2]], other[[0, 2]])
    assert state["g"]["params"][1].isnan().all()


def test_members_whose_discriminators_move_more_often_move_as_alone():
    counts = (4, 2, 2, 1)
    step, settings = make(dtype="float64", loss="wgan-gp", discriminator_norm="none")
    given = [
        numbers(settings.model_copy(update={"n_critic": count}), 8, torch.float64, p) for p, count in enumerate(counts)
    ]
    states = [new_state(step, torch.float64, p) for p in range(len(counts))]
    group = stacked(states)
    losses, _ = step(group, scalars(settings, len(counts)), *together(given))
    for p, member in enumerate(unstacked(group)):
        own, _ = step(stacked([states[p]]), scalars(settings), *together([given[p]]))
        for one, other in zip(leaves(states[p]), leaves(member), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-14)
        for name, loss in own.items():
            assert loss.shape == (1,)
            torch.testing.assert_close(loss[0], losses[name][p], rtol=1e-10, atol=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pixels", "batch", "width", "dtype", "steps"),
    [
        (8, 7, 3, "float32", 20),
        (8, 16, 5, "bfloat16", 20),
        (8, 33, 16, "float32", 3),
        (28, 7, 3, "float32", 5),
        (28, 16, 8, "bfloat16", 3),
    ],
)
@pytest.mark.parametrize("game", sorted(GAMES))
def test_with_small_images_the_bits_of_a_member_do_not_depend_on_the_size_of_its_group(
    game, pixels, batch, width, dtype, steps
):
    step, settings = make(pixels, dtype=dtype, **{**GAMES[game], "batch_size": batch, "width": width, "z_size": 9})
    members = range(5)
    given = [[numbers(settings, pixels, torch.float32, 1_000 * n + p) for p in members] for n in range(steps)]
    rates = [1e-3 * (p + 1) for p in members]
    results = []
    for size in (1, 2, 3, 5):
        whole = []
        for start in range(0, len(members), size):
            some = slice(start, start + size)
            group = stacked([new_state(step, torch.float32, p) for p in members[some]])
            hyper = scalars(settings, len(members[some]), lr_g=rates[some], lr_d=rates[some])
            for of_step in given:
                losses, _ = step(group, hyper, *together(of_step[some]))
            whole += [
                [*leaves(member), *(loss[p] for loss in losses.values())] for p, member in enumerate(unstacked(group))
            ]
        results.append(whole)
    for others in results[1:]:
        for one, other in zip(results[0], others, strict=True):
            assert all(torch.equal(*pair) for pair in zip(one, other, strict=True))


def test_gradients_change_nothing_in_place():
    step, settings = make()
    state = stacked([new_state(step, torch.float32, seed) for seed in range(MEMBERS)])
    (batch,), of_g = together([numbers(settings, 8, torch.float32, p) for p in range(MEMBERS)])
    before = [leaf.clone() for leaf in leaves(state)]
    inputs = [tensor.clone() for tensor in (*batch.values(), *of_g.values())]
    g, d, hyper = weights(state["g"]), weights(state["d"]), scalars(settings, MEMBERS)
    step.discriminator_gradients(d, g, hyper, batch)
    step.generator_gradients(g, d, hyper, of_g)
    assert all(torch.equal(*pair) for pair in zip(before, leaves(state), strict=True))
    assert all(torch.equal(*pair) for pair in zip(inputs, (*batch.values(), *of_g.values()), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("size", [8, 28, 32])
@pytest.mark.parametrize("game", sorted(GAMES))
def test_the_gradients_are_the_slopes_of_the_losses(game, size):
    step, settings = make(size, dtype="float64", **GAMES[game])
    state = stacked([new_state(step, torch.float64, seed) for seed in range(MEMBERS)])
    (batch, *_), of_g = together([numbers(settings, size, torch.float64, p) for p in range(MEMBERS)])
    g, d, hyper = weights(state["g"]), weights(state["d"]), scalars(settings, MEMBERS)

    def of_d(params):
        return step.discriminator_gradients({**d, "params": params}, g, hyper, batch)

    def of_generator(params):
        return step.generator_gradients({**g, "params": params}, d, hyper, of_g)

    for found, name, params in ((of_d, "loss_d", d["params"]), (of_generator, "loss_g", g["params"])):
        gradients = found(params).gradients
        direction = torch.randn(params.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        reach = 1e-7 * direction
        slopes = (found(params + reach).losses[name] - found(params - reach).losses[name]) / 2e-7
        assert slopes.tolist() == pytest.approx((gradients * direction).sum(1).tolist(), rel=1e-3)


def test_half_the_loss_has_half_the_gradient():
    gradients = []
    for scale in (1.0, 0.5):
        step, settings = make(discriminator_loss_scale=scale)
        state = stacked([new_state(step, torch.float32, 0)])
        (batch,), _ = together([numbers(settings, 8, torch.float32, 0)])
        nets = (weights(state["d"]), weights(state["g"]))
        gradients.append(step.discriminator_gradients(*nets, scalars(settings), batch).gradients)
    torch.testing.assert_close(gradients[1], 0.5 * gradients[0])


def test_the_average_and_the_running_statistics_follow_the_generator():
    step, settings = make()
    state = new_state(step, torch.float32, 0)
    critic, of_g = together([numbers(settings, 8, torch.float32, 0)])
    before = {name: state["g"][name].clone() for name in ("params", "statistics")}
    step(stacked([state]), scalars(settings, ema_half_life_kimg=BATCH / 1_000), critic, of_g)
    g = state["g"]
    torch.testing.assert_close(g["average"]["params"], (before["params"] + g["params"]) / 2)
    _, batch = of_batch(step.generator, before["params"][None], of_g["z"])
    batch = step.generator.buffers.flat(batch)[0]
    torch.testing.assert_close(g["statistics"], 0.9 * before["statistics"] + 0.1 * batch)
    torch.testing.assert_close(g["average"]["statistics"], (before["statistics"] + batch) / 2)
