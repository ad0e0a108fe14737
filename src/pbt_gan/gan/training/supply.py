"""The numbers of one block of steps after another, drawn while a GPU is busy with the block before."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import torch

from pbt_gan.gan.data.sending import is_gpu
from pbt_gan.gan.training.draws import Destination, Drawn, Draws, send

Drawing = Callable[[int], Callable[[], Drawn]]
"""Gives of a block what draws its numbers; asked for block after block."""


def supply(drawing: Drawing, blocks: range, destination: Destination) -> Iterator[Draws]:
    """Yield the numbers of each block where members train.

    A GPU is asked for work ahead of time, though not so far ahead that it would not stand still if the numbers of a
    block were drawn when the last one has been asked for: those of 20 members are some ten millions. So a thread draws
    them meanwhile. On a CPU it would take a core from the training itself.
    """
    if is_gpu(destination.device):
        cuda: Any = torch.cuda  # its annotations are not complete
        return ahead(drawing, blocks, partial(_sent, destination, cuda.Stream(destination.device)))
    return (send(drawing(block)(), destination) for block in blocks)


def ahead(drawing: Drawing, blocks: range, sending: Callable[[Drawn], Draws]) -> Iterator[Draws]:
    """Yield the numbers of each block, while a thread draws those of the next one: numpy does so beside Python.

    Each block has streams of its own, so what is drawn does not depend on when.
    """
    with ThreadPoolExecutor(1, "draws") as thread:
        coming: Future[Drawn] | None = None
        for block in blocks:
            drawn = thread.submit(drawing(block)) if coming is None else coming
            draws = sending(drawn.result())
            following = block + blocks.step
            coming = thread.submit(drawing(following)) if following in blocks else None
            yield draws


def _sent(destination: Destination, beside: torch.cuda.Stream, numbers: Drawn) -> Draws:
    """Send numbers past the work that the device has been given; what it is given from now on waits for them."""
    now = torch.cuda.current_stream(destination.device)
    with torch.cuda.stream(beside):
        draws = send(numbers, destination)
    now.wait_stream(beside)
    for each in (*draws.critic, draws.generator):
        for tensor in each.values():
            if tensor.is_cuda:
                tensor.record_stream(now)  # or its memory would be given away while it is read
    return draws
