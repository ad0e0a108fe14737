"""Penalties against `torch.autograd.grad` of ordinary modules, one member at a time, and against hand formulas."""

from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pbt_gan.gan.games import lecam
from pbt_gan.gan.games.game import Update
from pbt_gan.gan.games.table import PENALTIES
from pbt_gan.gan.shown import Shown

MEMBERS, BATCH, SIZE = 2, 5, 6


def module(seed):
    """Return an ordinary discriminator, smooth, so that slopes of slopes exist everywhere."""
    torch.manual_seed(seed)
    layers = nn.Conv2d(2, 4, 3, 2, 1), nn.Tanh(), nn.Conv2d(4, 3, 3, 2, 1), nn.Tanh(), nn.Flatten(), nn.Linear(12, 1)
    return nn.Sequential(*layers).double()


def stacked(modules):
    """Return their parameters side by side, [P, …], to be differentiated."""
    names = [name for name, _ in modules[0].named_parameters()]
    return {name: torch.stack([m.get_parameter(name).detach() for m in modules]).requires_grad_() for name in names}


def critic_of(params, example):
    """Return the discriminators as one function, stacked by vmap: nothing of the package computes in it."""
    one = partial(torch.func.functional_call, example)
    return lambda shown: torch.func.vmap(lambda own, images: one(own, images).squeeze(1))(params, shown.images)


def numbers(seed=0):
    random = torch.Generator().manual_seed(seed)
    images = 2 * torch.rand(2, MEMBERS, BATCH, 2, SIZE, SIZE, generator=random, dtype=torch.float64) - 1
    drawn = {
        "mix": torch.rand(MEMBERS, BATCH, generator=random, dtype=torch.float64),
        "dragan_share": torch.rand(MEMBERS, BATCH, generator=random, dtype=torch.float64),
        "dragan_noise": torch.rand(MEMBERS, BATCH, 2, SIZE, SIZE, generator=random, dtype=torch.float64),
    }
    return *images.unbind(), drawn


def update_of(critic, real, fake, drawn, memory=None):
    real, fake = Shown(real), Shown(fake)
    return Update(critic, real, fake, critic(real), critic(fake), drawn, memory or {})


def at_birth(name):
    return {key: torch.full((MEMBERS,), value, dtype=torch.float64) for key, value in PENALTIES[name].memory.items()}


def norms(own, images):
    """Return the norm of each logit's gradient, as training scripts without stacking compute it."""
    images = images.detach().requires_grad_()
    (gradients,) = torch.autograd.grad(own(images).sum(), images, create_graph=True)
    return gradients.reshape(len(images), -1).norm(dim=1)


def plain_gradient(own, real, fake, drawn):
    share = drawn["mix"].view(-1, 1, 1, 1)
    return ((norms(own, share * fake + (1 - share) * real) - 1) ** 2).mean()


def plain_dragan(own, real, fake, drawn):
    share = drawn["dragan_share"].view(-1, 1, 1, 1)
    moved = real + 0.5 * torch.tensor(real.numpy().std()) * drawn["dragan_noise"]
    return ((norms(own, share * moved + (1 - share) * real) - 1) ** 2).mean()


def plain_r1(own, real, fake, drawn):
    return 0.5 * (norms(own, real) ** 2).mean()


def plain_r2(own, real, fake, drawn):
    return 0.5 * (norms(own, fake) ** 2).mean()


def plain_lecam(own, real, fake, drawn):
    """Compute what the first update of a member has: the averages are those of its own batch."""
    on_real, on_fake = own(real), own(fake)
    above = torch.clamp(on_real - on_fake.mean().item(), min=0)
    below = torch.clamp(on_real.mean().item() - on_fake, min=0)
    return (above**2).mean() + (below**2).mean()


PLAIN = {
    "gradient": plain_gradient, "dragan": plain_dragan, "r1": plain_r1, "r2": plain_r2, "lecam": plain_lecam,
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(PENALTIES))
def test_value_and_slopes_are_those_of_ordinary_modules_and_autograd(name):
    modules = [module(seed) for seed in range(MEMBERS)]
    params, (real, fake, drawn) = stacked(modules), numbers()
    values = PENALTIES[name].value(update_of(critic_of(params, modules[0]), real, fake, drawn, at_birth(name)))
    assert values.shape == (MEMBERS,)
    found = torch.autograd.grad(values.sum(), list(params.values()), allow_unused=True)
    for p, own in enumerate(modules):
        value = PLAIN[name](own, real[p], fake[p], {key: numbers[p] for key, numbers in drawn.items()})
        torch.testing.assert_close(values[p], value, rtol=1e-9, atol=0)
        slopes = torch.autograd.grad(value, list(own.parameters()), allow_unused=True)
        for of_all, of_one in zip(found, slopes, strict=True):
            assert (of_all is None) == (of_one is None)  # the last bias moves no slope
            if of_one is not None:
                torch.testing.assert_close(of_all[p], of_one, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("name", sorted(PENALTIES))
def test_under_vmap_a_group_of_one_gives_the_same(name):
    modules = [module(seed) for seed in range(MEMBERS)]
    params, (real, fake, drawn) = stacked(modules), numbers()
    memory = at_birth(name)
    together = PENALTIES[name].value(update_of(critic_of(params, modules[0]), real, fake, drawn, memory))

    def alone(*own):
        own_params, *rest = ({key: part[None] for key, part in tree.items()} for tree in own)
        images, own_drawn, own_memory = rest
        update = update_of(critic_of(own_params, modules[0]), images["real"], images["fake"], own_drawn, own_memory)
        return PENALTIES[name].value(update).squeeze(0)

    apart = torch.func.vmap(alone)(params, {"real": real, "fake": fake}, drawn, memory)
    torch.testing.assert_close(apart, together, rtol=1e-12, atol=0)


LINEAR = torch.tensor([[3.0, 4.0], [6.0, 8.0]], dtype=torch.float64)
SLOPES = torch.tensor([5.0, 10.0], dtype=torch.float64)


def linear(weight):
    return lambda shown: (shown.images.flatten(2) * weight[:, None]).sum(2)


@pytest.mark.parametrize("name", sorted(name for name, penalty in PENALTIES.items() if penalty.slope is not None))
def test_of_a_linear_critic_it_and_its_gradient_are_known(name):
    weight = LINEAR.clone().requires_grad_()
    real, fake = torch.randn(2, 2, BATCH, 2, 1, 1, dtype=torch.float64)
    drawn = {"mix": torch.rand(2, BATCH), "dragan_share": torch.rand(2, BATCH), "dragan_noise": torch.rand(real.shape)}
    value = PENALTIES[name].value(update_of(linear(weight), real, fake, drawn))
    (of_weight,) = torch.autograd.grad(value.sum(), weight)
    if PENALTIES[name].slope == 1:
        assert value.tolist() == pytest.approx(((SLOPES - 1) ** 2).tolist())
        torch.testing.assert_close(of_weight, (2 * (SLOPES - 1) / SLOPES)[:, None] * LINEAR)
    else:
        assert value.tolist() == pytest.approx((SLOPES**2 / 2).tolist())
        torch.testing.assert_close(of_weight, LINEAR)


@pytest.mark.parametrize("name", sorted(name for name, penalty in PENALTIES.items() if penalty.slope == 1))
def test_a_critic_without_slope_has_a_finite_penalty_and_gradient(name):
    weight = torch.zeros(1, 2, requires_grad=True)
    images = torch.randn(1, 4, 2, 1, 1)
    drawn = {"mix": torch.rand(1, 4), "dragan_share": torch.rand(1, 4), "dragan_noise": torch.rand(images.shape)}
    value = PENALTIES[name].value(update_of(linear(weight), images, images, drawn))
    (of_weight,) = torch.autograd.grad(value.sum(), weight)
    assert value.item() == pytest.approx(1, rel=1e-4)
    assert of_weight.isfinite().all()


def looked_at(name, drawn, real, fake):
    """Return the images at which a penalty asks for slopes."""
    seen: list[torch.Tensor] = []

    def critic(shown):
        seen.append(shown.images.detach())
        return shown.images.flatten(2).sum(2)

    PENALTIES[name].value(update_of(critic, real, fake, drawn))
    return torch.as_tensor(seen[-1])


def test_the_gradient_penalty_is_taken_between_each_real_and_its_own_fake():
    real, fake = torch.zeros(2, 3, 1, 1, 1), torch.ones(2, 3, 1, 1, 1)
    mix = torch.tensor([[0.0, 0.25, 1.0], [0.5, 0.75, 0.0]])
    assert torch.equal(looked_at("gradient", {"mix": mix}, real, fake).flatten(1), mix)


def test_dragan_looks_near_reals_as_far_as_each_members_own_batch_is_spread():
    real, fake, drawn = numbers()
    wide = real.clone()
    wide[1] *= 3
    near = looked_at("dragan", drawn, wide, fake)
    for p in range(MEMBERS):
        spread = wide[p].numpy().std()
        expected = wide[p].numpy() + (
            drawn["dragan_share"][p].numpy()[:, None, None, None] * 0.5 * spread * drawn["dragan_noise"][p].numpy()
        )
        assert near[p].numpy() == pytest.approx(expected, rel=1e-12)


def test_r1_looks_at_reals_and_r2_at_fakes():
    real, fake, _ = numbers()
    assert torch.equal(looked_at("r1", {}, real, fake), real)
    assert torch.equal(looked_at("r2", {}, real, fake), fake)


def test_what_a_penalty_shows_keeps_its_labels():
    labels = torch.eye(3, dtype=torch.float64).expand(MEMBERS, 3, 3)
    real, fake, drawn = numbers()
    real, fake = real[:, :3], fake[:, :3]
    drawn = {key: values[:, :3] for key, values in drawn.items()}
    for name in ("gradient", "dragan", "r1", "r2"):
        seen: list[torch.Tensor] = []

        def critic(shown, seen=seen):
            seen.append(shown.labels)
            return shown.images.flatten(2).sum(2)

        wrong = labels.roll(1, 2)
        update = update_of(critic, real, fake, drawn)
        PENALTIES[name].value(update._replace(real=Shown(real, labels), fake=Shown(fake, wrong)))
        assert torch.equal(seen[-1], wrong if name == "r2" else labels), name


# LeCam remembers


def lecam_update(on_real, on_fake, memory):
    nothing = Shown(torch.empty(0))
    return Update(lambda shown: on_real, nothing, nothing, on_real, on_fake, {}, memory)


@given(seed=st.integers(0, 1_000), updates=st.integers(1, 30))
def test_lecams_averages_are_those_of_a_loop_over_all_updates(seed, updates):
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, updates, MEMBERS, BATCH, generator=random, dtype=torch.float64)
    memory = at_birth("lecam")
    for on_real, on_fake in zip(*logits, strict=True):
        memory = lecam.remember(lecam_update(on_real, on_fake, memory))
    weights = [lecam.DECAY ** (updates - 1 - n) for n in range(updates)]
    for name, own in zip(("lecam_real", "lecam_fake"), logits, strict=True):
        average = sum(w * of_update.mean(1) for w, of_update in zip(weights, own, strict=True)) / sum(weights)
        torch.testing.assert_close(memory[name] / memory["lecam_filled"], average)


def test_lecam_lets_logits_be_that_are_no_better_than_the_other_sides_average():
    memory = {name: torch.tensor([value]) for name, value in [("lecam_real", 1.0), ("lecam_fake", -1.0)]}
    memory["lecam_filled"] = torch.tensor([1.0])
    # The averages with this update are 0.99·1 + 0.01·(-2) = 0.97 and 0.99·(-1) + 0.01·3 = -0.96.
    value = PENALTIES["lecam"].value(lecam_update(torch.full((1, 4), -2.0), torch.full((1, 4), 3.0), memory))
    assert value.item() == 0
    value = PENALTIES["lecam"].value(lecam_update(torch.full((1, 4), 1.0), torch.full((1, 4), -1.0), memory))
    assert value.item() == pytest.approx(2 * 2**2)


def test_lecam_takes_averages_as_they_are_and_does_not_move_them_by_its_gradient():
    on_real = torch.tensor([[2.0, 1.0]], requires_grad=True)
    on_fake = torch.tensor([[0.0, -1.0]], requires_grad=True)
    memory = {name: torch.zeros(1) for name in PENALTIES["lecam"].memory}
    value = PENALTIES["lecam"].value(lecam_update(on_real, on_fake, memory))
    of_real, of_fake = torch.autograd.grad(value.sum(), (on_real, on_fake))
    # The averages are -0.5 and 1.5: 2·relu(D(x) + 0.5)/2 and -2·relu(1.5 - D(G(z)))/2.
    assert of_real[0].tolist() == pytest.approx([2.5, 1.5])
    assert of_fake[0].tolist() == pytest.approx([-1.5, -2.5])
