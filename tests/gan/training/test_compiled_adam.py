"""Adam in one pass is Adam by its formula."""

import pytest
import torch

from pbt_gan.gan.nets.compiler import library
from pbt_gan.gan.training import compiled_adam
from pbt_gan.gan.training.optim import adam_, initial_moments

pytestmark = pytest.mark.skipif(library() is None, reason="there is no C compiler")

MEMBERS, COUNT = 3, 37


def moved(dtype, rows, steps=5):
    """Return parameters and moments of some rows after some steps, each row with settings of its own."""
    random = torch.Generator().manual_seed(0)
    params, *gradients = (torch.randn(MEMBERS, COUNT, generator=random).to(dtype)[rows] for _ in range(steps + 1))
    lr, beta1, beta2 = (
        torch.tensor(values, dtype=torch.float64)[:, None][rows]
        for values in ([1e-3, 1e-2, 1e-4], [0.0, 0.5, 0.9], [0.9, 0.999, 0.9999])
    )
    params, moments = params.clone(), initial_moments(params)
    for gradient in gradients:
        adam_(params, moments, gradient, lr, beta1, beta2)
    return [params, moments["mean"], moments["square"]]


def test_it_moves_as_the_formula_does_in_float64(monkeypatch):
    calls, run = [], compiled_adam.adam_

    def noted(*given):
        calls.append(given)
        run(*given)

    monkeypatch.setattr(compiled_adam, "adam_", noted)
    found, exact = moved(torch.float32, slice(None)), moved(torch.float64, slice(None))
    assert len(calls) == 5
    for one, other in zip(found, exact, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-5, atol=1e-6)


def test_a_members_bits_do_not_depend_on_its_group():
    together = moved(torch.float32, slice(None))
    for member in range(MEMBERS):
        alone = moved(torch.float32, slice(member, member + 1))
        for one, other in zip(alone, together, strict=True):
            assert torch.equal(one[0], other[member])
