"""Members that are found unfit on their way through an order."""

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
import pytest
import torch

from pbt_gan.core.rng import stream
from pbt_gan.gan.data.source import ImagesInMemory
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.training.health import IN_A_ROW, Condition, Diversity, diversity
from pbt_gan.gan.training.loop import BLOCK, LAG, Loop, dtype_of, make_step
from pbt_gan.gan.training.stacking import leaves, stacked
from pbt_gan.interfaces import Health, Training

QUICK = GanSettings.model_validate({"width": 4, "z_size": 8, "batch_size": 8})
IMAGES = np.random.default_rng(0).integers(0, 256, (100, 8, 8, 1), np.uint8)


def loop(health: Health) -> Loop:
    images = ImagesInMemory(IMAGES, "cpu", dtype_of(QUICK))
    return Loop(QUICK, make_step(QUICK, 8, 1), images, "cpu", health=health)


def trained(health: Health, rates: Sequence[float], steps: int) -> list[Training]:
    made = loop(health)
    states = [made.init(stream(0, "init", member)) for member in range(len(rates))]
    streams = [partial(stream, 0, "train", member) for member in range(len(rates))]
    return made.train(states, [{"lr_g": rate, "lr_d": rate} for rate in rates], steps, streams)


def conditions(sights: Sequence[dict[str, float]], health: Health) -> list[str]:
    condition = Condition(health)
    return [condition.seen(sight) for sight in sights]


def test_diversity_is_small_where_there_are_a_few_kinds_of_images() -> None:
    alike = torch.zeros(1, 6, 1, 2, 2)
    kinds = torch.tensor([0.0, 1.0]).repeat(3).view(1, 6, 1, 1, 1).expand(1, 6, 1, 2, 2)
    spread = torch.arange(6.0).view(1, 6, 1, 1, 1).expand(1, 6, 1, 2, 2)
    assert [diversity(images).item() for images in (alike, kinds, spread)] == [0.0, 0.0, 2.0]


def test_it_is_a_share_of_what_real_images_have_and_each_member_has_its_own() -> None:
    made = loop(Health())
    reals = ImagesInMemory(IMAGES, "cpu", torch.float32).take(torch.arange(16))
    measure = Diversity(made.step.generator, reals, QUICK.z_size)
    states = [made.init(stream(0, "init", member)) for member in range(2)]
    states[1]["g"]["params"].mul_(0.0)
    share, nothing = measure(stacked(states)["g"]).tolist()
    assert 0.0 < share < 1.0
    assert nothing == 0.0
    assert measure(stacked(states[:1])["g"]).item() == pytest.approx(share)


@pytest.mark.parametrize(
    ("sight", "told"),
    [
        ({"loss_d": 1.0, "logit_real": 1e9, "weights": 1e9}, ""),
        ({"loss_d": math.nan}, "loss_d is not finite"),
        ({"logit_fake": math.inf}, "logit_fake is not finite"),
        ({"loss_g": 200.0}, "loss_g is 200 in size, above health.max_loss = 100"),
        ({"weights": math.nan}, "weights are not finite"),
    ],
)
def test_what_is_no_number_or_too_large_is_told(sight: dict[str, float], told: str) -> None:
    assert conditions([sight], Health(max_loss=100.0)) == [told]


def test_a_generator_has_collapsed_where_it_falls_far_below_the_reals_and_its_own_past() -> None:
    health = Health(collapse=0.02)

    def told(*shares: float) -> list[bool]:
        return [bool(each) for each in conditions([{"diversity": share} for share in shares], health)]

    assert told(0.5, 0.01, 0.01) == [False, False, True]
    assert not any(told(0.007, 0.006, 0.007, 0.2))  # not trained yet
    assert not any(told(0.5, 0.03, 0.03))  # above the bound
    assert not any(told(0.04, 0.015, 0.015))  # it was not much more before
    assert not any(told(0.5, 0.01, 0.1, 0.01))  # a moment: not as often in a row
    assert IN_A_ROW == 2
    looks = [{"diversity": share} for share in (0.0005, 0.0005)]  # of an order that began so
    condition = Condition(health, most=0.007)  # as of an untrained one
    assert [bool(condition.seen(look)) for look in looks] == [False, True]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rate", "health", "words"),
    [
        (1.0, Health(), "the generator has collapsed"),
        (2e-4, Health(max_loss=1e-3), "above health.max_loss = 0.001"),
        (1e38, Health(), "not finite"),
    ],
)
def test_who_is_unfit_leaves_its_group_and_the_others_become_what_they_become_without_it(
    rate: float, health: Health, words: str
) -> None:
    usual = Health(max_loss=1e9) if health.max_loss < 1 else health
    steps = 4 * BLOCK
    first, other = trained(health, [2e-4, rate], steps)
    assert words in other.diverged
    assert other.images < 8 * steps
    if rate != 2e-4:
        (alone,) = trained(usual, [2e-4], steps)
        assert first.diverged == alone.diverged == ""
        assert first.metrics == alone.metrics
        assert all(torch.equal(*pair) for pair in zip(leaves(first.state), leaves(alone.state), strict=True))


@pytest.mark.slow
def test_looks_come_every_so_many_steps_and_at_the_end() -> None:
    seldom = trained(Health(every_steps=3 * BLOCK), [1e38], 8 * BLOCK)[0]
    assert f"{3 * BLOCK} steps into its order" in seldom.diverged
    at_the_end = trained(Health(every_steps=10**9), [1e38], 2 * BLOCK)[0]
    assert f"{2 * BLOCK} steps into its order" in at_the_end.diverged
    assert trained(Health(), [1e38], 8 * BLOCK)[0].images == 8 * LAG * BLOCK


def test_nobody_measures_diversity_where_it_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Diversity, "__call__", lambda *args: pytest.fail("it was measured"))
    assert trained(Health(collapse=0.0), [2e-4], 3)[0].diverged == ""
