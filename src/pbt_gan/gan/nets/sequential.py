"""Generators written down as layers of `torch.nn`, one after another: JSON that any program with torch can build."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pbt_gan.gan.nets.dcgan import Generator

Layer = tuple[str, str, Mapping[str, Any]]
"""A name, a class of `torch.nn`, and its arguments."""

_TORCHS = {"scale": "weight", "shift": "bias", "mean": "running_mean", "variance": "running_var"}
"""What torch calls the tensors of a batch norm."""


class Sequential(NamedTuple):
    """A net as `torch.nn.Sequential` builds it."""

    layers: list[Layer]
    names: Mapping[str, str]  # of its tensors there, by those that they have here


def dcgan(generator: Generator, *, running: bool) -> Sequential | None:
    """Write a generator of `dcgan` or `sngan-cnn` down; None: it knows classes, and what it makes is no `Sequential`.

    Args:
        generator: the net.
        running: whether kept statistics normalise; else those of each batch do.
    """
    if generator.classes:
        return None
    shapes = generator.layout.shapes
    side = generator.size >> len([name for name in shapes if name.startswith("double") and name.endswith("weight")])

    def norm(name: str, kind: str) -> Layer:
        return name, kind, {"num_features": shapes[f"{name}.scale"][0], "track_running_stats": running}

    features, z_size = shapes["dense.weight"]
    layers: list[Layer] = [
        ("dense", "Linear", {"in_features": z_size, "out_features": features, "bias": "dense.bias" in shapes}),
        norm("norm0", "BatchNorm1d"),
        ("unflatten", "Unflatten", {"dim": 1, "unflattened_size": [features // side**2, side, side]}),
    ]
    for name in (name.removesuffix(".weight") for name in shapes if name.endswith(".weight")):
        if name == "dense":
            continue
        layers.append((f"relu_{name}", "ReLU", {}))
        one, other, kernel, _ = shapes[f"{name}.weight"]
        window = {"kernel_size": kernel, "padding": (kernel - 1) // 2, "bias": f"{name}.bias" in shapes}
        if name == "keep":
            layers.append((name, "Conv2d", {"in_channels": other, "out_channels": one, **window}))
            continue
        doubling = {"in_channels": one, "out_channels": other, "stride": 2, "output_padding": kernel % 2}
        layers.append((name, "ConvTranspose2d", {**doubling, **window}))
        after = name.replace("double", "norm")
        if f"{after}.scale" in shapes:
            layers.append(norm(after, "BatchNorm2d"))
    layers.append(("tanh", "Tanh", {}))
    return Sequential(layers, {name: _of_torch(name) for name in (*shapes, *generator.buffers.shapes)})


def _of_torch(name: str) -> str:
    layer, _, tensor = name.rpartition(".")
    return f"{layer}.{_TORCHS.get(tensor, tensor)}"
