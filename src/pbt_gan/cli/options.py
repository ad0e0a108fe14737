"""Options that several commands share, and the settings that they stand for."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Context, Option

from pbt_gan.config.durations import seconds
from pbt_gan.config.executors import EXECUTORS
from pbt_gan.errors import PbtGanError


def preset_names(incomplete: str) -> list[str]:
    """Complete the name of a preset."""
    folder = Path(__file__).parent.parent / "presets"
    return sorted(path.stem for path in folder.glob("*.toml") if path.stem.startswith(incomplete))


def executor_names(incomplete: str) -> list[str]:
    """Complete the name of an executor."""
    return [name for name in EXECUTORS if name.startswith(incomplete)]


def class_names(context: Context, incomplete: str) -> list[str]:
    """Complete the name of a class of the run that is named before it."""
    from pbt_gan.gan.data.classes import UNLABELLED, kept
    from pbt_gan.runs.folder import scorers

    # An option whose value is missing yet ends the reading of a line: what stands before it is found as it was written.
    words = [word for word in (context.params.get("source"), *context.args) if word is not None]
    classes = UNLABELLED
    for word in words:
        with suppress(PbtGanError):  # whoever completes a word is told nothing else
            classes = kept(scorers(Path(word))) or classes
    names = map(classes.name, range(len(classes)))
    return [name for name in (*names, "all") if name.startswith(incomplete)]


def _run_place(place: str) -> Path:
    from pbt_gan.runs.pretrained import run_place

    return run_place(place)


def _own_run(place: str) -> Path:
    from pbt_gan.runs.pretrained import own_run

    return own_run(place)


def run_names(incomplete: str) -> list[str]:
    """Complete the name of a run that comes with the package; a shell completes paths itself."""
    from pbt_gan.runs.pretrained import completed

    return completed(incomplete)


def pretrained_names(incomplete: str) -> list[str]:
    """Complete NAME of `pretrained:NAME`."""
    from pbt_gan.runs.pretrained import pretrained

    return [name for name in pretrained() if name.startswith(incomplete)]


_HELP = "A run's folder, such as runs/0001-digits"

RunFolder = Annotated[
    Path,
    Argument(
        metavar="RUN",
        parser=_run_place,
        autocompletion=run_names,
        help=f"{_HELP}; or one that comes with the package, such as pretrained:digits.",
    ),
]
OtherRun = Annotated[
    Path | None,
    Option(metavar="RUN", parser=_run_place, autocompletion=run_names, help="Another run, drawn in grey beside it."),
]
RunFolders = Annotated[
    list[Path], Argument(metavar="RUN", parser=_run_place, autocompletion=run_names, help="Two runs or more.")
]
GeneratorSource = Annotated[
    Path,
    Argument(
        metavar="RUN|FILE",
        parser=_run_place,
        autocompletion=run_names,
        help="A run's folder, a generator that `pbt-gan export` has written, or pretrained:NAME (see `pbt-gan "
        "pretrained`).",
    ),
]
OwnRun = Annotated[Path, Argument(metavar="RUN", parser=_own_run, help=f"{_HELP}.")]
Changes = Annotated[
    list[str] | None,
    Option("--set", metavar="KEY=VALUE", help="Change any setting, such as task.batch_size=32; may be given again."),
]
Population = Annotated[int | None, Option(metavar="N", help="Members at the start.")]
NewPopulation = Annotated[
    int | None,
    Option(
        "--population",
        metavar="N",
        min=1,
        max=100_000,
        help="Members from the next ready point on, until the next phase.",
    ),
]
NewMembers = Annotated[
    str | None,
    Option("--newcomers", metavar="winners|fresh", help="Where those are more: born of the best, or drawn anew."),
]
StartFrom = Annotated[
    str | None,
    Option(
        "--start-from",
        metavar="RUN[:ID]|FILE",
        help="All members begin with one trained state: of a run's member (best, if none is named), or a checkpoint's.",
    ),
]
Steps = Annotated[int | None, Option("--steps", metavar="N", help="Steps that a member trains that lives to the end.")]
Budget = Annotated[int | None, Option("--budget", metavar="N", help="In place of --steps: those of all members.")]
MaxTime = Annotated[str | None, Option(metavar="8h", help="Stop cleanly after this time: 90s, 30m, 8h, 2d.")]
TargetScore = Annotated[
    float | None, Option(metavar="X", help="Stop when the best member has this score; see stop.* for other goals.")
]
MaxCost = Annotated[
    str | None, Option(metavar="12h", help="Stop when all members together have used so much time of their devices.")
]
Patience = Annotated[
    int | None, Option(metavar="N", help="Stop when so many ready intervals in a row have found nothing better.")
]
ExecutorName = Annotated[
    str | None,
    Option(
        "--executor",
        metavar="NAME",
        autocompletion=executor_names,
        help=f"Where members train: {', '.join(EXECUTORS)}.",
    ),
]
Workers = Annotated[
    int | None, Option(metavar="N", help="Worker processes; one a core that may be used, if not given.")
]
Vectorize = Annotated[
    str | None,
    Option(metavar="auto|off|N", help="Members that a worker trains in one stacked program; auto: as is fastest."),
]
Deadline = Annotated[
    str | None,
    Option(
        "--deadline",
        metavar="auto|off|30m",
        help="When a worker that has not answered is replaced; auto: after 20 times the longest, and 10 minutes.",
    ),
]
MemoryFraction = Annotated[
    float | None,
    Option("--memory-fraction", metavar="0.25", help="Share of the machine's or GPU's memory that a worker may take."),
]
Nice = Annotated[
    int | None, Option("--nice", metavar="N", help="By how much workers let other programs go first, 0 to 19.")
]
MovedData = Annotated[
    Path | None, Option("--data", metavar="PATH", help="Where the run's data lies now, if it was moved.")
]
TaskFile = Annotated[
    Path | None,
    Option("--task-file", metavar="PATH", help="Where the task's file lies now, if it was moved."),
]
Trust = Annotated[
    bool, Option("--trust", help="Run the code of its own that a run from elsewhere names: as if you had written it.")
]
Download = Annotated[
    bool, Option("--download", help="First fetch the data: cifar-10, cifar-100, mnist or fashion-mnist.")
]
Member = Annotated[
    str, Option(metavar="ID", help="Whose: a number, best (ever), last-best, or average (`pbt-gan average`).")
]
Resolution = Annotated[
    int | None,
    Option(metavar="N", help="Pixels a side of the images: 8, 16, 28, 32, 48, 64, 96, 128. By the data, if not given."),
]
FitBy = Annotated[
    str | None,
    Option("--fit", metavar="WAY", help="How pictures get that size: crop (their middle), pad (margins) or stretch."),
]
Background = Annotated[
    str | None, Option(metavar="COLOUR", help="Behind transparent pixels, and of margins: #ffffff, black.")
]
MaxBad = Annotated[
    int | None, Option(metavar="N", min=0, help="Unreadable pictures that are left out, and named; 10 if not given.")
]
Device = Annotated[str | None, Option(metavar="NAME", help="What they compute on: cpu, cuda, or cuda:0,cuda:1.")]


def place(
    executor: str | None, workers: int | None, vectorize: str | None, device: str | None
) -> dict[str, str | int | None]:
    """Return the settings that say where members train."""
    return {
        "executor.name": executor,
        "executor.workers": workers,
        "executor.vectorize": vectorize,
        "executor.device": device,
    }


def goals(target_score: float | None, max_cost: str | None, patience: int | None) -> dict[str, Any]:
    """Return the settings that say what ends a run before its plan does."""
    return {"stop.score": target_score, "stop.cost_s": max_cost, "stop.patience": patience}


def limits(deadline: str | None, memory_fraction: float | None, nice: int | None) -> dict[str, str | float | None]:
    """Return the settings of what a worker may take.

    Raises:
        ConfigError: the deadline is no time.
    """
    said = deadline is None or deadline in ("auto", "off")
    return {
        "executor.deadline_s": deadline if said else seconds(str(deadline), "--deadline"),
        "executor.memory_fraction": memory_fraction,
        "executor.nice": nice,
    }


def fitting(resolution: int | None, fit: str | None, background: str | None, max_bad: int | None) -> dict[str, Any]:
    """Return the settings that say how pictures become images."""
    return {"task.resolution": resolution, "task.fit": fit, "task.background": background, "task.max_bad": max_bad}
