import pytest
import torch

from pbt_gan.gan.training.optim import adam_, average_, initial_moments


def setting(value):
    return torch.tensor(value, dtype=torch.float64)


def target(params):
    return ((params - torch.arange(5.0, dtype=params.dtype)) ** 4).sum()


@pytest.mark.slow
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.5, 0.9), (0.0, 0.99), (0.0, 0.0)])
def test_adam_moves_as_torchs_adam_does(betas):
    ours = torch.linspace(-1, 1, 5, dtype=torch.float64)
    theirs = ours.clone().requires_grad_()
    optimizer = torch.optim.Adam([theirs], lr=0.01, betas=betas)
    moments = initial_moments(ours)
    for _ in range(100):
        adam_(ours, moments, 4 * (ours - torch.arange(5.0)) ** 3, setting(0.01), *map(setting, betas))
        optimizer.zero_grad()
        torch.autograd.backward(target(theirs))
        optimizer.step()
        torch.testing.assert_close(ours, theirs.detach(), rtol=1e-11, atol=0)


def test_a_constant_gradient_moves_by_the_rate_whatever_becomes_of_the_betas():
    params = torch.zeros(3, dtype=torch.float64)
    moments, gradients = initial_moments(params), torch.full_like(params, 7.0)
    for step in range(40):
        before = params.clone()
        betas = (0.9, 0.9) if step < 20 else (0.99, 0.9999)
        adam_(params, moments, gradients, setting(0.1), *map(setting, betas))
        torch.testing.assert_close(before - params, torch.full_like(params, 0.1), rtol=1e-8, atol=0)


def test_members_side_by_side_move_as_each_alone():
    rates, beta1, beta2 = ([0.1, 0.02], [0.0, 0.9], [0.9, 0.99])
    together = torch.zeros(2, 5, dtype=torch.float64)
    moments = initial_moments(together)
    alone = [torch.zeros(5, dtype=torch.float64) for _ in range(2)]
    own = [initial_moments(params) for params in alone]
    for step in range(10):
        gradients = torch.sin(torch.arange(10.0, dtype=torch.float64) + step).view(2, 5)
        adam_(together, moments, gradients, *(setting(values)[:, None] for values in (rates, beta1, beta2)))
        for p in range(2):
            values = (setting(rates[p]), setting(beta1[p]), setting(beta2[p]))
            adam_(alone[p], own[p], gradients[p], *values)
    torch.testing.assert_close(together, torch.stack(alone), rtol=1e-13, atol=0)


def test_float32_parameters_stay_float32():
    params = torch.zeros(3)
    moments = initial_moments(params)
    adam_(params, moments, torch.ones(3), setting(0.1), setting(0.5), setting(0.9))
    assert params.dtype == moments["mean"].dtype == moments["square"].dtype == torch.float32
    assert moments["mean_filled"].dtype == torch.float64


@pytest.mark.parametrize(("half_life_kimg", "batch_size"), [(0.64, 64), (6.4, 64), (0.01, 10)])
def test_after_the_half_life_the_old_weights_count_half(half_life_kimg, batch_size):
    average = torch.zeros(4, dtype=torch.float64)
    for _ in range(round(1_000 * half_life_kimg / batch_size)):
        average_(average, torch.ones_like(average), setting(half_life_kimg), batch_size)
    torch.testing.assert_close(average, torch.full_like(average, 0.5))
