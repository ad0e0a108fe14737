"""Whether the limits that workers are to be held to can be had on this machine."""

import math
from collections import Counter

from pbt_gan.config.objects import slots_of
from pbt_gan.config.settings import Config
from pbt_gan.errors import ConfigError
from pbt_gan.executors.allowance import can_be_watched


def check_limits(config: Config) -> None:
    """Raise ConfigError if workers together may take more memory than there is, or if nobody could watch them."""
    settings = config.executor
    fraction = settings.memory_fraction
    if fraction is None:
        return
    devices = ["cuda:0" if device == "cuda" else device for device in settings.devices]
    sharing = Counter(devices[number % len(devices)] for number in range(slots_of(config)))
    for device, workers in sharing.items():
        if fraction * workers > 1 + 1e-9:
            raise ConfigError(
                f"executor.memory_fraction = {fraction:g}, but {workers} workers share the memory of "
                f"{'this machine' if device == 'cpu' else device}: together they might take "
                f"{fraction * workers:.0%} of it. Use at most {math.floor(1_000 / workers) / 1_000:g}, or fewer "
                "workers (executor.workers)."
            )
    if "cpu" in sharing and not can_be_watched():
        raise ConfigError(
            f"executor.memory_fraction = {fraction:g}, but this system does not tell how much memory a process has "
            "(/proc/PID/status has no RssAnon). Leave it out."
        )
