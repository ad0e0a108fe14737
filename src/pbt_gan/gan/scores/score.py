"""What a score is: a number for images, from what a network sees of them. What is not finite gives nan, never an error.

Formulas are computed in float64, where the network runs. The modules that the table names are imported to tell what is
measured, so they import torch where they compute, not at their top.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class Seen(NamedTuple):
    """What a network sees of N images."""

    features: "Tensor"  # [N, D]
    probabilities: "Tensor | None"  # [N, K], each row sums to 1; None: it knows no classes


Reals = Mapping[str, "Tensor"]
"""What a scorer keeps of the real images: `mean` [D] and `covariance` [D, D] of the features of all, float64, and
`kernel_features`, those of some."""


@dataclass(frozen=True)
class Score:
    """One number for a set of images."""

    name: str
    formula: str
    better: Literal["higher", "lower"]
    measure: Callable[[Seen, Any], float]  # of samples, and what `reference` made of the reals
    reference: Callable[[Reals], Any] | None  # made once; None: it compares with nothing
    needs_probabilities: bool = False
    most_images: int | None = None  # it looks at no more than so many samples, and as many reals; None: at all
    influence: "Callable[[Seen, Any], Tensor] | None" = None  # of each sample on `measure`, [N]; None: no cheap one

    def error(self, seen: Seen, reference: Any) -> float:
        """Estimate the standard error of `measure` over the drawing of the samples, by the infinitesimal jackknife.

        Source: Jaeckel 1972; Efron 1981, Biometrika 68, section 4.
        """
        assert self.influence is not None
        influence = self.influence(seen, reference)
        return float(influence.std()) / math.sqrt(len(influence))
