"""Everything that a config can name of the core: one table a kind, with every file that enters something."""

from collections.abc import Callable, Mapping

from pbt_gan.core.exploit import EXPLOIT as EXPLOIT
from pbt_gan.core.explore import EXPLORE as EXPLORE
from pbt_gan.core.pbt import PopulationBasedTraining
from pbt_gan.core.plan import Plan
from pbt_gan.core.policy import Policy
from pbt_gan.core.strategies import pb2 as pb2
from pbt_gan.core.strategies import pb2_mix as pb2_mix
from pbt_gan.core.strategies import settle as settle
from pbt_gan.core.strategies import trust_region as trust_region
from pbt_gan.core.strategies.fire import FasterImprovementRate
from pbt_gan.core.strategies.hyperband import Hyperband
from pbt_gan.core.strategies.ipbt import IteratedPBT
from pbt_gan.core.strategies.mf_pbt import MultipleFrequencies
from pbt_gan.core.strategies.two_stage import TwoStages

POLICIES: Mapping[str, Callable[[Plan], Policy]] = {
    "pbt": PopulationBasedTraining,
    "fire": FasterImprovementRate,
    "hyperband": Hyperband,
    "ipbt": IteratedPBT,
    "mf-pbt": MultipleFrequencies,
    "two-stage": TwoStages,
}
"""What becomes of members at their ready points."""
