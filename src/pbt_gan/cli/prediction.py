"""`--dry-run`: the resolved settings, and what the run will cost, measured on one member for a moment."""

import time
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory

import tomli_w
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from pbt_gan import codec
from pbt_gan.config.objects import build_task
from pbt_gan.config.settings import Config
from pbt_gan.core.rng import stream
from pbt_gan.core.space import draw
from pbt_gan.reporting.text import duration
from pbt_gan.runs.launch import Project, scorers

_TRIAL_STEPS = 5
_ROUNDS_KEPT = 2  # a commit writes new checkpoints before those of the last one go


def predict(config: Config, console: Console) -> None:
    """Print the resolved configuration, and time, memory and disk of the run."""
    project = Project(config)
    console.print(tomli_w.dumps(project.config.plain()), markup=False, highlight=False, soft_wrap=True)
    size, step_s, score_s = _measure(project)
    plan, workers = project.plan, min(project.config.executor.workers or 1, project.plan.population_size)
    if project.config.executor.name == "serial":
        workers = 1
    rounds = ceil(plan.population_size / workers) * project.total_orders // plan.population_size
    total_s = rounds * (plan.score_interval * step_s + score_s)
    states = plan.population_size + 1  # one of each member, and the best ever
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    rows = {
        "orders": f"{project.total_orders:,} of {plan.score_interval:,} steps, {workers} at a time",
        "time": f"about {duration(total_s)} ({1e3 * step_s:.3g} ms a step, {1e3 * score_s:.3g} ms a score)",
        "a member's state": _bytes(size),
        "shared memory": f"up to {_bytes(size * (states + plan.population_size))}",
        "disk": f"up to {_bytes(size * states * _ROUNDS_KEPT)} of checkpoints",
    }
    for name, value in rows.items():
        table.add_row(f"[bold]{name}[/bold]", value)
    console.print(table)


def _measure(project: Project) -> tuple[int, float, float]:
    """Return bytes of a state, seconds of a step and seconds of a score, of one worker alone."""
    task = build_task(project.reference)
    with TemporaryDirectory() as name:
        folder = scorers(Path(name))
        task.prepare(folder)
        with threadpool_limits(1):
            task.attach(folder, project.config.executor.device.split(",")[0])
            values = draw(project.plan.space, stream(0, "predict"))
            state = task.init(stream(0, "predict", "init"))
            size = len(codec.encode(state))
            times = []
            for trial in range(2):  # the first one warms up
                begin = time.perf_counter()
                state = task.train(state, values, _TRIAL_STEPS, lambda block: stream(0, "predict", block)).state
                middle = time.perf_counter()
                task.score(state, stream(0, "eval"))
                times.append((middle - begin, time.perf_counter() - middle))
                del trial
    return size, times[-1][0] / _TRIAL_STEPS, times[-1][1]


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1_000:
            return f"{count:.3g} {unit}"
        count /= 1_000
    return f"{count:.3g} GB"
