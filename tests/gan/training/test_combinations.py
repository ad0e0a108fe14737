"""Nets, losses, penalties, augmentation, classes, averages and norms together: trained in three ways, in float64.

Every two of them that go together meet in the cover. `make test-all` also takes the product.
"""

from functools import cache
from itertools import product
from typing import Any

import pytest

from pbt_gan.errors import ConfigError
from pbt_gan.gan.games.table import LOSSES, PENALTIES, TRANSFORMS
from pbt_gan.gan.nets.table import NETS
from pbt_gan.gan.settings import GanSettings
from pbt_gan.validation import validated
from tests.gan.training.pairwise import Row, cover, whole
from tests.gan.training.ways import check_equal

ALL = ",".join(TRANSFORMS)
SINGLY: list[tuple[str, ...]] = [(name,) for name in PENALTIES]

FACTORS: dict[str, list[Any]] = {
    "net": list(NETS),
    "loss": list(LOSSES),
    "penalties": [(), *SINGLY, ("r1", "r2", "lecam"), ("gradient", "dragan")],
    "augment": ["none", *TRANSFORMS, ALL],
    "adaptive": [False, True],
    "conditional": [False, True],
    "ema_rampup": [0.0, 0.3],
    "discriminator_norm": ["batch", "none", "spectral"],
    "size": [8, 32],
}
"""The last size is one of the other formulation of layers."""

PRODUCT = {**FACTORS, "augment": ["none", ALL], "ema_rampup": [0.3], "size": [8]}
"""Of what hardly meets the rest, what has most to it."""


def settings_of(row: Row) -> GanSettings:
    small = {"width": 2, "z_size": 4, "batch_size": 4, "dtype": "float64", "augment_target": -1.0, "augment_kimg": 0.02}
    return validated(GanSettings, {**small, **{name: value for name, value in row.items() if name != "size"}})


@cache
def goes_together(*played: tuple[str, Any]) -> bool:
    try:
        settings_of(dict(played))
    except ConfigError:
        return False
    return True


def sensible(row: Row) -> bool:
    """Say so by what decides; what is left out goes with everything."""
    free = ("conditional", "ema_rampup", "size")
    return goes_together(*((name, value) for name, value in row.items() if name not in free))


def named(row: Row) -> str:
    return " ".join(
        f"{name}={'+'.join(value) if isinstance(value, tuple) else value}"
        for name, value in row.items()
        if value not in ((), "none", False, 0.0)
    )


@pytest.mark.slow
@pytest.mark.parametrize("row", cover(FACTORS, sensible), ids=named)
def test_two_parts_that_go_together_train_alike_in_three_ways(row):
    check_equal(settings_of(row), row["size"])


@pytest.mark.slow
@pytest.mark.product
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize(("net", "loss"), list(product(NETS, LOSSES)))
def test_all_combinations_that_make_sense_train_alike_in_three_ways(net, loss):
    rows = list(whole({**PRODUCT, "net": [net], "loss": [loss]}, sensible))
    assert rows
    for row in rows:
        try:
            check_equal(settings_of(row), row["size"])
        except Exception as error:
            error.add_note(named(row))
            raise
