"""What the performance is held to, in one place for the benchmarks and for the page that shows them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Target:
    """A bound on a measurement, which is found by its name and by what its setting holds."""

    what: str
    name: str
    setting: Mapping[str, Any]
    bound: str  # such as ">= 1.8"

    def holds_for(self, name: str, setting: Mapping[str, Any]) -> bool:
        """Say whether it is about a measurement."""
        return name == self.name and self.setting.items() <= setting.items()


# The names of measurements that are looked for by name.
RATE = "member steps per second"
LIMIT = "limit of member steps per second"
MATRIX_RATE = "matrix rate"
SHARED_RATE = "member steps per second, device shared"
MEMORY = "memory per member"
INSIDE_FIT = "inside fit"
GAIN = "times one after another"
GAIN_OVER_DEFAULT = "times one after another in torch's default"
SHARE = "share of the matrix rate"
WHOLE_DEVICE = "times one process"
EXPLOIT = "exploit, 4 of 20 members"
OUTSIDE = "neither training nor scoring, 1 worker(s)"
WHOLE_COMMAND = "whole command"
TIMES_RAY = "times Ray Tune, whole command"  # of commands that ran in turn
STEP = "a member step"
GROWTH = "cost as work grows"
SEED_RUN = "47,000 steps of 20 members at this rate"

_ONE_THREAD: Mapping[str, Any] = {"device": "cpu", "threads": 1}
_TWENTY: Mapping[str, Any] = {"device": "cuda", "members": 20}


def _targets() -> Iterator[Target]:
    one_by_one = "times as many member steps a second as one after another"
    setting: dict[str, Any] = {"case": "digits", "members": 4, "dtype": "float32", **_ONE_THREAD}
    yield Target(f"`digits`, P = 4, float32, one core: {one_by_one}", GAIN, setting, ">= 2.5")
    what = "`digits`, P = 4, float32, one core: a member step, ms"
    yield Target(what, STEP, {**setting, "way": "group"}, "<= 3.5")
    setting = {"case": "digits", "device": "cpu", "dtype": "float32"}
    yield Target(
        "`digits`, P = 4, float32, both cores: two workers against one process", WHOLE_DEVICE, setting, ">= 2.5"
    )
    for case, pixels in (("mnist", "28×28"), ("cifar10", "32×32")):
        setting = {"case": case, "device": "cpu", "dtype": "bfloat16"}
        yield Target(f"{pixels}, bfloat16: two workers against one process", WHOLE_DEVICE, setting, ">= 1.8")
    for case, members, tf32, bfloat16 in (("seed-dcgan", 20, 2, 3.5), ("seed-dcgan-64", 20, 4, 7), ("64×64", 20, 4, 7)):
        setting = {"case": case, "device": "cuda", "members": members}
        what = f"`{case}`, P = {members}"
        yield Target(f"{what}, TF32: {one_by_one}", GAIN, {**setting, "dtype": "tf32"}, f">= {tf32}")
        what = f"{what}, bfloat16: {one_by_one} in torch's default"
        yield Target(what, GAIN_OVER_DEFAULT, {**setting, "dtype": "bfloat16"}, f">= {bfloat16}")
    setting = {"case": "digits", "device": "cuda", "dtype": "tf32", "members": 64}
    yield Target(f"`digits`, P = 64, TF32: {one_by_one}", GAIN, setting, ">= 20")
    for case, members, bound in (("digits", 4, ">= 35"), ("cifar10", 1, ">= 55")):
        setting = {"case": case, "way": "group", "members": members, "dtype": "float32", **_ONE_THREAD}
        yield Target(f"`{case}`, P = {members}, float32: percent of the matrix rate", SHARE, setting, bound)
    for dtype, bound in (("tf32", ">= 35"), ("bfloat16", ">= 25")):
        setting = {"case": "seed-dcgan", "way": "group", "dtype": dtype, **_TWENTY}
        yield Target(f"`seed-dcgan`, P = 20, {dtype}: percent of the matrix rate", SHARE, setting, bound)
    setting = {"case": "seed-dcgan", "dtype": "bfloat16", **_TWENTY}
    yield Target(
        "`seed-dcgan`, 20 members × 47,000 steps, bfloat16, minutes (from the rate)", SEED_RUN, setting, "<= 20"
    )
    for device, case, bound in (
        ("cpu", "digits", "<= 20"),
        ("cpu", "seed-dcgan", "<= 80"),
        ("cuda", "digits", "<= 2"),
        ("cuda", "seed-dcgan", "<= 2"),
    ):
        setting = {"case": case, "device": device}
        yield Target(f"`{case}`: exploit of 4 of 20 members, ms", EXPLOIT, setting, bound)
    what = "`digits`, 8 members × 1,000 steps, whole command, s"
    yield Target(what, WHOLE_COMMAND, {"case": "digits", "way": "pbt-gan train"}, "<= 24")
    yield Target("`digits`, whole command: times as fast as Ray Tune", TIMES_RAY, {}, ">= 3")
    yield Target("time outside training and scoring, percent", OUTSIDE, {}, "<= 3")


TARGETS = tuple(_targets())


def bound_of(name: str, setting: Mapping[str, Any]) -> str | None:
    """Return what a measurement is held to; None: it is printed for information."""
    return next((target.bound for target in TARGETS if target.holds_for(name, setting)), None)
