"""The network is held, layer by layer, to another formulation: functions of tensors by their published names."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import cat
from torch.nn.functional import avg_pool2d, conv2d, max_pool2d

from pbt_gan.gan.scores.networks.inception_v3 import MIXED, InceptionV3, enlarged, with_weights

SMALL = 91
"""Pixels: small images go through all layers too, and cost a tenth of the time."""


@pytest.fixture(scope="module")
def weights():
    rng = torch.Generator().manual_seed(0)

    def drawn(name, tensor):
        if tensor.ndim == 4:
            return torch.randn(tensor.shape, generator=rng) * (2 / tensor[0].numel()) ** 0.5
        if name.endswith("fc.weight"):
            return torch.randn(tensor.shape, generator=rng) / 40
        return torch.rand(tensor.shape, generator=rng) + (0.5 if name.endswith("running_var") else 0)

    with torch.device("meta"):
        names = InceptionV3().state_dict()
    # As the file was converted from TensorFlow: without the counters of PyTorch's batch norm.
    return {name: drawn(name, tensor) for name, tensor in names.items() if tensor.ndim}


def reference(weights, x):
    """Return what each layer and block gives by its name, then features and logits without their bias."""
    given = {}

    def layer(x, name, stride=1, pad=(0, 0)):
        mean, var, gain, bias = (
            weights[f"{name}.bn.{each}"][:, None, None] for each in ("running_mean", "running_var", "weight", "bias")
        )
        x = conv2d(x, weights[f"{name}.conv.weight"], None, stride, pad)
        return ((x - mean) / (var + 1e-3).sqrt() * gain + bias).relu()

    def average(x):  # of those of nine pixels that are there
        ones = torch.ones_like(x[:, :1])
        return avg_pool2d(x, 3, 1, 1) / avg_pool2d(ones, 3, 1, 1)

    def a(x, n):
        one = layer(x, n + "branch1x1")
        five = layer(layer(x, n + "branch5x5_1"), n + "branch5x5_2", pad=(2, 2))
        three = layer(layer(x, n + "branch3x3dbl_1"), n + "branch3x3dbl_2", pad=(1, 1))
        three = layer(three, n + "branch3x3dbl_3", pad=(1, 1))
        return cat([one, five, three, layer(average(x), n + "branch_pool")], 1)

    def b(x, n):
        three = layer(layer(x, n + "branch3x3dbl_1"), n + "branch3x3dbl_2", pad=(1, 1))
        return cat([layer(x, n + "branch3x3", 2), layer(three, n + "branch3x3dbl_3", 2), max_pool2d(x, 3, 2)], 1)

    def c(x, n):
        across, down = (0, 3), (3, 0)
        seven = layer(layer(x, n + "branch7x7_1"), n + "branch7x7_2", pad=across)
        seven = layer(seven, n + "branch7x7_3", pad=down)
        double = layer(layer(x, n + "branch7x7dbl_1"), n + "branch7x7dbl_2", pad=down)
        double = layer(layer(double, n + "branch7x7dbl_3", pad=across), n + "branch7x7dbl_4", pad=down)
        double = layer(double, n + "branch7x7dbl_5", pad=across)
        return cat([layer(x, n + "branch1x1"), seven, double, layer(average(x), n + "branch_pool")], 1)

    def d(x, n):
        seven = layer(layer(x, n + "branch7x7x3_1"), n + "branch7x7x3_2", pad=(0, 3))
        seven = layer(layer(seven, n + "branch7x7x3_3", pad=(3, 0)), n + "branch7x7x3_4", 2)
        return cat([layer(layer(x, n + "branch3x3_1"), n + "branch3x3_2", 2), seven, max_pool2d(x, 3, 2)], 1)

    def e(x, n, pool):
        three = layer(x, n + "branch3x3_1")
        three = cat([layer(three, n + "branch3x3_2a", pad=(0, 1)), layer(three, n + "branch3x3_2b", pad=(1, 0))], 1)
        double = layer(layer(x, n + "branch3x3dbl_1"), n + "branch3x3dbl_2", pad=(1, 1))
        double = [layer(double, n + "branch3x3dbl_3a", pad=(0, 1)), layer(double, n + "branch3x3dbl_3b", pad=(1, 0))]
        return cat([layer(x, n + "branch1x1"), three, *double, layer(pool(x), n + "branch_pool")], 1)

    given["Conv2d_1a_3x3"] = x = layer(x, "Conv2d_1a_3x3", 2)
    given["Conv2d_2a_3x3"] = x = layer(x, "Conv2d_2a_3x3")
    given["Conv2d_2b_3x3"] = x = layer(x, "Conv2d_2b_3x3", pad=(1, 1))
    given["Conv2d_3b_1x1"] = x = layer(max_pool2d(x, 3, 2), "Conv2d_3b_1x1")
    given["Conv2d_4a_3x3"] = x = layer(x, "Conv2d_4a_3x3")
    x = max_pool2d(x, 3, 2)
    for names, block in (("5b 5c 5d", a), ("6a", b), ("6b 6c 6d 6e", c), ("7a", d)):
        for name in names.split():
            given[f"Mixed_{name}"] = x = block(x, f"Mixed_{name}.")
    given["Mixed_7b"] = x = e(x, "Mixed_7b.", average)
    given["Mixed_7c"] = x = e(x, "Mixed_7c.", lambda x: max_pool2d(x, 3, 1, 1))
    features = x.mean((2, 3))
    return given, features, features @ weights["fc.weight"].T


@pytest.mark.slow
def test_every_layer_gives_what_another_formulation_gives(weights):
    net = with_weights(weights)
    given: dict[str, torch.Tensor] = {}
    for name, layer in net.named_children():
        layer.register_forward_hook(lambda _layer, _in, out, name=name: given.__setitem__(name, out))
    images = torch.rand(2, 3, SMALL, SMALL, generator=torch.Generator().manual_seed(1)) * 2 - 1
    features, logits = net(images)
    expected, expected_features, expected_logits = reference(weights, images)
    assert list(expected) == list(given)
    assert list(given)[5:] == list(MIXED)
    for name, theirs in {**expected, "features": expected_features, "logits": expected_logits}.items():
        ours = {**given, "features": features, "logits": logits}[name]
        assert ours.shape == theirs.shape
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5 * float(theirs.abs().max()), msg=name)


def test_the_blocks_are_as_large_as_in_the_paper_and_the_weights_as_many_as_published():
    with torch.device("meta"):
        net = InceptionV3()
        shapes: dict[str, tuple[int, ...]] = {}
        for name, layer in net.named_children():
            layer.register_forward_hook(
                lambda _layer, _in, out, name=name: shapes.__setitem__(name, tuple(out.shape[1:]))
            )
        features, logits = net(torch.zeros(1, 3, 299, 299))
    assert {shapes[name] for name in ("Mixed_5c", "Mixed_5d")} == {(288, 35, 35)}
    assert {shapes[f"Mixed_6{each}"] for each in "abcde"} == {(768, 17, 17)}
    assert [shapes[f"Mixed_7{each}"] for each in "abc"] == [(1280, 8, 8), (2048, 8, 8), (2048, 8, 8)]
    assert (features.shape, logits.shape) == ((1, 2048), (1, 1008))
    assert sum(each.numel() for each in net.parameters()) == 23_850_960


def test_weights_with_the_counters_of_batch_norm_are_taken_too(weights):
    whole = with_weights(weights).state_dict()
    assert len(whole) > len(weights)
    torch.testing.assert_close(dict(with_weights(whole).state_dict()), dict(whole))


@given(st.integers(1, 400), st.integers(0, 298), st.integers(0, 298))
def test_a_resized_pixel_lies_where_tensorflow_1_took_it_from(size, row, column):
    rng = np.random.default_rng(size)
    image = rng.integers(0, 256, (size, size)).astype(np.float32)
    (y, above), (x, left) = (divmod(place * size / 299, 1) for place in (row, column))
    rows, columns = ([int(at), min(int(at) + 1, size - 1)] for at in (y, x))
    square = image[np.ix_(rows, columns)]
    expected = np.array([1 - above, above]) @ square @ np.array([1 - left, left])
    found = enlarged(torch.from_numpy(image)[None, None])
    assert found.shape == (1, 1, 299, 299)
    assert float(found[0, 0, row, column]) == pytest.approx(expected, abs=2e-2)  # places are float32, as they were


def test_a_checkerboard_of_two_pixels_is_stretched_from_its_corner():
    row = enlarged(torch.tensor([[[[0.0, 298.0]]]]).expand(1, 1, 2, 2))[0, 0, 0]
    torch.testing.assert_close(row[:150], torch.arange(150) * 596 / 299, rtol=1e-5, atol=1e-4)
    assert set(row[150:].tolist()) == {298.0}
