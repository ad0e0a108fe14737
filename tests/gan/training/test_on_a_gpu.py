"""What only a GPU can show; `python -m tools.gpu_check` runs it where there is one."""

import warnings
from functools import partial

import pytest
import torch

from benchmarks.limit import precision
from benchmarks.parts import random_images
from pbt_gan import codec
from pbt_gan.core.rng import stream
from pbt_gan.devices import use_device
from pbt_gan.gan.nets.table import NETS
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.training.loop import Loop, make_step
from pbt_gan.gan.training.stacking import leaves
from pbt_gan.interfaces import Health
from tests.gan.training.parts import PARTS, TINY

pytestmark = pytest.mark.gpu

SIZE = 16
TELLING = (
    "all transforms in pairing", "a chance that moves", "slopes of what is transformed", "mirrored reals",
    "penalties in few steps", "an average that begins short",
)  # fmt: skip
"""Parts of games that hold all others: time on a GPU is dear."""

NO_LOOKS = Health(every_steps=1_000_000)


def loop_of(settings, health=NO_LOOKS):
    images = random_images(settings, SIZE, 3, "cuda")
    return Loop(settings, make_step(settings, SIZE, 3, "cuda"), images, "cuda", health=health)


def waits(loop, steps):
    """Return how often the host waits for the device in an order."""
    states = [loop.init(stream(0, "init", member)) for member in range(2)]
    streams = [partial(stream, 0, "train", member) for member in range(2)]
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            loop.train(states, [{}] * 2, steps, streams)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return sum("synchronizing" in str(each.message) for each in heard)


def check_no_waits(settings):
    loop = loop_of(settings)
    waits(loop, 52)  # what a net makes once and keeps is made
    assert waits(loop, 102) == waits(loop, 52)  # in three blocks and in two


@pytest.mark.parametrize("net", NETS)
def test_longer_orders_do_not_wait_more_often_with_any_net(net):
    check_no_waits(GanSettings.model_validate({"net": net, "width": 8, "z_size": 4, "batch_size": 4}))


@pytest.mark.parametrize("part", TELLING)
def test_nor_in_any_game(part):
    check_no_waits(GanSettings.model_validate({**TINY, "dtype": "float32", **PARTS[part]}))


def error_of(multiply, *operands):
    exact = multiply(*(operand.double() for operand in operands))
    return float((multiply(*operands).double() - exact).norm() / exact.norm())


def errors():
    """Return by how much a product and a convolution of float32 are off."""
    random = torch.Generator("cuda").manual_seed(0)
    a, b = (torch.randn(512, 512, device="cuda", generator=random) for _ in range(2))
    x, weight = (torch.randn(shape, device="cuda", generator=random) for shape in ((8, 64, 32, 32), (64, 64, 3, 3)))
    return error_of(torch.mm, a, b), error_of(torch.nn.functional.conv2d, x, weight)


@pytest.mark.parametrize("rounded", [False, True])
def test_products_and_convolutions_round_to_tf32_where_they_are_told_so_and_only_there(rounded):
    use_device("cuda", tf32=rounded)
    assert [error > 3e-5 for error in errors()] == [rounded, rounded]
    use_device("cuda", tf32=False)


@pytest.mark.parametrize("rounded", [False, True])
def test_the_benchmarks_measure_what_they_say(rounded):
    with precision("tf32" if rounded else "float32"):
        product, _ = errors()
    assert (product > 3e-5) == rounded


def test_a_copy_of_a_member_lies_where_it_lay_and_shares_nothing():
    settings = GanSettings.model_validate({**TINY, "dtype": "float32"})
    state = loop_of(settings).init(stream(0, "init"))
    copied = codec.clone(state)
    for one, other in zip(leaves(state), leaves(copied), strict=True):
        assert one.device == other.device == torch.device("cuda", 0)
        assert one.data_ptr() != other.data_ptr()
        assert torch.equal(one, other)


def test_a_member_that_diverges_leaves_its_neighbours_alone():
    settings = GanSettings.model_validate({**TINY, "dtype": "float64"})
    loop = loop_of(settings, Health())
    states = [loop.init(stream(0, "init", member)) for member in range(3)]
    states[1]["g"]["params"].fill_(torch.nan)
    alone = [codec.clone(state) for state in states]
    streams = [partial(stream, 0, "train", member) for member in range(3)]
    trained = loop.train(states, [{}] * 3, 3, streams)
    assert [bool(training.diverged) for training in trained] == [False, True, False]
    for member in (0, 2):
        (own,) = loop.train([alone[member]], [{}], 3, [streams[member]])
        for one, other in zip(leaves(own.state), leaves(trained[member].state), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
