"""Times as people write them: 90s, 30m, 8h, 2d."""

import math
import re
import time

from pbt_gan.errors import ConfigError

_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def seconds(text: str, option: str) -> float:
    """Return a time in seconds.

    Args:
        text: such as 90s.
        option: that it was given for.

    Raises:
        ConfigError: it is no such time.

    Examples:
        >>> seconds("1.5h", "--max-time")
        5400.0
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    if match is None or float(match[1]) == 0:
        raise ConfigError(f"{option} {text}: write a number and s, m, h or d, such as 90s, 30m or 8h.")
    return float(match[1]) * _UNITS_S[match[2]]


def deadline(max_time: float | str | None, option: str) -> float | None:
    """Return the time.monotonic() after a time in seconds, or in words; None: there is no limit.

    Raises:
        ConfigError: it is no such time.
    """
    if max_time is None:
        return None
    if isinstance(max_time, str):
        return time.monotonic() + seconds(max_time, option)
    if isinstance(max_time, bool) or not isinstance(max_time, int | float) or not 0 < max_time < math.inf:
        raise ConfigError(f'{option} = {max_time!r}: give seconds, or a time such as "8h".')
    return time.monotonic() + max_time
