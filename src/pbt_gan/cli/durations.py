"""Times as people write them: 90s, 30m, 8h, 2d."""

import re

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
