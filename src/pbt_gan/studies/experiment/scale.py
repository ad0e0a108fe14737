"""An experiment at a share of its cost, to try it in minutes before it is run in hours."""

import math
from typing import Any

from pbt_gan.config.settings import Config
from pbt_gan.core.budget import member_steps
from pbt_gan.errors import ConfigError


def scaled(config: Config, members: int, scale: float) -> dict[str, Any]:
    """Return the lengths of a resolved configuration whose arms train about `scale` times as many steps.

    Both the steps between two ready points and the number of these fall with the root, so that scoring costs its share
    less too, and members still meet more than once. Whatever is said in shares of the budget stays as it is.

    Args:
        config: at full size.
        members: of the arms of fixed size, of which the budget becomes a multiple.
        scale: above 0, up to 1.

    Raises:
        ConfigError: it is no such share.
    """
    if not 0 < scale <= 1:
        raise ConfigError(f"--scale {scale:g}: give a share of the steps above 0, up to 1, such as 0.05.")
    pbt = config.pbt
    scores = pbt.ready_interval // (pbt.score_interval or pbt.ready_interval)  # from one ready point to the next
    budget = member_steps(pbt.population_size, pbt.later, pbt.total_steps)
    root = math.sqrt(scale)
    score_interval = max(1, round(pbt.ready_interval / scores * root))
    ready_points = max(2, round(budget / members / pbt.ready_interval * root))
    ready_interval = score_interval * scores
    return {
        "ready_interval": ready_interval,
        "score_interval": score_interval,
        "budget_steps": members * ready_points * ready_interval,
    }
