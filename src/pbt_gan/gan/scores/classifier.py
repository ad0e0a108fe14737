"""The small convolutional classifier whose probabilities and features the scores are made of."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pbt_gan.gan.launches import at_a_time

FEATURES = 64
BATCH = 128

_log = logging.getLogger(__name__)


class Classifier(nn.Module):
    """Convolutions down to about 4×4, one layer of features, one of logits.

    Args:
        size: height and width of the images in pixels, at least 4.
        channels: 1 or 3.
        classes: how many logits.
        width: channels of the first convolution.
    """

    def __init__(self, size: int, channels: int, classes: int, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        # Large images lose resolution in the first layer: that is where they would cost most.
        stride, ins, outs = (1 if size < 16 else 2), channels, width
        while True:
            layers += [nn.Conv2d(ins, outs, 3, stride, 1, bias=False), nn.BatchNorm2d(outs), nn.ReLU()]
            size = -(-size // stride)
            if size <= 4:
                break
            stride, ins, outs = 2, outs, min(2 * outs, 4 * width)
        # Normalised, so that distances between features are of one scale in every classifier.
        layers += [nn.Flatten(), nn.Linear(outs * size * size, FEATURES, bias=False)]
        layers += [nn.BatchNorm1d(FEATURES, affine=False), nn.ReLU()]
        self.trunk = nn.Sequential(*layers)
        self.head = nn.Linear(FEATURES, classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return features, float32[N, FEATURES], and logits, float32[N, K], of images, uint8[N, H, W, C]."""
        features = self.trunk(images.permute(0, 3, 1, 2).float() / 127.5 - 1)
        return features, self.head(features)

    @torch.inference_mode()
    def measure(self, images: Tensor, batch: int = 500) -> tuple[Tensor, Tensor]:
        """Return features and class probabilities of any number of images, for scoring; on a GPU in larger batches."""
        self.eval()
        if images.device.type != "cpu":
            batch = max(batch, at_a_time(images[0, ..., 0].numel()))
        features, logits = zip(*(self(part) for part in torch.split(images, batch)), strict=True)
        return torch.cat(features), torch.cat(logits).double().softmax(1)


Weights = Mapping[str, NDArray[Any]]
"""By the names of `Classifier.state_dict`."""


def load_classifier(weights: Weights, **shape: int) -> Classifier:
    """Return a trained classifier to look with; `shape` are the arguments of `Classifier`."""
    with torch.device("meta"):  # no time and no random numbers for weights that are replaced at once
        classifier = Classifier(**shape)
    classifier.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()}, assign=True)
    classifier.eval().requires_grad_(False)
    classifier.trunk = _folded(classifier.trunk)
    return classifier


@torch.no_grad()
def _folded(layers: nn.Sequential) -> nn.Sequential:
    """Return trained layers without norms: what those do to a layer's channels is done to its weights, once."""
    folded: list[nn.Module] = []
    for layer in layers:
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            before = folded.pop()
            assert isinstance(before, nn.Conv2d | nn.Linear)
            assert layer.running_mean is not None
            assert layer.running_var is not None
            scale = (layer.running_var + layer.eps).rsqrt() * (1 if layer.weight is None else layer.weight)
            bias = (0 if layer.bias is None else layer.bias) - layer.running_mean * scale
            # New tensors: those that were loaded share the memory of the arrays.
            weight = before.weight * scale.reshape(-1, *[1] * (before.weight.dim() - 1))
            before.weight, before.bias = (nn.Parameter(part, requires_grad=False) for part in (weight, bias))
            folded.append(before)
        else:
            folded.append(nn.ReLU(inplace=True) if isinstance(layer, nn.ReLU) else layer)
    return nn.Sequential(*folded)


def train_classifier(
    images: NDArray[np.uint8], labels: NDArray[np.int64], classes: int, *, width: int, seed: int, steps: int
) -> Weights:
    """Train a classifier with AdamW and a one-cycle rate; return its weights.

    The images are shifted by up to a sixteenth of their size (at least one pixel) for more variety. It runs on one
    thread, so that the result is the same on any number of cores.

    Args:
        images: uint8[N, H, W, C].
        labels: [N], each in 0 … classes - 1.
        classes: how many there are.
        width: of the first convolution.
        seed: for the initial weights and the batches.
        steps: batches of `BATCH` images.
    """
    with _one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = Classifier(images.shape[1], images.shape[3], classes, width)
        _fit(classifier, torch.from_numpy(images), torch.from_numpy(labels), steps)
    return {name: tensor.detach().numpy().copy() for name, tensor in classifier.state_dict().items()}


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _fit(classifier: Classifier, images: Tensor, labels: Tensor, steps: int) -> None:
    optimizer = torch.optim.AdamW(classifier.parameters(), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps)
    shift = max(1, images.shape[1] // 16)
    began_s = time.monotonic()
    classifier.train()
    for step in range(steps):
        chosen = torch.randint(len(images), (BATCH,))
        batch = _shifted(images[chosen], shift)
        loss = nn.functional.cross_entropy(classifier(batch)[1], labels[chosen])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
        if steps >= 10 and (step + 1) % (steps // 10) == 0:
            left_s = (time.monotonic() - began_s) / (step + 1) * (steps - step - 1)
            _log.info("classifier: step %d of %d, loss %.3f, %.0f s left", step + 1, steps, loss.item(), left_s)


def _shifted(images: Tensor, most: int) -> Tensor:
    """Move each image by its own whole number of pixels; the edge is repeated."""
    count, size = images.shape[:2]
    places = torch.arange(size)
    rows = (places + torch.randint(-most, most + 1, (count, 1))).clamp(0, size - 1)
    columns = (places + torch.randint(-most, most + 1, (count, 1))).clamp(0, size - 1)
    return images[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
