"""Several experiments in one table: arms × tasks × ranges × budgets; and each of them as a small file that is kept.

A file has the figures of every run, seed by seed, so any comparison can be made again without training.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pbt_gan import files
from pbt_gan.errors import RunFolderError
from pbt_gan.reporting.cards import is_higher_better, short_name
from pbt_gan.reporting.text import number
from pbt_gan.runs.environment import versions
from pbt_gan.store.journal import strict
from pbt_gan.studies.experiment import sheets
from pbt_gan.studies.experiment.plan import FILE, read_experiment
from pbt_gan.studies.experiment.protocol import METHODS
from pbt_gan.studies.experiment.result import Result
from pbt_gan.studies.experiment.sheets import ABSENT, Sheet, spread, with_interval
from pbt_gan.studies.experiment.statistics import gain

Record = Mapping[str, Any]
"""An experiment's figures as JSON values."""

_DIGITS = 9  # significant ones that are kept
_RANGES = ("wide", "narrow")


def record(result: Result) -> Record:
    """Return the figures of an experiment, small enough to be kept beside the text that tells of them."""
    experiment = result.experiment
    return {
        "name": experiment.config.name,
        "task": _placeless(experiment.config.task.name),
        "budget_steps": experiment.budget_steps,
        "seeds": result.seeds,
        "equal": result.unit,
        "baselines": list(experiment.baselines),
        "judged": result.judged,
        "better": {
            figure: "higher" if is_higher_better(result.cards, sheets.metric_of(figure)) else "lower"
            for figure in sheets.figures_of(result.outcomes)
        },
        "short": {
            figure: short_name(result.cards, sheets.metric_of(figure)) for figure in sheets.figures_of(result.outcomes)
        },
        "arms": {
            arm: {
                "says": experiment.arm(arm).says,
                "population": [list(phase) for phase in experiment.population(arm)],
                "figures": {
                    figure: [_short(run.figures.get(figure)) for run in runs]
                    for figure in sheets.figures_of({arm: runs})
                },
                **{cost: [_short(getattr(run, cost)) for run in runs] for cost in ("steps", "scorings", "device_s")},
            }
            for arm, runs in result.outcomes.items()
        },
        "config": _placeless({key: value for key, value in experiment.plain().items() if key != "executor"}),
        "versions": versions(),
    }


def kept(folder: Path, place: Path) -> Path:
    """Write the figures of a finished experiment into a folder, as NAME-BUDGET.json, and return the file.

    Raises:
        RunFolderError: there is no experiment, or no seed of it is finished.
    """
    if not (folder / FILE).exists():
        raise RunFolderError(f"{folder} holds no experiment.")
    result = Result.read(read_experiment(str(folder / FILE)), folder)
    if result is None:
        raise RunFolderError(f"{folder}: there is no seed of which all arms are finished.")
    found = record(result)
    files.make_folder(place)
    path = place / f"{found['name']}-{found['budget_steps']}.json"
    files.write(path, (json.dumps(strict(found), allow_nan=False) + "\n").encode())
    return path


def read_record(path: Path) -> Record:
    """Return what `kept` has written.

    Raises:
        RunFolderError: it is something else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        _ = found["arms"], found["judged"], found["budget_steps"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunFolderError(f"{path} does not hold the figures of an experiment: {error}.") from None
    return dict(found)


def overview(
    records: Sequence[Record],
    baselines: Sequence[str] = (),
    figure: str | None = None,
    saturation: Mapping[str, float] | None = None,
) -> Sheet:
    """Return one table of several experiments: an arm a row, the best of each experiment first.

    Args:
        records: as `record` makes them, in the order of the table.
        baselines: the arms that are compared with; none: those of the experiments.
        figure: which figure; None: the one that judges.
        saturation: by task, the steps after which a member gains little by more; budgets are told as shares of it.
    """
    bases = list(baselines) or list(dict.fromkeys(base for each in records for base in each["baselines"]))
    rows = []
    for each in records:
        judged = figure or each["judged"]
        task, ranges = _named(each["name"])
        steps = (saturation or {}).get(task)
        budget = number(each["budget_steps"]) + (f" ({each['budget_steps'] / steps:.2g} × saturation)" if steps else "")
        values = {arm: _values(told, judged) for arm, told in each["arms"].items()}
        higher = each["better"].get(judged) != "lower"
        for arm in sorted(values, key=lambda arm: _place(values[arm], higher)):
            gains = [_gain(values, arm, base, higher) for base in bases]
            rows.append([task, ranges, budget, arm, spread(values[arm]), *gains])
    names = dict.fromkeys(_figure_name(each, figure or each["judged"]) for each in records)
    seeds = ", ".join(dict.fromkeys(f"{len(each['seeds'])}" for each in records))
    header = ["task", "ranges", "budget, steps", "arm", " or ".join(names), *(f"against {base}" for base in bases)]
    title = f"Mean ± standard deviation over {seeds} seeds; gains with 95 % intervals ({METHODS['interval']})"
    return Sheet(title, header, rows)


def _figure_name(each: Record, figure: str) -> str:
    better = "" if each["better"].get(figure) != "lower" else " (lower is better)"
    return f"{each['short'].get(figure) or figure}{better}"


def _gain(values: Mapping[str, Sequence[float | None]], arm: str, base: str, higher: bool) -> str:
    if arm == base or base not in values:
        return ABSENT
    both = zip(values[arm], values[base], strict=True)
    pairs = [(ours, theirs) for ours, theirs in both if ours is not None and theirs is not None]
    return with_interval(gain(*zip(*pairs, strict=True), higher=higher)) if pairs else ABSENT


def _values(told: Record, figure: str) -> list[float | None]:
    return [None if value is None else float(value) for value in told["figures"].get(figure, [])]


def _place(values: Sequence[float | None], higher: bool) -> float:
    """Return a number that is lower for what comes first."""
    known = [value if math.isfinite(value) else -math.inf for value in values if value is not None]
    mean = sum(known) / len(known) if known else -math.inf
    return -mean if higher or not math.isfinite(mean) else mean


def _named(name: str) -> tuple[str, str]:
    """Return task and ranges of an experiment's name, such as digits-wide."""
    task, _, ranges = name.rpartition("-")
    return (task, ranges) if ranges in _RANGES else (name, ABSENT)


def _placeless(value: Any) -> Any:
    """Return settings in which files have their names only: where they lie is one machine's matter."""
    if isinstance(value, Mapping):
        return {key: _placeless(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_placeless(item) for item in value]
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


def _short(value: float | None) -> float | int | None:
    return value if value is None or isinstance(value, int) else float(f"{value:.{_DIGITS}g}")
