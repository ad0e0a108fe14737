import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from pbt_gan.gan.games.table import LOSSES

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
    """Return the slopes with respect to the fakes, and to the reals where the loss looks at them."""
    loss = LOSSES[name]
    if loss.pairs:
        return slopes(lambda fake, real: loss.generator(fake, real, HYPER), FAKE, REAL)
    return slopes(lambda fake: loss.generator(fake, None, HYPER), FAKE)


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


def test_the_slopes_of_least_squares_are_those_of_the_hand_formula():
    of_real, of_fake = discriminator("least-squares")
    torch.testing.assert_close(of_real, (REAL - 1) / 4)
    torch.testing.assert_close(of_fake, FAKE / 4)
    (of_fake,) = generator("least-squares")
    torch.testing.assert_close(of_fake, (FAKE - 1) / 4)


def test_least_squares_is_half_the_mean_squared_error_of_1_for_real_and_0_for_fake():
    loss = LOSSES["least-squares"]
    ones, zeros = torch.ones(4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
    for p in range(2):
        theirs = (F.mse_loss(REAL[p], ones) + F.mse_loss(FAKE[p], zeros)) / 2
        torch.testing.assert_close(loss.critic(REAL, FAKE, HYPER)[p], theirs)
        torch.testing.assert_close(loss.generator(FAKE, None, HYPER)[p], F.mse_loss(FAKE[p], ones) / 2)


def test_the_slopes_of_pairing_are_those_of_the_hand_formula():
    of_real, of_fake = discriminator("pairing")
    torch.testing.assert_close(of_real, -(FAKE - REAL).sigmoid() / 4)
    torch.testing.assert_close(of_fake, (FAKE - REAL).sigmoid() / 4)
    of_fake, of_real = generator("pairing")
    torch.testing.assert_close(of_fake, -(REAL - FAKE).sigmoid() / 4)
    torch.testing.assert_close(of_real, (REAL - FAKE).sigmoid() / 4)


def test_pairing_is_the_cross_entropy_of_which_of_two_is_real():
    ones = torch.ones(4, dtype=torch.float64)
    loss = LOSSES["pairing"]
    for p in range(2):
        theirs = F.binary_cross_entropy_with_logits(REAL[p] - FAKE[p], ones)
        torch.testing.assert_close(loss.critic(REAL, FAKE, HYPER)[p], theirs)
        theirs = F.binary_cross_entropy_with_logits(FAKE[p] - REAL[p], ones)
        torch.testing.assert_close(loss.generator(FAKE, REAL, HYPER)[p], theirs)


@given(shift=st.floats(-50, 50))
def test_where_only_differences_count_a_number_added_to_all_logits_changes_nothing(shift):
    for loss in (loss for loss in LOSSES.values() if not loss.centred):
        torch.testing.assert_close(loss.critic(REAL + shift, FAKE + shift, HYPER), loss.critic(REAL, FAKE, HYPER))


def test_in_the_other_losses_it_does():
    for loss in (loss for loss in LOSSES.values() if loss.centred):
        assert (loss.critic(REAL + 10, FAKE + 10, HYPER) > loss.critic(REAL, FAKE, HYPER) + 1).all()


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_a_better_fake_costs_the_generator_less_and_the_discriminator_more(name):
    loss = LOSSES[name]
    worse, better = torch.full((2, 4), 0.2, dtype=torch.float64), torch.full((2, 4), 0.6, dtype=torch.float64)
    assert (loss.generator(better, REAL, HYPER) < loss.generator(worse, REAL, HYPER)).all()
    assert (loss.critic(REAL, better, HYPER) > loss.critic(REAL, worse, HYPER)).all()


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_members_never_meet(name):
    loss = LOSSES[name]
    sides = (
        lambda real, fake, hyper: loss.critic(real, fake, hyper),
        lambda real, fake, hyper: loss.generator(fake, real, hyper),
    )
    for side in sides:
        alone = [side(REAL[p : p + 1], FAKE[p : p + 1], {"label_smoothing": SMOOTHING[p : p + 1]}) for p in range(2)]
        assert torch.equal(side(REAL, FAKE, HYPER), torch.cat(alone))
