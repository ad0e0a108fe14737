import threading

import numpy as np
import pytest
import torch

from pbt_gan.core.rng import stream
from pbt_gan.gan.data.source import ImagesInMemory
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.training import loop as loop_module
from pbt_gan.gan.training.draws import Drawn, Draws, send
from pbt_gan.gan.training.loop import BLOCK, Loop, make_step
from pbt_gan.gan.training.stacking import leaves
from pbt_gan.gan.training.supply import ahead


def sending(drawn):
    return Draws(*drawn)


def test_one_block_is_drawn_ahead_and_no_more():
    asked, threads = [], []

    def drawing(block):
        asked.append(block)

        def draw():
            threads.append(threading.get_ident())
            return Drawn([], {"z": torch.tensor(block)})

        return draw

    supplied = ahead(drawing, range(2, 5), sending)
    assert asked == []
    for block in range(2, 5):
        assert int(next(supplied).generator["z"]) == block
        assert asked == list(range(2, min(block + 2, 5)))
    assert next(supplied, None) is None
    assert threading.get_ident() not in threads


def test_what_cannot_be_drawn_is_told_where_it_is_wanted():
    def drawing(block):
        def draw():
            if block:
                raise MemoryError
            return Drawn([], {})

        return draw

    supplied = ahead(drawing, range(2), sending)
    next(supplied)
    with pytest.raises(MemoryError):
        next(supplied)


def test_a_supply_that_is_no_longer_wanted_leaves_no_thread():
    before = threading.active_count()
    supplied = ahead(lambda block: lambda: Drawn([], {}), range(3), sending)
    next(supplied)
    del supplied
    assert threading.active_count() == before


@pytest.mark.slow
def test_members_become_the_same_whether_or_not_their_numbers_are_drawn_ahead(monkeypatch):
    settings = GanSettings.model_validate({"width": 4, "z_size": 8, "batch_size": 8})
    images = ImagesInMemory(np.random.default_rng(0).integers(0, 256, (100, 8, 8, 1), np.uint8), "cpu", torch.float32)
    loop = Loop(settings, make_step(settings, 8, 1), images, "cpu")

    def trained():
        return loop.train([loop.init(stream(0))], [{}], BLOCK + 5, [lambda block: stream(0, "train", block)])[0]

    plain = trained()
    monkeypatch.setattr(
        loop_module,
        "supply",
        lambda drawing, blocks, destination: ahead(drawing, blocks, lambda drawn: send(drawn, destination)),
    )
    other = trained()
    assert other.metrics == plain.metrics
    assert all(torch.equal(*pair) for pair in zip(leaves(other.state), leaves(plain.state), strict=True))
