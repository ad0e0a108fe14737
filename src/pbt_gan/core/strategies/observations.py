"""What a run has seen of its settings: of each, how much more than usual a member gained while it trained with it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pbt_gan.core.population import Stretch
from pbt_gan.core.strategies.coordinates import Coordinates
from pbt_gan.core.strategies.gaussian_process import ROWS, Floats, Points

LOOKED_AT = 10 * ROWS
"""Stretches that are looked at, from the newest: as many as `ROWS` rows have where ten scores make a ready interval."""


@dataclass(frozen=True)
class Observations:
    """Settings and what was gained with them, oldest first."""

    points: Points  # at the age of the weights when they began, in ready intervals
    gains: Floats  # float64[N], as normal scores

    def __len__(self) -> int:
        return len(self.points)


def observations(stretches: Sequence[Stretch], coordinates: Coordinates, ready_interval: int) -> Observations:
    """Return the newest `ROWS` rows that tell something about settings.

    A row is up to one ready interval of one member with one setting, so that all gains are over about the same
    length: of the score differences of two halves, the noise of the score between them cancels. Rows that began
    without a score tell no gain and are left out; one in which the member diverged counts as the worst gain there
    can be. Were it left out, as others do, a model would for ever think that corner of the space unknown and promising.

    Args:
        stretches: oldest first.
        coordinates: of the space.
        ready_interval: in steps, the unit of time.
    """
    rows = [row for row in joined(stretches[-LOOKED_AT:], ready_interval) if _tells(row)][-ROWS:]
    times = [row.step / ready_interval for row in rows]
    return Observations(coordinates.points([row.hyperparams for row in rows], times), gains(rows, ready_interval))


def joined(stretches: Sequence[Stretch], ready_interval: int) -> list[Stretch]:
    """Return stretches of one member with one setting as one, up to a ready interval long, in order of their begins."""
    rows: list[Stretch] = []
    latest: dict[int, int] = {}  # member → where its last row is
    for stretch in stretches:
        place = latest.get(stretch.member)
        if place is not None and _continues(stretch, rows[place], ready_interval):
            rows[place] = replace(rows[place], steps=rows[place].steps + stretch.steps, after=stretch.after)
        else:
            latest[stretch.member] = len(rows)
            rows.append(stretch)
    return rows


def gains(rows: Sequence[Stretch], ready_interval: int) -> Floats:
    """Return how much more than usual the score rose in each row, as normal scores: Φ⁻¹ of its rank, float64[N].

    Ranks, since the best settings must be told apart also where some are a hundred times worse; as in BG-PBT, where PB2
    standardises and clips. Who diverged ranks below all.

    What is usual is fitted first: scores rise fast while young, and high ones rise less. The latter is saturation, and
    chance as well: whoever is copied was chosen by a score that luck had raised, so its next gain is the smaller. PB2
    and BG-PBT hand the score before to the process as one more input; a slope, which may only fall, takes fewer rows.
    """
    from scipy.special import ndtri  # here: importing it takes longer than a decision

    before, after = np.array([(row.before, row.after) for row in rows]).reshape(-1, 2).T
    healthy = np.isfinite(before) & np.isfinite(after)
    found = np.full(len(rows), -np.inf)
    if healthy.any():
        with np.errstate(over="ignore", invalid="ignore"):  # scores of 1e300
            steps = np.array([row.steps for row in rows])[healthy]
            rises = (after - before)[healthy] / steps * ready_interval
            ages = np.array([row.step for row in rows])[healthy] / ready_interval
            found[healthy] = np.nan_to_num(_unusual(rises, 1 / (1 + ages), before[healthy]))
    return np.asarray(ndtri(ranks(found)))


def ranks(values: Floats) -> Floats:
    """Return the middles of the ranks of some values, in (0, 1), ½ in the mean; equals share a rank.

    >>> ranks(np.array([3.0, 1.0, 9.0, 3.0])).tolist()
    [0.5, 0.125, 0.875, 0.5]
    """
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray(((np.cumsum(counts) - counts / 2) / len(values))[places])


def _unusual(rises: Floats, youth: Floats, before: Floats) -> Floats:
    """Return what is left of the rises beside their mean and their slopes over youth and over the score before."""
    inputs = np.stack([_standardised(youth), _standardised(before)], axis=1)
    centred = rises - rises.mean()
    slopes = _slopes(inputs, centred)
    if slopes[1] > 0:  # the better gain more: that may be their settings, which are what is to be found
        slopes = np.array([*_slopes(inputs[:, :1], centred), 0.0])
    return np.asarray(centred - inputs @ slopes)


def _slopes(inputs: Floats, targets: Floats) -> Floats:
    """Return the slopes of least squares, with one more row's worth of belief that there are none."""
    return np.asarray(np.linalg.solve(inputs.T @ inputs + np.eye(inputs.shape[1]), inputs.T @ targets))


def _standardised(values: Floats) -> Floats:
    return np.asarray((values - values.mean()) / (values.std() or 1.0))


def _continues(stretch: Stretch, row: Stretch, ready_interval: int) -> bool:
    return (
        row.steps < ready_interval
        and stretch.step == row.step + row.steps
        and stretch.before == row.after  # never of nan
        and stretch.hyperparams == row.hyperparams
    )


def _tells(row: Stretch) -> bool:
    began = math.isfinite(row.before)
    return began or (row.step == 0 and not math.isfinite(row.after))
