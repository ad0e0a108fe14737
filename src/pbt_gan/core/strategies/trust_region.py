"""A process that may only look about the donor, as far as looking there has paid."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from pbt_gan.core.explore import EXPLORE, FACTORS, Context, perturb
from pbt_gan.core.population import Hyperparams, Stretch, Value
from pbt_gan.core.registry import register
from pbt_gan.core.space import Space
from pbt_gan.core.strategies.coordinates import Coordinates
from pbt_gan.core.strategies.gaussian_process import Codes
from pbt_gan.core.strategies.model import Model
from pbt_gan.core.strategies.observations import joined
from pbt_gan.errors import ConfigError

FACTOR = 1.5
"""By which a region grows and shrinks."""

TRIED = 32
"""Sets of choices that are looked at."""


@dataclass(frozen=True, slots=True)
class Region:
    """How far from the donor a member may look, and why."""

    side: float  # of the box about the donor, as a share of each domain
    successes: int = 0  # in a row
    failures: int = 0  # in a row
    begins: int = 0  # place in the plan from which on rows belong to this region


@register(EXPLORE, looks_back=True)
def trust_region(
    hyperparams: Hyperparams,
    space: Space,
    rng: Generator,
    *,
    context: Context,
    side: float = 0.4,
    smallest: float = 0.15,
    successes: int = 3,
    failures: int = 10,
    factors: Sequence[float] = FACTORS,
) -> dict[str, Value]:
    """Move about the donor's setting, in a box that grows while moves win and shrinks while they do not.

    A ready interval is a success if the best score of all at its end is that of a member that had moved for it. After
    `successes` in a row the side grows by half, up to 1; after `failures` in a row it shrinks by a third, and below
    `smallest` the search begins anew: with the first side, forgetting all rows, and until new ones have taught enough
    anywhere in the space where the forgotten ones expect most. Of the choices as large a share may change as the side
    is, at least one. While the process has found nothing (`Model.of`), all are perturbed.

    Source: Wan et al. 2022, arXiv:2207.09405, section 3.1 and its code, without the part on architectures; Wan et al.
    2021, arXiv:2102.07188 (CASMOPOLITAN). Departures: those of `pb2`; choices and numbers share one side; choices are
    improved once and then the numbers, not in turns.
    """
    if not (0 < smallest <= side <= 1 and successes >= 1 and failures >= 1):
        raise ConfigError(
            f"pbt.explore: side = {side}, smallest = {smallest}, successes = {successes}, failures = {failures}, but a "
            "region needs 0 < smallest <= side <= 1 and counts of 1 or more, such as 0.4, 0.15, 3 and 10."
        )
    moved: dict[str, Value] = perturb(hyperparams, space, rng, factors=factors)
    coordinates = Coordinates.of(space)
    stretches = context.view.stretches
    passed = min((member.trained_steps for member in context.view.current.values()), default=0)
    region = traced(stretches, context.ready_interval, passed, Region(side), smallest, successes, failures)
    own = [stretch for stretch in stretches if stretch.begins >= region.begins]
    model = Model.of(coordinates, own, context, rng)
    if model is None and region.begins:
        model, region = Model.of(coordinates, stretches, context, rng), replace(region, side=2.0)
    if model is None:
        return moved
    here = coordinates.points([hyperparams], [0.0])
    codes = near(here.codes[0], [len(domain.values) for domain in coordinates.choices.values()], region.side, rng)
    codes = codes[np.argmax(model.upper_bound(np.repeat(here.units, len(codes), axis=0), codes))]
    reach = np.maximum(region.side / 2, coordinates.grain)  # a whole number can always move
    low, high = np.clip(here.units[0] - reach, 0, 1), np.clip(here.units[0] + reach, 0, 1)
    return coordinates.setting(model.best_numbers(codes, here.units[0], rng, low, high), codes)


def traced(
    stretches: Sequence[Stretch],
    ready_interval: int,
    passed: int,
    region: Region,
    smallest: float,
    successes: int,
    failures: int,
) -> Region:
    """Return what became of a region by the ready intervals that all members have passed.

    Args:
        stretches: the whole run's, by place.
        ready_interval: in steps.
        passed: place that all members have reached.
        region: as it begins.
        smallest: side below which it begins anew.
        successes: in a row after which it grows.
        failures: in a row after which it shrinks.
    """
    first = region
    for end, won in outcomes(stretches, ready_interval):
        if end > passed:
            break
        region = replace(
            region, successes=region.successes + 1 if won else 0, failures=0 if won else region.failures + 1
        )
        if region.successes == successes:
            region = replace(region, side=min(region.side * FACTOR, 1.0), successes=0)
        elif region.failures == failures:
            region = replace(region, side=region.side / FACTOR, failures=0)
        if region.side < smallest:
            region = replace(first, begins=end)
    return region


def outcomes(stretches: Sequence[Stretch], ready_interval: int) -> Iterable[tuple[int, bool]]:
    """Yield where each ready interval ends for which somebody had moved, and whether one of those was the best then."""
    settings: dict[int, Hyperparams] = {}
    ended: defaultdict[int, dict[int, tuple[float, bool]]] = defaultdict(dict)  # end → member → (score, had moved)
    for row in joined(stretches, ready_interval):
        end = math.ceil((row.begins + row.steps) / ready_interval) * ready_interval
        # Who is born later begins with the setting of a parent, moved.
        had_moved = settings[row.member] != row.hyperparams if row.member in settings else row.begins > 0
        settings[row.member] = row.hyperparams
        ended[end][row.member] = (row.after if math.isfinite(row.after) else -math.inf, had_moved)
    for end in sorted(ended):
        scores = ended[end].values()
        if any(had_moved for _, had_moved in scores):
            yield end, max(scores)[1]


def near(codes: Codes, values: Sequence[int], side: float, rng: Generator) -> Codes:
    """Return sets of choices of which a share of at most `side`, or one, differs from some: those first, then drawn.

    Args:
        codes: int64[C].
        values: how many each choice has.
        side: of the region.
        rng: draws them.

    Returns:
        int64[N, C].
    """
    found = np.tile(codes, (TRIED if values else 1, 1))
    at_most = min(max(math.floor(side * len(values)), 1), len(values))
    for own in found[1:]:
        for place in rng.choice(len(values), rng.integers(1, at_most + 1), replace=False):
            own[place] = (own[place] + rng.integers(1, values[place])) % values[place]
    return found
