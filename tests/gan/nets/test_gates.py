import torch

from pbt_gan.gan.nets.gates import sigmoid


def test_it_is_the_logistic_function():
    x = torch.linspace(-50, 50, 1_001, dtype=torch.float64)
    torch.testing.assert_close(sigmoid(x), x.sigmoid(), rtol=0, atol=1e-15)


def test_its_bits_do_not_depend_on_how_many_numbers_follow():
    x = torch.randn(1_000)
    assert all(torch.equal(sigmoid(x[:count]), sigmoid(x)[:count]) for count in range(1, 100))
