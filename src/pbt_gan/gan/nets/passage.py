"""How an x passes through blocks: by our own kernels, by torch's operations batch after batch, or layer by layer."""

from dataclasses import replace

import torch
from torch import Tensor

from pbt_gan.gan.nets.batch_last import BatchLast
from pbt_gan.gan.nets.blocks import Block, one_after_another
from pbt_gan.gan.nets.chains import BatchAfterBatch, Chain
from pbt_gan.gan.nets.compiled_chains import Compiled, compiles
from pbt_gan.gan.nets.conditional import BatchNorms


def through(norms: BatchNorms, blocks: tuple[Block, ...], x: Tensor, *, statistics: bool = True) -> Tensor:
    """Return what blocks make of an x; of latents [P, B, Z], if the first block is dense.

    Args:
        norms: the norms of the blocks, and the layers and parameters of all.
        blocks: at least one.
        x: what comes in.
        statistics: whether `norms.used` is to tell the statistics that normalised.
    """
    layers, params = norms.layers, norms.params
    normalised = [block.norm for block in blocks if block.norm]
    plain = norms.training and all(params[f"{norm}.scale"].ndim == 2 for norm in normalised)
    # What torch.func transforms is not a chain: it asks each operation how it is stacked and differentiated.
    if not (isinstance(layers, BatchLast) and plain) or torch._C._are_functorch_transforms_active():
        return one_after_another(layers, blocks, params, x, norms)
    dense = blocks[0].kind == "dense"
    entering = x.mT[:, :, None, None] if dense else x
    # Torch's tanh is a fast one; it comes after the chain.
    opened = (*blocks[:-1], blocks[-1]._replace(activation="none")) if blocks[-1].activation == "tanh" else blocks
    compiled = compiles(opened, layers.compute, entering)
    chained = opened if compiled else blocks
    names = [
        f"{whose}.{part}"
        for block in blocks
        for whose, part in ((block.name, "weight"), (block.name, "bias"), (block.norm, "scale"), (block.norm, "shift"))
    ]

    def slowly(x: Tensor, *parts: Tensor | None) -> Tensor:
        own = {name: part for name, part in zip(names, parts, strict=True) if part is not None}
        own_norms = replace(norms, params=own, used={})
        return one_after_another(layers, chained, own, x[:, :, 0, 0].mT if dense else x, own_norms)

    chain = Chain(chained, layers.compute, slowly, statistics, Compiled if compiled else BatchAfterBatch)
    y, found = chain(entering, [params.get(name) for name in names])
    if statistics:
        for norm, mean, variance in zip(normalised, found[::2], found[1::2], strict=True):
            norms.used[f"{norm}.mean"], norms.used[f"{norm}.variance"] = mean, variance
    return y.tanh() if chained is not blocks else y
