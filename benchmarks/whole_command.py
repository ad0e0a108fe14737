"""A whole search as one types it, `pbt-gan train digits`, in turn with the same search by Ray Tune."""

import json
import os
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks import ray_tune
from benchmarks.measurement import Measurement, median_of
from benchmarks.ray_tune import INTERVAL, MEMBERS, STEPS
from benchmarks.startup import COMMAND
from benchmarks.targets import INSIDE_FIT, TIMES_RAY, WHOLE_COMMAND, bound_of
from pbt_gan.executors.threads import MEMORY


class Search(NamedTuple):
    """What one run of the command took."""

    seconds: float
    processor_s: float  # of all its processes
    trained_s: float  # of it: training and scoring, as the members' reports say
    exploits: int


def main() -> Iterator[Measurement]:
    """Run it before Ray Tune and after it, or once where there is no Ray."""
    searches, rival = [search()], ray_tune.search()
    if rival is not None:
        searches.append(search())
    took_s = statistics.median(each.seconds for each in searches)
    setting = {"case": "digits", "way": "pbt-gan train", "members": MEMBERS, "steps": STEPS}
    ran = setting | {"exploits": searches[0].exploits}
    yield Measurement(WHOLE_COMMAND, took_s, "s", bound_of(WHOLE_COMMAND, ran), ran)
    yield median_of("whole command, processor time", [each.processor_s for each in searches], "s", setting)
    outside = [100 * (1 - each.trained_s / each.processor_s) for each in searches]
    yield median_of("whole command, processor time outside training and scoring", outside, "%", setting)
    if rival is not None:
        setting |= {"way": "Ray Tune", "exploits": rival["exploits"], "ray": rival["ray"]}
        yield Measurement(WHOLE_COMMAND, rival["seconds"], "s", setting=setting)
        yield Measurement(INSIDE_FIT, rival["fit_s"], "s", setting=setting)
        both = {"case": "digits", "ray": rival["ray"]}
        yield Measurement(TIMES_RAY, rival["seconds"] / took_s, "×", bound_of(TIMES_RAY, both), both)


def search() -> Search:
    """Run the command once."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        command = [str(COMMAND), "train", "digits", "--out", str(run)]
        # As many members to the end, so that it is the work that Ray Tune does; they copy from the start.
        command += ["--set", f"pbt.population=[[0, {MEMBERS}]]", "--steps", str(STEPS)]
        command += ["--set", f"pbt.ready_interval={INTERVAL}", "--set", "pbt.selection.warmup=0"]
        # As a person would, for the first time: no variable is set, nothing is remembered.
        anew = {name: value for name, value in os.environ.items() if name not in MEMORY}
        anew |= {"XDG_CACHE_HOME": folder, "PBT_GAN_CACHE": folder}
        began, used_s = time.perf_counter(), _processor_s()
        subprocess.run(command, check=True, env=anew, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds, used_s = time.perf_counter() - began, _processor_s() - used_s
        records = [json.loads(line) for line in (run / "journal.jsonl").read_text(encoding="utf-8").splitlines()]
    exploits = sum(record["type"] == "exploit" and record["donor"] is not None for record in records)
    trained_s = sum(record["time"]["cost_s"] for record in records if record["type"] == "report")
    return Search(seconds, used_s, trained_s, exploits)


def _processor_s() -> float:
    """Return the processor seconds of all processes that this one, and those that it started, have waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
