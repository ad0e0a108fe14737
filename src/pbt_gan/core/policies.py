"""The built-in policies, by the name that the config gives."""

from collections.abc import Callable, Mapping

from pbt_gan.core.pbt import PopulationBasedTraining
from pbt_gan.core.plan import Plan
from pbt_gan.core.policy import Policy

POLICIES: Mapping[str, Callable[[Plan], Policy]] = {"pbt": PopulationBasedTraining}
