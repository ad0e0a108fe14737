"""Every command and its options. What a command needs is imported when it runs: `--help` stays quick."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

app = typer.Typer(
    name="pbt-gan",
    help="Train GANs with Population Based Training.\n\n"
    "First steps: [bold]pbt-gan demo[/bold], then [bold]pbt-gan train --data my-images.npz[/bold].",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _preset_names(incomplete: str) -> list[str]:
    folder = Path(__file__).parent.parent / "presets"
    return sorted(path.stem for path in folder.glob(f"{incomplete}*.toml"))


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"pbt-gan {version('pbt-gan')}")
        raise typer.Exit


RunFolder = Annotated[Path, Argument(metavar="RUN", help="A run's folder, such as runs/0001-digits.")]
Changes = Annotated[
    list[str] | None,
    Option("--set", metavar="KEY=VALUE", help="Change any setting: --set task.batch_size=32. May be given again."),
]
Workers = Annotated[int | None, Option(help="Worker processes; one a core by default.")]
ExecutorName = Annotated[str | None, Option("--executor", metavar="serial|processes", help="Where members train.")]
Steps = Annotated[int | None, Option("--steps", help="Steps of each member.")]
MaxTime = Annotated[str | None, Option(metavar="8h", help="Stop cleanly after this time: 90s, 30m, 8h.")]
Device = Annotated[str | None, Option(metavar="cpu|cuda|cuda:0,cuda:1", help="Where the workers compute.")]


@app.callback()
def _common(
    version: Annotated[bool, Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    pass


@app.command(
    epilog="Examples:\n\n"
    "pbt-gan train digits --population 8 --steps 600\n\n"
    "pbt-gan train --data cifar-10-python.tar.gz --max-time 8h\n\n"
    "pbt-gan train digits --set pbt.exploit.name=tournament --set task.loss=hinge --dry-run"
)
def train(
    source: Annotated[
        str | None,
        Argument(metavar="[PRESET|CONFIG.toml|TASK]", help="What to train.", autocompletion=_preset_names),
    ] = None,
    data: Annotated[
        str | None,
        Option(metavar="PATH", help="Images: idx, .npz, .npy, CIFAR-10, or a folder; without a preset one is chosen."),
    ] = None,
    out: Annotated[Path | None, Option(metavar="RUN", help="The run's folder; an existing run goes on.")] = None,
    population: Annotated[int | None, Option(metavar="N", help="Members.")] = None,
    steps: Steps = None,
    seed: Annotated[int | None, Option(help="Of everything that is drawn.")] = None,
    max_time: MaxTime = None,
    executor: ExecutorName = None,
    workers: Workers = None,
    device: Device = None,
    set_: Changes = None,
    dry_run: Annotated[
        bool, Option("--dry-run", help="Print the settings and what they will cost; train nothing.")
    ] = False,
) -> None:
    """Train a population."""
    from pbt_gan.cli import training

    change = training.changes(
        {
            "pbt.population_size": population,
            "pbt.total_steps": steps,
            "seed": seed,
            "executor.name": executor,
            "executor.workers": workers,
            "executor.device": device,
        },
        set_ or (),
    )
    training.train(source, data, out, change, max_time, dry_run)


@app.command(epilog="Example:\n\npbt-gan resume runs/0001-digits --steps 2000 --workers 4")
def resume(
    run: RunFolder,
    steps: Steps = None,
    max_time: MaxTime = None,
    executor: ExecutorName = None,
    workers: Workers = None,
    device: Device = None,
    set_: Changes = None,
) -> None:
    """Go on with a run from its last commit; more steps, executor and workers may change."""
    from pbt_gan.cli import training

    change = training.changes(
        {
            "pbt.total_steps": steps,
            "executor.name": executor,
            "executor.workers": workers,
            "executor.device": device,
        },
        set_ or (),
    )
    training.resume(run, change, max_time)


@app.command(epilog="Example:\n\npbt-gan show runs/0001-digits --json | jq .best")
def show(
    run: RunFolder,
    json: Annotated[bool, Option("--json", help="Print everything as one JSON object.")] = False,
) -> None:
    """Show a run's population and its best member; also while it trains."""
    from pbt_gan.cli import reading

    reading.show(run, as_json=json)


@app.command(epilog="Example:\n\npbt-gan report runs/0001-digits --baseline runs/0002-digits-random-search")
def report(
    run: RunFolder,
    baseline: Annotated[Path | None, Option(metavar="RUN", help="Another run, drawn in grey beside it.")] = None,
) -> None:
    """Draw the plots and write report.html again, from the journal."""
    from pbt_gan.cli import reading

    reading.report(run, baseline)


@app.command(epilog="Example:\n\npbt-gan compare runs/0001-digits runs/0002-digits-random-search --out compare.png")
def compare(
    runs: Annotated[list[Path], Argument(metavar="RUN RUN...", help="Two runs or more.")],
    out: Annotated[Path | None, Option(metavar="FILE.png", help="Also draw them.")] = None,
) -> None:
    """Compare runs: best and median member, selection and held-out metrics, cost."""
    from pbt_gan.cli import reading

    reading.compare(runs, out)


@app.command(epilog="Example:\n\npbt-gan sample runs/0001-digits --count 1000 --out samples.npz")
def sample(
    run: RunFolder,
    out: Annotated[Path, Option(metavar="FILE.png|FILE.npz", help="A grid, or an array `images` uint8[N, H, W, C].")],
    count: Annotated[int, Option(min=1, max=1_000_000, help="Images.")] = 64,
    member: Annotated[str, Option(metavar="best|last-best|ID", help="Whose generator.")] = "best",
    seed: Annotated[int, Option(min=0, help="Of the latents.")] = 0,
) -> None:
    """Draw images from a trained generator."""
    from pbt_gan.cli import reading

    reading.sample(run, out, count, member, seed)


@app.command(epilog="Example:\n\npbt-gan presets digits > my.toml && pbt-gan train my.toml")
def presets(
    name: Annotated[str | None, Argument(autocompletion=_preset_names, help="Print this one's file.")] = None,
) -> None:
    """List the presets, or print one."""
    from pbt_gan.cli import reading

    reading.presets(name)


@app.command(epilog="Example:\n\npbt-gan demo --seed 7")
def demo(
    seed: Annotated[int, Option(min=0, help="Of both runs.")] = 0,
    out: Annotated[Path, Option(metavar="FOLDER", help="Where the two runs are put.")] = Path("runs"),
    set_: Changes = None,
) -> None:
    """Train a population on handwritten digits, random search beside it, and compare them: a few minutes."""
    from pbt_gan.cli import studying

    studying.demo(seed, out, set_ or ())


@app.command(epilog="Example:\n\npbt-gan toy --json toy.json")
def toy(
    task: Annotated[
        str, Option(metavar="quadratic|mueller", help="The paper's quadratic, or the Mueller potential.")
    ] = ("quadratic"),
    out: Annotated[Path, Option(metavar="FILE.png", help="The picture.")] = Path("runs/toy.png"),
    json: Annotated[Path | None, Option("--json", metavar="FILE", help="Also write every seed's result.")] = None,
) -> None:
    """Repeat figure 2 of the paper: two members on a quadratic, and larger populations."""
    from pbt_gan.cli import studying

    studying.toy(task, out, json)
