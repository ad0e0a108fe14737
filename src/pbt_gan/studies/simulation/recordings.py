"""Learning curves that were recorded, as the transitions that a model learns from."""

import csv
from collections.abc import Mapping
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

STEP, SCORE, HELD_OUT, LOG_LR_G, LOG_LR_D = range(5)
"""Columns of a curve: age of the weights; both measurements there; log10 of the rates since the row before."""

Curves = Mapping[str, Numbers]
"""By name: float64[reports, 5], by age. Each begins with new weights."""


def digits() -> Curves:
    """Return the curves of `digits` GANs that are part of this package; `experiments/recordings.py` made them."""
    curves: dict[str, list[list[float]]] = {}
    with files(__package__).joinpath("digits.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            name = row.pop("curve")
            curves.setdefault(name, []).append([float(value) for value in row.values()])
    return {name: np.array(rows) for name, rows in curves.items()}
