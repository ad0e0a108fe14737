"""The network is held, layer by layer, to another formulation: functions of tensors by their published names."""

import pytest
import torch
from torch.nn.functional import conv2d, linear, pad

from pbt_gan.gan.scores.networks.efficientnet import EfficientNetLite0, with_weights
from pbt_gan.gan.scores.networks.imagenet import FILE
from tests.gan.scores.networks.wheel import installed

STRIDES = [2, 1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]
"""Of the stem and of the 16 blocks."""


def published_names():
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    names = ["_conv_stem.weight", *(f"_bn0.{each}" for each in norm)]
    for block in range(16):
        layers = [("expand", "_bn0"), ("depthwise", "_bn1"), ("project", "_bn2")][block == 0 :]
        for convolution, bn in layers:
            names += [f"_blocks.{block}._{convolution}_conv.weight", *(f"_blocks.{block}.{bn}.{each}" for each in norm)]
    return [*names, "_conv_head.weight", *(f"_bn1.{each}" for each in norm), "_fc.weight", "_fc.bias"]


def random_weights():
    rng = torch.Generator().manual_seed(0)
    weights = {}
    for name, tensor in zip(published_names(), EfficientNetLite0().state_dict().values(), strict=True):
        if tensor.ndim > 1:
            weights[name] = torch.randn(tensor.shape, generator=rng) * (2 / tensor[0].numel()) ** 0.5
        elif tensor.ndim == 1:
            weights[name] = torch.rand(tensor.shape, generator=rng) + (0.5 if name.endswith("r") else 0)
        else:
            weights[name] = tensor
    return weights


@pytest.fixture(params=["random", "published"])
def weights(request):
    if request.param == "random":
        return random_weights()
    return FILE.read(installed())


def reference(weights, images):
    """Return what each layer gives: of the stem, the blocks, the head, then features and logits."""

    def convolved(x, name, bn, stride=1, groups=1):
        kernel = weights[name + ".weight"]
        before_after: list[int] = []
        for length, size in zip(x.shape[2:], kernel.shape[2:], strict=True):
            missing = max((-(-length // stride) - 1) * stride + size - length, 0)
            before_after = [missing // 2, missing - missing // 2, *before_after]  # the last axis comes first
        x = conv2d(pad(x, before_after), kernel, stride=stride, groups=groups)
        mean, var, gain, bias = (
            weights[f"{bn}.{each}"][:, None, None] for each in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-3).sqrt() * gain + bias

    x = convolved(images, "_conv_stem", "_bn0", STRIDES[0]).clamp(0, 6)
    layers = [x]
    for block, stride in enumerate(STRIDES[1:]):
        name = f"_blocks.{block}."
        y = x
        if block > 0:
            y = convolved(y, name + "_expand_conv", name + "_bn0").clamp(0, 6)
        y = convolved(y, name + "_depthwise_conv", name + "_bn1", stride, groups=y.shape[1]).clamp(0, 6)
        y = convolved(y, name + "_project_conv", name + "_bn2")
        x = x + y if x.shape == y.shape else y
        layers.append(x)
    x = convolved(x, "_conv_head", "_bn1").clamp(0, 6)
    features = x.mean((2, 3))
    return [*layers, x, features, linear(features, weights["_fc.weight"], weights["_fc.bias"])]


@pytest.mark.slow
@pytest.mark.parametrize("size", [64, 37])  # odd ones are padded in another way
def test_every_layer_gives_what_another_formulation_gives(weights, size):
    net = with_weights(weights)
    layers = []
    for layer in [net.stem, *net.blocks, net.head]:
        layer.register_forward_hook(lambda _layer, _in, out: layers.append(out))
    images = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(1)) * 2 - 1
    features, logits = net(images)
    expected = reference(weights, images)
    assert len(expected) == len(layers) + 2 == 20
    for ours, theirs in zip([*layers, features, logits], expected, strict=True):
        assert ours.shape == theirs.shape
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5 * float(theirs.abs().max()))


def test_the_layers_are_as_large_as_in_the_paper_and_the_weights_as_many_as_published():
    net = EfficientNetLite0().eval()
    shapes = []
    for layer in [net.stem, *net.blocks, net.head]:
        layer.register_forward_hook(lambda _layer, _in, out: shapes.append(tuple(out.shape[1:])))
    features, logits = net(torch.zeros(1, 3, 224, 224))
    channels_and_sizes = [(32, 112), (16, 112), *[(24, 56)] * 2, *[(40, 28)] * 2, *[(80, 14)] * 3, *[(112, 14)] * 3]
    channels_and_sizes += [*[(192, 7)] * 4, (320, 7), (1280, 7)]
    assert shapes == [(channels, size, size) for channels, size in channels_and_sizes]
    assert (features.shape, logits.shape) == ((1, 1280), (1, 1000))
    assert sum(each.numel() for each in net.parameters()) == 4_652_008
    assert sum(each.numel() for each in net.buffers() if each.ndim) == 42_016


def test_the_published_file_has_the_names_that_the_other_formulation_takes():
    assert list(FILE.read(installed())) == published_names()
