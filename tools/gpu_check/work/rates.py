"""Member steps a second of a group, beside the same nets one after another and one graph each."""

from collections.abc import Iterator

import torch

from benchmarks import scaling
from benchmarks.measurement import Measurement

TINY = 2
"""Members of `digits`, where only the logic is tried."""

BUDGET_S = 30.0


def main(device: str, tiny: bool, case: str, *members: str) -> Iterator[Measurement]:
    """Measure groups of so many members."""
    torch.set_num_threads(1)
    if tiny:
        return scaling.case("digits", device, [TINY], budget_s=0.5)
    return scaling.case(case, device, [int(count) for count in members], BUDGET_S)
