"""What ends a discriminator: one number for each image, which may depend on its class."""

from torch import Tensor

from pbt_gan.gan.nets.layers import Layers
from pbt_gan.gan.nets.layout import Shape
from pbt_gan.gan.nets.net import Params


def head_shapes(features: int, classes: int = 0) -> dict[str, Shape]:
    """Return the parameters of a head for so many features: `dense`, and `embed` if there are classes."""
    embedding: dict[str, Shape] = {"embed.weight": (classes, features)} if classes else {}
    return {"dense.weight": (1, features), "dense.bias": (1,), **embedding}


def projected(layers: Layers, x: Tensor, params: Params, labels: Tensor | None) -> Tensor:
    """Return logits [S, P, B] of features φ: w·φ + b, and of the class y besides φ·v(y).

    Args:
        layers: the formulation that x is in.
        x: the features, S batches of images.
        params: those of `head_shapes`, among others. Without `embed.weight` labels make no difference.
        labels: the images' classes [S, P, B, K].

    Source: Miyato and Koyama 2018, arXiv:1802.05637, eq. 3.
    """
    weight, embedding = params["dense.weight"], params.get("embed.weight")
    logits = layers.logits(x, weight, params["dense.bias"])
    if embedding is None:
        return logits
    assert labels is not None
    return logits + (layers.flatten(x, len(weight)) * (labels @ embedding)).sum(-1)
