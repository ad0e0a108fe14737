"""With `--deterministic`, two runs have equal bits: all scores, and every weight at the end."""

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.measurement import Measurement
from tools.gpu_check.work.command import Told, digits, train


def main(device: str, tiny: bool) -> Iterator[Measurement]:
    """Run twice, and once without, for what it costs."""
    members, steps, ready = (2, 20, 10) if tiny else (8, 200, 50)
    arguments = digits(device, members, steps, ready)
    with tempfile.TemporaryDirectory() as name:
        runs = [train(Path(name) / str(number), *arguments, "--deterministic") for number in range(2)]
        free = train(Path(name) / "free", *arguments)
        different = sum(one != other for one, other in zip(*map(bits, runs), strict=True))
        setting = {"device": device, "members": members, "steps": steps}
        yield Measurement("differences between two runs with --deterministic", different, "", "<= 0", setting)
        slower = min(run.seconds for run in runs) / free.seconds
        yield Measurement("times as long with --deterministic, whole command", slower, "", setting=setting)
    if different:
        raise RuntimeError(f"two runs with --deterministic differ in {different} scores or checkpoints")


def bits(run: Told) -> list[Any]:
    """Return all that must be equal."""
    told = [record for record in run.records if record["type"] == "report"]
    reports = sorted((each["member"], each["interval"], each["score"], str(each["metrics"])) for each in told)
    checkpoints = sorted((run.folder / "checkpoints").iterdir())
    return [*reports, *((path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in checkpoints)]
