"""Any number of images before a network, in batches."""

import logging
import time
from collections.abc import Callable

import torch
from torch import Tensor

from pbt_gan.gan.scores.score import Seen

TOLD_EVERY_S = 10
"""Seconds between two lines that say how far a slow network is."""

_log = logging.getLogger(__name__)


@torch.inference_mode()
def look(network: Callable[[Tensor], tuple[Tensor, Tensor]], images: Tensor, *, batch: int, device: str) -> Seen:
    """Return what a network sees of images, where it runs; memory is needed for a batch, and for what is returned.

    Args:
        network: takes float32[B, 3, H, W] in 0 … 255, channels last in memory, and returns features [B, D] and logits
            [B, K].
        images: uint8[N, H, W, C]; what is grey (C = 1) is given to it as three equal channels.
        batch: how many it takes at a time.
        device: where it runs.
    """
    seen: list[tuple[Tensor, Tensor]] = []
    began_s = told_s = time.monotonic()
    for part in images.split(batch):  # type: ignore[no-untyped-call]
        # Channels last in memory, as the images are: on a CPU twice as fast through the layers as channels first.
        colour = part.to(device).permute(0, 3, 1, 2).expand(-1, 3, -1, -1)
        features, logits = network(colour.to(torch.float32, memory_format=torch.channels_last))
        seen.append((features, logits.double().softmax(1)))
        now_s, done = time.monotonic(), batch * len(seen)
        if now_s > told_s + TOLD_EVERY_S and done < len(images):
            left_s, told_s = (now_s - began_s) / done * (len(images) - done), now_s
            _log.info("looked at %d of %d images, %.0f s left", done, len(images), left_s)
    features, probabilities = map(torch.cat, zip(*seen, strict=True))
    return Seen(features, probabilities)
