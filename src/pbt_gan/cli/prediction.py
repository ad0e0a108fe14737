"""`--dry-run`: the resolved settings, and what the run will cost, measured on one member for a moment."""

import time
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory

import tomli_w

from pbt_gan import codec
from pbt_gan.config.objects import build_task
from pbt_gan.config.settings import Config
from pbt_gan.core.rng import stream
from pbt_gan.core.space import draw
from pbt_gan.executors.threads import OneThread
from pbt_gan.reporting.text import duration, number
from pbt_gan.runs.launch import Project, scorers

_TRIAL_STEPS = 5
_COMMITS = 2  # a commit writes new checkpoints before those of the last one go


def predict(config: Config) -> None:
    """Print the resolved settings as TOML, and time, memory and disk of the run as comments below."""
    project = Project(config)
    size, step_s, score_s = _measure(project)
    plan, executor = project.plan, project.config.executor
    members, rounds = plan.population_size, project.total_orders // plan.population_size
    workers = 1 if executor.name == "serial" else min(executor.workers or 1, members)
    total_s = rounds * ceil(members / workers) * (plan.score_interval * step_s + score_s)
    states = members + 1  # one of each member, and the best ever
    print(tomli_w.dumps(project.config.plain()))
    rows = {
        "orders": f"{number(project.total_orders)} of {number(plan.score_interval)} steps, {workers} at a time",
        "time": f"about {duration(total_s)} ({1e3 * step_s:.3g} ms a step, {1e3 * score_s:.3g} ms a score)",
        "one state": _bytes(size),
        "memory": f"up to {_bytes(size * (states + members))}",
        "disk": f"up to {_bytes(size * states * _COMMITS)} of checkpoints",
    }
    for name, value in rows.items():
        print(f"# {name + ':':15}{value}")


def _measure(project: Project) -> tuple[int, float, float]:
    """Return bytes of a state, seconds of a step and seconds of a score, of one worker alone."""
    task, device = build_task(project.reference), project.config.executor.device.split(",")[0]
    one_thread = OneThread()
    with TemporaryDirectory() as name, one_thread.held():
        folder = scorers(Path(name))
        task.prepare(folder)
        task.attach(folder, device)
    with one_thread.held():  # again, for the libraries that are loaded now
        values = draw(project.plan.space, stream(0, "predict"))
        state = task.init(stream(0, "predict", "init"))
        size = len(codec.encode(state))
        for _ in range(2):  # the first round warms up
            began_s = time.perf_counter()
            state = task.train(state, values, _TRIAL_STEPS, lambda block: stream(0, "predict", block)).state
            trained_s = time.perf_counter()
            task.score(state, stream(0, "eval"))
            scored_s = time.perf_counter()
    return size, (trained_s - began_s) / _TRIAL_STEPS, scored_s - trained_s


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1_000:
            return f"{count:.3g} {unit}"
        count /= 1_000
    return f"{count:.3g} GB"
