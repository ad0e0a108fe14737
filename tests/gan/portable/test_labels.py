"""Nets that know classes, as modules and as files."""

from typing import Any

import numpy as np
import pytest
import torch

from pbt_gan.core.rng import stream
from pbt_gan.errors import ConfigError
from pbt_gan.gan.nets.table import NETS
from pbt_gan.gan.portable.formats import find_format, loader, use
from pbt_gan.gan.portable.recipe import shape_of
from pbt_gan.gan.portable.safetensors import encode, read
from pbt_gan.gan.training.sampler import BATCH, fresh, generating
from pbt_gan.gan.training.step import named

NAMES = ("cat", "dog", "2")
KINDS = [{"size": 8}, {"size": 32, "channels": 3, "sampling_norm": "batch"}]


@pytest.fixture(params=KINDS, ids=str)
def member(make, request):
    return make(names=NAMES, **request.param)


def test_samples_of_all_classes_are_bit_for_bit_those_of_the_member(member):
    assert np.array_equal(member.generator().sample(BATCH + 5, seed=3), member.sample(BATCH + 5, seed=3))


def test_its_shape_is_told_by_the_number_of_its_parameters_and_its_classes(member):
    assert shape_of(member.settings, member.state, 3) == member.shape


def test_it_says_which_classes_can_be_asked_for(member):
    generator = member.generator()
    assert (generator.num_classes, generator.class_names) == (3, NAMES)


def test_another_label_makes_another_image_of_the_same_latents(member):
    generator = member.generator()
    cats, dogs = generator.sample(5, labels="cat", seed=1), generator.sample(5, labels="dog", seed=1)
    assert all((cat != dog).any() for cat, dog in zip(cats, dogs, strict=True))
    assert np.array_equal(generator.draw(generator.latents(5, seed=1), 0), cats)


def test_an_image_depends_on_its_own_latents_and_label_alone(member):
    generator = member.generator()
    z = generator.latents(7)
    together = generator.draw(z, [0, 1, 2, 0, 1, 2, 0])
    assert np.array_equal(generator.draw(z[:4], torch.tensor([0, 1, 2, 0])), together[:4])
    assert np.array_equal(generator.draw(z, "dog")[[1, 4]], together[[1, 4]])


def test_a_sample_of_one_class_begins_as_a_longer_one(member):
    generator = member.generator()
    assert np.array_equal(generator.sample(3, labels=1), generator.sample(BATCH + 1, labels="dog")[:3])


def test_its_forward_pass_is_that_of_the_net_with_a_1_at_the_place_of_each_class(member):
    z, labels = torch.from_numpy(fresh(1, 4, stream(0, "z"))[0, :7]), torch.tensor([0, 1, 2, 2, 1, 0, 0])
    running = member.settings.sampling_norm == "running"
    own = {name: part[None] for name, part in generating(member.state).items()}
    params, buffers = named(member.step.generator, own)
    expected, _ = member.step.generator(params, buffers, z[None], torch.eye(3)[labels][None], training=not running)
    images = member.generator()(z, labels)
    torch.testing.assert_close(images, expected[0], atol=1e-4, rtol=1e-4)
    one, other = member.discriminator()(images, labels), member.discriminator()(images, labels.roll(1))
    assert one.shape == (7,)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (None, r"trained with 3 classes: give labels, int64\[N\], each in 0 … 2"),
        (torch.tensor([0, 3]), "There is no class 3: the 3 classes of this net are 0 … 2"),
        (torch.tensor([0, -1]), "no class -1"),
        (torch.tensor([0.0, 1.0]), "not float32"),
        (torch.tensor([0]), r"shape \[1\] were given for 2 images"),
        (torch.tensor([[0, 1]]), r"shape \[1, 2\]"),
    ],
    ids=str,
)
def test_labels_that_cannot_be_are_refused(make, labels, said):
    member = make(names=NAMES)
    with pytest.raises(ConfigError, match=said):
        member.generator()(torch.randn(2, 4), labels)
    with pytest.raises(ConfigError, match=said):
        member.discriminator()(torch.zeros(2, 1, 8, 8), labels)


def test_an_unknown_name_is_refused_with_the_near_one(make):
    with pytest.raises(ConfigError, match="Did you mean 'dog'"):
        make(names=NAMES).generator().sample(2, labels="dgo")


def test_as_safetensors_it_comes_back_bit_for_bit_with_its_names_and_has_no_loader(member, tmp_path):
    generator, path = member.generator(), tmp_path / "generator.safetensors"
    path.write_bytes(encode(generator, {}))
    again = read(path).generator
    assert again.recipe == generator.recipe
    for labels in (None, "dog"):
        assert np.array_equal(again.sample(5, labels=labels), generator.sample(5, labels=labels))
    assert loader("safetensors", generator, path.name) is None


@pytest.mark.slow
@pytest.mark.parametrize("net", NETS)
def test_every_net_tells_classes_apart_and_comes_back_from_its_file(make, tmp_path, net):
    member = make(names=NAMES, net=net, size=16, width=4)
    generator, path = member.generator(), tmp_path / "generator.safetensors"
    path.write_bytes(encode(generator, {}))
    made = generator.sample(5, labels=1)
    assert not np.array_equal(made, generator.sample(5, labels=2))
    assert np.array_equal(read(path).generator.sample(5, labels=1), made)
    assert np.array_equal(generator.sample(5), member.sample(5, seed=0))
    assert shape_of(member.settings, member.state, 3) == member.shape


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), [("torch-export", KINDS[1]), ("onnx", KINDS[0])])
def test_a_program_takes_labels_beside_latents(make, tmp_path, name, kind):
    if name == "onnx":
        pytest.importorskip("onnxscript")
        pytest.importorskip("onnxruntime")
    generator, form = make(names=NAMES, **kind).generator(), find_format(name)
    path = tmp_path / f"generator{form.suffix}"
    path.write_bytes(form.encode(generator, {}))
    text = loader(name, generator, path.name)
    assert text is not None
    assert "latents [N, Z], labels [N]" in text
    there: dict[str, Any] = {"__file__": str(tmp_path / "load_generator.py")}
    exec(text, there)
    z, labels = torch.randn(5, 4), torch.tensor([2, 0, 1, 1, 0])
    made = there["load"]()(*((z, labels) if name == "torch-export" else (z.numpy(), labels.numpy())))
    with torch.no_grad():
        expected = generator(z, labels)
    np.testing.assert_allclose(np.asarray(made.detach() if name == "torch-export" else made), expected, atol=1e-4)
    exec(use(name, generator), there)
    assert there["pixels"].shape == (64, generator.resolution, generator.resolution, generator.channels)
