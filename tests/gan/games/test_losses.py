import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from pbt_gan.gan.games.game import Update
from pbt_gan.gan.games.gradient_penalty import gradient_penalty
from pbt_gan.gan.games.table import LOSSES
from pbt_gan.gan.shown import Shown

REAL = torch.tensor([[-2.0, -0.5, 0.3, 1.7], [0.1, -3.0, 1.2, 0.0]], dtype=torch.float64)
FAKE = torch.tensor([[-1.5, 0.4, 0.9, 3.0], [-0.2, 2.0, -4.0, 0.6]], dtype=torch.float64)
SMOOTHING = torch.tensor([[0.1], [0.3]], dtype=torch.float64)
HYPER = {"label_smoothing": SMOOTHING}


def slopes(loss, *logits: Tensor):
    leaves = [tensor.clone().requires_grad_() for tensor in logits]
    return torch.autograd.grad(loss(*leaves).sum(), leaves)


def discriminator(name):
    return slopes(lambda real, fake: LOSSES[name].critic(real, fake, HYPER), REAL, FAKE)


def generator(name):
    return slopes(lambda fake: LOSSES[name].generator(fake, None, HYPER), FAKE)


def test_the_slopes_of_the_non_saturating_loss_are_those_of_the_hand_formula():
    of_real, of_fake = discriminator("non-saturating")
    torch.testing.assert_close(of_real, (REAL.sigmoid() - (1 - SMOOTHING)) / 4)
    torch.testing.assert_close(of_fake, FAKE.sigmoid() / 4)
    (of_fake,) = generator("non-saturating")
    torch.testing.assert_close(of_fake, (FAKE.sigmoid() - 1) / 4)


def test_the_non_saturating_loss_is_the_cross_entropy_with_smoothed_labels():
    ours = LOSSES["non-saturating"].critic(REAL, FAKE, HYPER)
    assert ours.shape == (2,)
    for p in range(2):
        theirs = F.binary_cross_entropy_with_logits(REAL[p], (1 - SMOOTHING[p]).expand(4))
        theirs = theirs + F.binary_cross_entropy_with_logits(FAKE[p], torch.zeros(4, dtype=torch.float64))
        torch.testing.assert_close(ours[p], theirs)


def test_the_slopes_of_the_hinge_loss_are_those_of_the_hand_formula():
    of_real, of_fake = discriminator("hinge")
    torch.testing.assert_close(of_real, -0.25 * (REAL < 1).double())
    torch.testing.assert_close(of_fake, 0.25 * (FAKE > -1).double())
    (of_fake,) = generator("hinge")
    torch.testing.assert_close(of_fake, torch.full_like(FAKE, -0.25))


def test_the_slopes_of_the_wasserstein_loss_are_those_of_the_hand_formula():
    of_real, of_fake = discriminator("wasserstein")
    torch.testing.assert_close(of_real, torch.full_like(REAL, -0.25))
    torch.testing.assert_close(of_fake, torch.full_like(FAKE, 0.25))


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_a_better_fake_costs_the_generator_less_and_the_discriminator_more(name):
    loss = LOSSES[name]
    assert (loss.generator(FAKE + 1, None, HYPER) < loss.generator(FAKE, None, HYPER)).all()
    assert (loss.critic(REAL, FAKE + 1, HYPER) > loss.critic(REAL, FAKE, HYPER)).all()


def update(critic, real, fake, mix):
    """Return an update of discriminators that are a function of images."""
    nothing = torch.empty(0)
    return Update(lambda shown: critic(shown.images), Shown(real), Shown(fake), nothing, nothing, {"mix": mix}, {})


def test_the_penalty_of_a_linear_critic_is_known_and_so_is_its_gradient():
    weight = torch.tensor([[3.0, 4.0], [6.0, 8.0]], dtype=torch.float64, requires_grad=True)
    real, fake = torch.randn(2, 2, 5, 2, 1, 1, dtype=torch.float64)
    mix = torch.rand(2, 5, dtype=torch.float64)
    penalty = gradient_penalty(update(lambda images: (images.flatten(2) * weight[:, None]).sum(2), real, fake, mix))
    assert penalty.tolist() == pytest.approx([(5 - 1) ** 2, (10 - 1) ** 2])
    (of_weight,) = torch.autograd.grad(penalty.sum(), weight)
    torch.testing.assert_close(of_weight[0], 2 * (5 - 1) * weight[0].detach() / 5)
    torch.testing.assert_close(of_weight[1], 2 * (10 - 1) * weight[1].detach() / 10)


def test_the_penalty_is_taken_between_each_real_and_its_own_fake():
    real, fake = torch.zeros(2, 3, 1, 1, 1), torch.ones(2, 3, 1, 1, 1)
    mix = torch.tensor([[0.0, 0.25, 1.0], [0.5, 0.75, 0.0]])
    seen = []

    def critic(images):
        seen.append(images.detach().flatten(1))
        return images.flatten(1)

    gradient_penalty(update(critic, real, fake, mix))
    assert torch.equal(torch.as_tensor(seen[0]), mix)


def test_a_critic_without_slope_has_a_finite_penalty_and_gradient():
    weight = torch.zeros(2, requires_grad=True)
    images = torch.randn(1, 4, 2, 1, 1)
    penalty = gradient_penalty(update(lambda x: (x.flatten(2) * weight).sum(2), images, images, torch.rand(1, 4)))
    (of_weight,) = torch.autograd.grad(penalty, weight)
    assert penalty.item() == pytest.approx(1, rel=1e-4)
    assert of_weight.isfinite().all()
