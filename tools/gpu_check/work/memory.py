"""The memory that members take while they train."""

from collections.abc import Iterator

from benchmarks.limit import DTYPES
from benchmarks.measurement import Measurement
from benchmarks.memory import MB, used_bytes
from benchmarks.scaling import Way
from benchmarks.targets import MEMORY


def main(device: str, tiny: bool, name: str, members: str) -> Iterator[Measurement]:
    """Measure a group in float32 and in bfloat16."""
    case, count = ("digits", 2) if tiny else (name, int(members))
    for dtype in (DTYPES[device][0], "bfloat16"):
        used = used_bytes(case, Way("group", dtype), device, count)
        setting = {"case": case, "way": "group", "members": count, "dtype": dtype, "threads": 1, "device": device}
        yield Measurement(MEMORY, used / count / MB, "MB", setting=setting)
