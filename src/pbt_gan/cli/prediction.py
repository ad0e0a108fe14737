"""`--dry-run`: the resolved settings, and what the run will cost, measured on one member for a moment."""

from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory

import tomli_w

from pbt_gan.config.objects import workers_of
from pbt_gan.config.settings import Config
from pbt_gan.reporting.text import duration, number
from pbt_gan.runs.folder import scorers
from pbt_gan.runs.groups import group_of, most
from pbt_gan.runs.launch import Project
from pbt_gan.runs.trial import Trial
from pbt_gan.terminal import put

_TRIAL_STEPS = 5
_COMMITS = 2  # a commit writes new checkpoints before those of the last one go


def predict(config: Config) -> None:
    """Print the resolved settings as TOML, and time, memory and disk of the run as comments below."""
    project = Project(config)
    with TemporaryDirectory() as name:
        project.prepare(Path(name))
        plan, workers = project.plan, workers_of(project.config)
        members, rounds = plan.population_size, project.total_orders // plan.population_size
        group = min(group_of(project.config), most(project.config))
        device = project.config.executor.devices[0]
        trial = Trial(project.task, plan.space, scorers(Path(name)), device)
        step_s, score_s = trial.step_s(group, _TRIAL_STEPS), trial.score_s(group)
        size, peak = trial.state_bytes(), trial.peak_bytes(group)
    total_s = rounds * ceil(members / workers) * (plan.score_interval * step_s + score_s)
    states = members + 1  # one of each member, and the best ever
    place = "of RAM" if device == "cpu" else f"of {device}"
    put(tomli_w.dumps(project.config.plain()))
    rows = {
        "orders": f"{number(project.total_orders)} of {number(plan.score_interval)} steps",
        "workers": f"{workers}, each training {group} at a time" + (", stacked" if group > 1 else ""),
        "time": f"about {duration(total_s)} ({1e3 * step_s:.3g} ms a step, {1e3 * score_s:.3g} ms a score)",
        "one state": _bytes(size),
        "each worker": f"about {_bytes(peak)} {place}",
        "all states": f"up to {_bytes(size * (states + members))} of memory that the workers share",
        "disk": f"up to {_bytes(size * states * _COMMITS)} of checkpoints",
    }
    for label, value in rows.items():
        put(f"# {label + ':':15}{value}")


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1_000:
            return f"{count:.3g} {unit}"
        count /= 1_000
    return f"{count:.3g} GB"
