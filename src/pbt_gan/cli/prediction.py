"""`--dry-run`: the resolved settings, and what the run will cost, measured on its own workers for a moment."""

from collections.abc import Iterator
from functools import cache
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory

import tomli_w

from pbt_gan.config.objects import slots_of
from pbt_gan.config.settings import Config
from pbt_gan.core.budget import spans
from pbt_gan.core.plan import Plan
from pbt_gan.reporting.text import duration, number, size_of
from pbt_gan.runs.folder import scorers
from pbt_gan.runs.groups import group_of, most
from pbt_gan.runs.project import Project
from pbt_gan.runs.rehearsal import Rehearsal
from pbt_gan.runs.trial import Trial
from pbt_gan.terminal import put


def predict(config: Config) -> None:
    """Print the resolved settings as TOML, and time, memory and disk of the run as comments below."""
    project = Project(config)
    with TemporaryDirectory() as name:
        preparing_s = project.rehearse(Path(name))
        project.first_checkpoints(Path(name))  # whether it fits is told before any training
        plan, workers = project.plan, slots_of(project.config)
        group = min(group_of(project.config), most(project.config))
        device = project.config.executor.devices[0]
        with Rehearsal(project, Path(name)) as rehearsal:
            pace = cache(rehearsal.pace)
            full, total_s = pace(min(plan.largest, workers * group)), 0.0
            for phase, ends in spans(plan.population_size, plan.phases, plan.total_steps):
                # A member that is alone keeps one worker busy, and the others wait.
                each = ceil(phase.members / workers)
                own = pace(min(phase.members, workers * group))
                orders = (ends - phase.begins) / plan.score_interval
                total_s += orders * each * (plan.score_interval * own.step_s + own.score_s)
            state_bytes, peak_bytes = rehearsal.state_bytes(), rehearsal.peak_bytes()
        if device != "cpu":
            peak_bytes = Trial(project.task, plan.space, scorers(Path(name)), device).peak_bytes(group)
    states = plan.largest + 1  # one of each member, and the best ever
    commits = project.config.checkpoints.generations + 1  # a new one is written before the oldest goes
    costs = f"{1e3 * full.step_s:.3g} ms a step, {1e3 * full.score_s:.3g} ms a score"
    place = "of RAM" if device == "cpu" else f"of {device}"
    put(tomli_w.dumps(project.config.plain()))
    rows = {
        "budget": f"{number(plan.member_steps)} steps of all members",
        "orders": f"{number(project.total_orders)} of {number(plan.score_interval)} steps",
        "workers": f"{workers}, each training {group} at a time" + (", stacked" if group > 1 else ""),
        "time": f"about {duration(total_s)} ({costs})",
        **(
            {"scorers": f"about {duration(preparing_s)} before that; they are kept for the next run of these images"}
            if preparing_s
            else {}
        ),
        "one state": size_of(state_bytes),
        "each worker": f"about {size_of(peak_bytes)} {place}",
        "all states": f"up to {size_of(state_bytes * (states + plan.largest))} of memory that the workers share",
        "disk": f"up to {size_of(state_bytes * states * commits)} of checkpoints",
    }
    for label, value in rows.items():
        put(f"# {label + ':':15}{value}")
    for line in _phases(plan, workers) if plan.phases else ():
        put(f"# {line}")


def _phases(plan: Plan, workers: int) -> Iterator[str]:
    """Tell who trains how long, a line a phase."""
    yield "phases:        members        steps     each  budget  busy workers"
    for phase, ends in spans(plan.population_size, plan.phases, plan.total_steps):
        each = ends - phase.begins
        share = phase.members * each / plan.member_steps
        yield (
            f"{'':15}{phase.members:>7,}  {f'{phase.begins:,}–{ends:,}':>11}  {each:>7,}  {share:>6.1%}"
            f"  {min(workers, phase.members):>12}"
        )
