"""A generator and a discriminator as ordinary modules of torch."""

import copy
import io
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from pbt_gan.core.rng import stream
from pbt_gan.errors import ConfigError
from pbt_gan.gan.nets.settings import NetSettings
from pbt_gan.gan.portable.generator import Generator
from pbt_gan.gan.portable.recipe import Recipe, shape_of
from pbt_gan.gan.training.sampler import BATCH, fresh, generating, to_uint8
from pbt_gan.gan.training.step import named

OWN_NETS = Path(__file__).parents[1] / "nets" / "own_nets.py"

KINDS = [
    {"size": 8},
    {"size": 28, "full_size_layer": True, "ema": False},
    {"size": 32, "channels": 3, "sampling_norm": "batch", "bias_before_norm": True},
    {"size": 8, "dtype": "float64"},
    {"size": 32, "dtype": "bfloat16"},
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_its_samples_are_bit_for_bit_those_of_the_member(make, kind):
    member = make(**kind)
    assert np.array_equal(member.generator().sample(BATCH + 5, seed=3), member.sample(BATCH + 5, seed=3))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_its_shape_is_told_by_the_number_of_its_parameters(make, kind):
    member = make(**kind)
    assert shape_of(member.settings, member.state) == member.shape


@pytest.mark.parametrize("kind", KINDS[:3], ids=str)
def test_its_forward_pass_is_that_of_the_net(make, kind):
    member = make(**kind)
    generator, z = member.generator(), torch.from_numpy(fresh(1, 4, stream(0, "z"))[0, :7])
    images = generator(z)
    running = member.settings.sampling_norm == "running"
    own = {name: part[None] for name, part in generating(member.state).items()}
    params, buffers = named(member.step.generator, own)
    expected, _ = member.step.generator(params, buffers, z[None], training=not running)
    assert images.shape == (7, generator.channels, generator.resolution, generator.resolution)
    torch.testing.assert_close(images, expected[0], atol=1e-4, rtol=1e-4)
    logits = member.discriminator()(images)
    d = {"params": member.state["d"]["params"][None]}
    expected, _ = member.step.discriminator(*named(member.step.discriminator, d), images[None], training=False)
    torch.testing.assert_close(logits, expected[0], atol=1e-3, rtol=1e-3)


def test_it_is_a_copy_and_an_ordinary_module(make):
    member = make()
    generator = member.generator()
    before = generator.sample(3)
    assert {"dense.weight", "norm0.scale", "double1.weight"} < {name for name, _ in generator.named_parameters()}
    assert {"norm0.mean", "norm0.variance"} < {name for name, _ in generator.named_buffers()}
    buffer = io.BytesIO()
    torch.save(generator, buffer)
    buffer.seek(0)
    again = torch.load(buffer, weights_only=False)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.zero_()
    assert np.array_equal(member.sample(3, seed=0), before)
    assert np.array_equal(again.sample(3), before)
    generator.load_state_dict(again.state_dict())
    assert np.array_equal(copy.deepcopy(generator).sample(3), before)


def test_in_half_precision_it_makes_nearly_the_same_images(make):
    whole, half = make(size=28).generator(), make(size=28).generator().half()
    z = torch.randn(5, 4)
    assert half(z).dtype == torch.float16
    torch.testing.assert_close(half(z).float(), whole(z), atol=0.02, rtol=0.02)
    assert np.abs(half.sample(5).astype(int) - whole.sample(5)).max() <= 3


def test_it_trains_on_by_gradient_and_its_statistics_follow_in_training_mode(make):
    generator = make().generator()
    z = torch.randn(16, 4)
    statistics = generator.get_buffer("norm0.mean").clone()
    generator(z)
    assert torch.equal(generator.get_buffer("norm0.mean"), statistics)
    generator.train()
    optimiser = torch.optim.SGD(generator.parameters(), lr=0.05)
    losses = []
    for _ in range(3):
        loss = (generator(z) - 0.5).pow(2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert not torch.equal(generator.get_buffer("norm0.mean"), statistics)


@pytest.mark.slow
def test_it_can_be_traced_at_a_batch_size_that_stays_free(make):
    generator = make(size=32, channels=3).generator()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says of its tracer that it is deprecated
        traced = torch.jit.trace(generator, (torch.randn(2, 4),))
    for count in (1, 7):
        z = torch.randn(count, 4)
        torch.testing.assert_close(traced(z), generator(z))


@pytest.mark.parametrize("kind", KINDS[:3], ids=str)
def test_images_of_given_latents_depend_on_these_alone(make, kind):
    generator = make(**kind).generator()
    z = np.random.default_rng(0).standard_normal((BATCH + 3, 4))
    drawn = generator.draw(z)
    assert np.array_equal(generator.draw(z[7:9]), drawn[7:9]) or kind["size"] == 32
    assert np.abs(generator.draw(z[7:9]).astype(int) - drawn[7:9]).max() <= 1
    if generator.sampling_norm == "running":
        close = to_uint8(generator(torch.from_numpy(z).float())).numpy()
        assert np.abs(close.astype(int) - drawn).max() <= 1


def test_the_first_images_of_a_seed_are_those_of_its_latents(make):
    generator = make().generator()
    z = fresh(1, generator.latent_dim, stream(5, "sample"))[0]
    assert np.array_equal(generator.draw(z[:9]), generator.sample(9, seed=5))


def test_truncation_changes_images_and_a_wide_one_hardly(make):
    generator = make().generator()
    whole, wide, narrow = (generator.sample(20, truncation=most) for most in (None, 6.0, 0.3))
    assert np.abs(whole.astype(int) - wide).max() <= 2
    assert narrow.astype(float).std(axis=0).mean() < whole.astype(float).std(axis=0).mean() / 2


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda net: net(torch.randn(2, 4), torch.zeros(2, dtype=torch.int64)), "num_classes is 0"),
        (lambda net: net.sample(2, labels=[1, 2]), "Leave them out"),
        (lambda net: net.sample(0), "1 or more"),
        (lambda net: net.sample(2, truncation=-1.0), "above 0"),
        (lambda net: net.draw(np.zeros((3, 5))), r"\[3, 5\].*takes \[n, 4\]"),
        (lambda net: net.draw(np.zeros((0, 4))), "takes"),
    ],
)
def test_what_cannot_be_drawn_is_refused(make, ask, said):
    with pytest.raises(ConfigError, match=said):
        ask(make().generator())


def test_a_discriminator_refuses_labels_too(make):
    with pytest.raises(ConfigError, match="this discriminator was trained without classes"):
        make().discriminator()(torch.zeros(2, 1, 8, 8), torch.zeros(2, dtype=torch.int64))


def test_a_layer_of_a_net_of_one_s_own_may_be_called_as_a_method_is():
    net = NetSettings.model_validate({"generator": f"{OWN_NETS}:Clashing", "z_size": 4})
    recipe = Recipe(net=net, resolution=8, channels=1, sampling_norm="running")
    own = recipe.plain_nets().generator
    generator = Generator(recipe, own.layout.views(own.initial_params(stream(0))), {})
    assert "sample.weight" in generator.state_dict()
    assert generator(torch.zeros(2, 4)).shape == (2, 1, 8, 8)
    assert generator.sample(2).shape == (2, 8, 8, 1)
