import random
from contextlib import suppress

import numpy as np
import torch

from pbt_gan.core.rng import stream
from pbt_gan.randomness import seeded


def drawn():
    return torch.randn(3).tolist(), np.random.normal(size=3).tolist(), random.random()


def test_equal_streams_give_equal_numbers_whatever_was_drawn_before():
    found = []
    for _ in range(2):
        drawn()
        with seeded(stream(0, "a")):
            found.append(drawn())
    with seeded(stream(0, "b")):
        other = drawn()
    assert found[0] == found[1]
    assert all(one != two for one, two in zip(found[0], other, strict=True))


def test_the_caller_draws_on_as_if_nothing_had_been():
    torch.manual_seed(1)
    np.random.seed(1)
    random.seed(1)
    expected = drawn(), drawn()
    torch.manual_seed(1)
    np.random.seed(1)
    random.seed(1)
    first = drawn()
    with suppress(ArithmeticError), seeded(stream(0)):
        drawn()
        raise ArithmeticError
    assert (first, drawn()) == expected


def test_the_stream_itself_goes_on_inside():
    rng = stream(0)
    with seeded(rng):
        one = rng.random()
    assert one != stream(0).random()
