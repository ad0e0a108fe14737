"""How numbers and names are written for a person."""

import math
from collections.abc import Mapping
from typing import Any

from pbt_gan.interfaces import Usage


def member_name(member: int) -> str:
    """Write a member as its files are named: `m03`."""
    return f"m{member:02d}"


def number(value: Any) -> str:
    """Write a number short enough for a table, numbers of a kind equally long: powers of ten only where they help.

    >>> number(0.00031623), number(8.4), number(0.5), number(12000.3), number(float("nan")), number("hinge")
    ('3.16e-4', '8.400', '0.500', '12,000', 'nan', 'hinge')
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    if 1 <= abs(value) < 1e3:
        return f"{value:#.4g}"
    if 1e-2 <= abs(value) < 1:
        return f"{value:.3f}"
    if 1e3 <= abs(value) < 1e6:
        return f"{value:,.0f}"
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def started(config: Mapping[str, Any]) -> str:
    """Tell from which state all members of a run began; "" if each began with a new one.

    >>> started({"pbt": {"start_from": {"source": "/runs/0001-digits", "checkpoint": "m03-i0012", "step": 1200}}})
    'All members started from m03-i0012 of /runs/0001-digits, at step 1,200.'
    """
    start = config.get("pbt", {}).get("start_from")
    if not isinstance(start, Mapping):
        return ""
    return (
        f"All members started from {start.get('checkpoint')} of {start.get('source')}, at step {start.get('step'):,}."
    )


def size_of(bytes_: float) -> str:
    """Write a number of bytes, in units of 1,024.

    >>> size_of(512), size_of(2_080_000), size_of(20 * 2**30)
    ('512 B', '1.98 MiB', '20 GiB')
    """
    for unit in ("B", "KiB", "MiB"):
        if bytes_ < 1_024:
            return f"{bytes_:.3g} {unit}"
        bytes_ /= 1_024
    return f"{bytes_:.3g} GiB"


def usage(used: Usage) -> str:
    """Tell how the workers of a run were used; "" of less than a second, of which it would say nothing.

    >>> usage(Usage(busy_s=99.0, waiting_s=1.0))
    'Workers trained for 1 min 39 s in all, and waited for 1.0 % of their time.'
    """
    if used.busy_s < 1:
        return ""
    share = f"{100 * used.waiting:.1f} %"
    return f"Workers trained for {duration(used.busy_s)} in all, and waited for {share} of their time."


def duration(seconds: float) -> str:
    """Write a time span in its two largest units.

    >>> duration(3.2), duration(75), duration(7384), duration(200000)
    ('3 s', '1 min 15 s', '2 h 03 min', '2 d 07 h')
    """
    if seconds < 60:
        return f"{max(seconds, 0):.0f} s"
    minutes, left = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {left:02d} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02d} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours:02d} h"
