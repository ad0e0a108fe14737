"""Every command and its options. What a command needs is imported when it runs: `--help` stays quick."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from pbt_gan.cli.options import (
    Background,
    Budget,
    Changes,
    Deadline,
    Device,
    Download,
    ExecutorName,
    FitBy,
    GeneratorSource,
    MaxBad,
    MaxCost,
    MaxTime,
    Member,
    MemoryFraction,
    MovedData,
    NewMembers,
    NewPopulation,
    Nice,
    OtherRun,
    OwnRun,
    Patience,
    Population,
    Resolution,
    RunFolder,
    RunFolders,
    StartFrom,
    Steps,
    TargetScore,
    TaskFile,
    Trust,
    Vectorize,
    Workers,
    class_names,
    fitting,
    goals,
    limits,
    place,
    preset_names,
    pretrained_names,
    run_names,
)

app = typer.Typer(
    name="pbt-gan",
    help="Train GANs with Population Based Training.\n\n"
    "\b\n"
    "First steps:\n"
    "  pbt-gan demo                            see what it does, in a minute or two\n"
    "  pbt-gan train --data my-images.npz      train on images of your own\n"
    "  pbt-gan COMMAND --help                  options and examples of a command",
    rich_markup_mode=None,  # plain text takes half the time
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _examples(*lines: str) -> str:
    """Return an epilogue whose lines stay as they are."""
    return "\n".join(["\b", "Examples:" if len(lines) > 1 else "Example:", *(f"  {line}" for line in lines)])


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        from pbt_gan.terminal import put

        put(f"pbt-gan {version('pbt-gan')}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[bool, Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    pass


@app.command(
    epilog=_examples(
        "pbt-gan train digits --population 16 --budget 12000 --dry-run",
        "pbt-gan train --data cifar-10-python.tar.gz --max-time 8h",
        "pbt-gan train --data fashion-mnist --download",
        "pbt-gan train digits --steps 20000 --patience 10 --max-cost 12h",
        "pbt-gan train --data holiday-pictures --resolution 64 --fit pad",
        "pbt-gan train digits --set task.loss=hinge --set task.batch_size=128",
        "pbt-gan train digits --set pbt.population='[[0, 8]]' --steps 1000",
        "pbt-gan train digits --start-from runs/0001-digits",
        "pbt-gan train my_task.py:Classifier --set pbt.population=halving",
        "pbt-gan train my_task.py:Classifier --set space.lr='[1e-4, 1e-2]'",
        "pbt-gan train digits --dry-run > my.toml && pbt-gan train my.toml",
    )
)
def train(
    source: Annotated[
        str | None,
        Argument(
            metavar="PRESET|FILE.toml|TASK",
            autocompletion=preset_names,
            help="A preset, a config file, or a task of your own such as my_task.py:Classifier. "
            "If not given: the preset that fits --data, or digits.",
        ),
    ] = None,
    data: Annotated[
        str | None,
        Option(metavar="PATH", help="Images: idx, .npz, .npy, CIFAR-10, a folder or an archive of pictures."),
    ] = None,
    out: Annotated[
        Path | None,
        Option(metavar="RUN", help="The run's folder; a run in it goes on. If not given: runs/0001-digits, and so on."),
    ] = None,
    resolution: Resolution = None,
    fit: FitBy = None,
    background: Background = None,
    max_bad: MaxBad = None,
    start_from: StartFrom = None,
    population: Population = None,
    steps: Steps = None,
    budget: Budget = None,
    seed: Annotated[int | None, Option(metavar="N", help="Equal seeds make equal runs.")] = None,
    max_time: MaxTime = None,
    max_cost: MaxCost = None,
    target_score: TargetScore = None,
    patience: Patience = None,
    executor: ExecutorName = None,
    workers: Workers = None,
    vectorize: Vectorize = None,
    device: Device = None,
    deadline: Deadline = None,
    memory_fraction: MemoryFraction = None,
    nice: Nice = None,
    set_: Changes = None,
    deterministic: Annotated[
        bool | None, Option("--deterministic", help="Equal bits in every run on a GPU too, at some cost in speed.")
    ] = None,
    download: Download = False,
    dry_run: Annotated[bool, Option("--dry-run", help="Print settings and predicted cost; train nothing.")] = False,
) -> None:
    """Train a population.

    Most presets begin with eight settings and go on with the better half, until one is left. With --data and no preset
    one is chosen by the number, the size and the colours of the images.
    Ctrl-C stops cleanly, and `pbt-gan resume RUN` goes on.
    """
    from pbt_gan.cli import training

    change = training.changes(
        {
            "pbt.start_from": start_from,
            "pbt.population_size": population,
            **training.length(steps, budget),
            "seed": seed,
            "executor.deterministic": deterministic,
            **goals(target_score, max_cost, patience),
            **fitting(resolution, fit, background, max_bad),
            **place(executor, workers, vectorize, device),
            **limits(deadline, memory_fraction, nice),
        },
        set_ or (),
    )
    if download:
        from pbt_gan.cli import fetching

        if data is not None:
            fetching.fetch_data(data)
        else:
            fetching.fetch_for(source, change)
    training.train(source, data, out, change, max_time, dry_run)


@app.command(
    epilog=_examples(
        "pbt-gan resume runs/0001-digits",
        "pbt-gan resume runs/0001-digits --steps 3000",
        "pbt-gan resume runs/0001-digits --population 16 --newcomers fresh",
    )
)
def resume(
    run: OwnRun,
    steps: Steps = None,
    population: NewPopulation = None,
    newcomers: NewMembers = None,
    max_time: MaxTime = None,
    max_cost: MaxCost = None,
    target_score: TargetScore = None,
    patience: Patience = None,
    executor: ExecutorName = None,
    workers: Workers = None,
    vectorize: Vectorize = None,
    device: Device = None,
    deadline: Deadline = None,
    memory_fraction: MemoryFraction = None,
    nice: Nice = None,
    data: MovedData = None,
    task_file: TaskFile = None,
    trust: Trust = False,
    set_: Changes = None,
) -> None:
    """Go on with a run that was stopped, or train it further.

    It ends as if it had never been stopped. Steps, goals, executor, workers, groups, device, checkpoints and listeners
    may change; with --population it goes on with more members, or fewer.
    """
    from pbt_gan.cli import training
    from pbt_gan.runs.places import Moved

    change = training.changes(
        {
            "pbt.total_steps": steps,
            **goals(target_score, max_cost, patience),
            **place(executor, workers, vectorize, device),
            **limits(deadline, memory_fraction, nice),
        },
        set_ or (),
    )
    training.resume(
        run, Moved(data, task_file), change, max_time, trust=trust, population=population, newcomers=newcomers
    )


@app.command(
    epilog=_examples(
        "pbt-gan show runs/0001-digits",
        "pbt-gan show runs/0001-digits --json | jq .best",
        "pbt-gan show pretrained:digits",
    )
)
def show(
    run: RunFolder,
    json: Annotated[bool, Option("--json", help="Print everything as one JSON object.")] = False,
) -> None:
    """Show a run's members, also while it trains."""
    from pbt_gan.cli import reading

    reading.show(run, as_json=json)


@app.command(
    epilog=_examples("pbt-gan report runs/0001-digits --baseline runs/0002-digits", "pbt-gan report pretrained:digits")
)
def report(
    run: RunFolder,
    baseline: OtherRun = None,
) -> None:
    """Make a run's plots and report.html again.

    Of a run that comes with the package a copy is made first, runs/pretrained-NAME.
    """
    from pbt_gan.cli import reading

    reading.report(run, baseline)


@app.command(epilog=_examples("pbt-gan compare runs/0001-digits runs/0002-hinge --out compare.png"))
def compare(
    runs: RunFolders,
    out: Annotated[Path | None, Option(metavar="FILE.png", help="Also draw them.")] = None,
) -> None:
    """Compare runs: scores, held-out metrics, cost."""
    from pbt_gan.cli import reading

    reading.compare(runs, out)


@app.command(
    epilog=_examples(
        "pbt-gan replay runs/0001-digits --out runs/winner",
        "pbt-gan replay pretrained:digits --out runs/winner",
        "pbt-gan replay runs/0001-digits --out runs/again --seed 7",
    )
)
def replay(
    run: RunFolder,
    out: Annotated[Path, Option(metavar="RUN", help="The new run's folder; a replay in it goes on.")],
    member: Annotated[str, Option(metavar="ID", help="Whose schedule: a number, best (ever), or last-best.")] = "best",
    seed: Annotated[
        int | None,
        Option(metavar="N", min=0, help="Repeat the schedule alone, from other weights and with other random numbers."),
    ] = None,
    max_time: MaxTime = None,
    executor: ExecutorName = None,
    device: Device = None,
    data: MovedData = None,
    task_file: TaskFile = None,
    trust: Trust = False,
) -> None:
    """Train one model with the schedule that a run found.

    With the run's own seed it is the winner again: on the same kind of CPU its weights come out bit-equal, and the
    command checks that they do.
    """
    from pbt_gan.cli import training
    from pbt_gan.runs.places import Moved

    change = training.changes(place(executor, None, None, device), ())
    training.replay(run, out, Moved(data, task_file), member, seed, change, max_time, trust=trust)


@app.command(
    epilog=_examples(
        "pbt-gan sample runs/0001-digits --out samples.png",
        "pbt-gan sample pretrained:digits --out grid.png",
        "pbt-gan sample runs/0001-digits --out pictures    # a folder of PNGs",
        "pbt-gan sample runs/0001-digits --count 1000 --member 3 --out samples.npz",
        "pbt-gan sample runs/0001-digits --classes all --out sheet.png",
        "pbt-gan sample runs/0002-pets --class cat --class dog --out pets.png",
        "pbt-gan sample runs/0002-pets --class all --count 5000 --out labelled.npz",
        "pbt-gan sample runs/0001-digits --interpolate --count 128 --out way.gif",
        "pbt-gan sample generator.safetensors --latents z.npy --out mine.png",
    )
)
def sample(
    source: GeneratorSource,
    out: Annotated[
        str,
        Option(
            metavar="FILE|FOLDER",
            help="FILE.png: one picture; FILE.npz: an array `images`, uint8[N, H, W, C]; a name without suffix: a "
            "folder of PNGs; with --interpolate also FILE.gif, FILE.webp, FILE.mp4 (needs ffmpeg).",
        ),
    ],
    count: Annotated[
        int | None, Option(metavar="N", min=1, max=1_000_000, help="Images, or frames; 64 if not given.")
    ] = None,
    member: Member = "best",
    seed: Annotated[int | None, Option(metavar="N", min=0, help="Equal seeds make equal images; 0.")] = None,
    truncation: Annotated[
        float | None,
        Option(metavar="T", help="Cut the latents' normal distribution off at ± T: more typical, less varied images."),
    ] = None,
    latents: Annotated[
        Path | None, Option(metavar="FILE", help="In place of drawn ones: an .npy or .npz of numbers [N, latent_dim].")
    ] = None,
    interpolate: Annotated[
        bool, Option("--interpolate", help="A closed way through latents, 16 frames from one to the next.")
    ] = False,
    class_: Annotated[
        list[str] | None,
        Option(
            "--class",
            metavar="NAME|NUMBER",
            autocompletion=class_names,
            help="Of a generator that knows classes: images of this one; may be given again, or all. As a .png of "
            "several: a row a class; as .npz or a folder: with their labels.",
        ),
    ] = None,
    classes: Annotated[
        str | None,
        Option(
            metavar="all|0,3,…",
            help="Of one that knows none: a sheet with a row for each class that the run's classifier sees.",
        ),
    ] = None,
    data: MovedData = None,
    task_file: TaskFile = None,
    trust: Trust = False,
) -> None:
    """Draw images from a trained generator.

    The same seed gives the same images as `load_generator(RUN).sample(N, seed=…)` in Python.
    """
    from pbt_gan.cli import sampling
    from pbt_gan.runs.places import Moved

    wish = sampling.Wish(
        out=out,
        count=count,
        seed=seed,
        truncation=truncation,
        latents=latents,
        interpolate=interpolate,
        classes=classes,
        asked=tuple(class_ or ()),
    )
    sampling.sample(source, Moved(data, task_file), member, wish, trust=trust)


@app.command(
    epilog=_examples(
        "pbt-gan evaluate runs/0001-digits",
        "pbt-gan evaluate pretrained:digits",
        "pbt-gan evaluate my-samples --against my-images --neighbours nearest.png",
        "pbt-gan evaluate samples.npz --against my-images --inception inception.pth",
        "pbt-gan evaluate runs/0001-digits/checkpoints/m03-i0012.safetensors --json",
    )
)
def evaluate(
    images: Annotated[
        str,
        Argument(
            metavar="RUN|CHECKPOINT|IMAGES",
            autocompletion=run_names,
            help="A run's folder, pretrained:NAME or a checkpoint, whose generator makes images; or images: whatever "
            "`train` takes as --data.",
        ),
    ],
    against: Annotated[
        str | None,
        Option(metavar="IMAGES", help="The real images. If not given: those that the run was trained on."),
    ] = None,
    samples: Annotated[
        int | None,
        Option(metavar="N", min=20, max=1_000_000, help="Images to measure: all, if not given; of a generator 5,000."),
    ] = None,
    reals: Annotated[
        int, Option(metavar="N", min=20, max=1_000_000, help="Real images that networks look at, evenly spread.")
    ] = 10_000,
    member: Member = "best",
    inception: Annotated[
        Path | None,
        Option(metavar="FILE", help="The published weights of Inception v3: with them also IS, FID and KID."),
    ] = None,
    neighbours: Annotated[
        Path | None, Option(metavar="FILE.png", help="Also draw images above their nearest real ones.")
    ] = None,
    seed: Annotated[int, Option(metavar="N", min=0, help="Equal seeds make equal images.")] = 0,
    json: Annotated[bool, Option("--json", help="Print everything as one JSON object.")] = False,
    data: MovedData = None,
    task_file: TaskFile = None,
    trust: Trust = False,
) -> None:
    """Measure images beside real ones: a run's, or anybody's.

    Every score with its 95 % interval, by every network that there is: one that is trained on the real images, the
    ImageNet network where pbt-gan[imagenet] is installed, and Inception v3 where its weights are given. For numbers to
    lay beside the literature's, --samples 50000 --reals 50000 --inception FILE.
    """
    from pbt_gan.cli import evaluating
    from pbt_gan.runs.places import Moved

    evaluating.show(
        images,
        against,
        Moved(data, task_file),
        samples=samples,
        reals=reals,
        member=member,
        inception=inception,
        seed=seed,
        neighbours=neighbours,
        trust=trust,
        as_json=json,
    )


@app.command(
    epilog=_examples(
        "pbt-gan export runs/0001-digits --licence CC-BY-4.0",
        "pbt-gan export runs/0001-digits --half --out small",
        "pbt-gan export runs/0001-digits --format torch-export --out digits.pt2",
        "pbt-gan export runs/0001-digits --format onnx --member average",
    )
)
def export(
    run: RunFolder,
    format_: Annotated[
        str,
        Option(
            "--format",
            metavar="NAME",
            help="safetensors (weights, and a few lines of torch that build the net), torch-export (a program), onnx.",
        ),
    ] = "safetensors",
    out: Annotated[
        Path | None,
        Option(metavar="FOLDER|FILE", help="Where to; if not given: export/NAME in the run's folder."),
    ] = None,
    member: Member = "best",
    licence: Annotated[
        str | None, Option(metavar="TEXT", help="What others may do with it, for the card: such as CC-BY-4.0.")
    ] = None,
    half: Annotated[bool, Option("--half", help="Store weights in 16 bits: half the size (safetensors).")] = False,
    data: MovedData = None,
    task_file: TaskFile = None,
    trust: Trust = False,
) -> None:
    """Write a trained generator for programs without pbt-gan.

    Beside the weights lie a loader of about ten lines that needs torch alone (of onnx: onnxruntime), a card with
    configuration, lineage, scores and versions, and the same as a page for people.
    """
    from pbt_gan.cli import exporting
    from pbt_gan.runs.places import Moved

    exporting.export(run, format_, out, Moved(data, task_file), member, licence, half=half, trust=trust)


@app.command(
    epilog=_examples(
        "pbt-gan average runs/0001-digits",
        "pbt-gan sample runs/0001-digits --member average --out samples.png",
    )
)
def average(run: OwnRun, data: MovedData = None, task_file: TaskFile = None, trust: Trust = False) -> None:
    """Average the weights of the last survivors of one line.

    The best one's weights, and those of the living members that share an ancestor with it, each only if the score does
    not fall. The average is kept in the run's folder if it scores better than the best alone; it is made of a
    population that ends with several members.
    """
    from pbt_gan.cli import averaging
    from pbt_gan.runs.places import Moved

    averaging.average(run, Moved(data, task_file), trust=trust)


@app.command(
    epilog=_examples(
        "pbt-gan data holiday-pictures",
        "pbt-gan data holiday-pictures --resolution 64 --fit pad --grid pictures.png",
        "pbt-gan data pictures.zip --json | jq .classes",
    )
)
def data(
    path: Annotated[str, Argument(metavar="PATH", help="What --data of `pbt-gan train` takes, or digits.")],
    resolution: Resolution = None,
    fit: FitBy = None,
    background: Background = None,
    max_bad: MaxBad = None,
    grid: Annotated[Path | None, Option(metavar="FILE.png", help="Also draw some of the images.")] = None,
    json: Annotated[bool, Option("--json", help="Print everything as one JSON object.")] = False,
    download: Download = False,
) -> None:
    """Say what is found in a place and what is made of it, without training.

    Classes, sizes, values, duplicates, and every file that cannot be read. What is made ready here is kept for `train`.
    """
    from pbt_gan.cli import fetching, looking, training

    if download:
        fetching.fetch_data(path)
    looking.data(path, training.changes(fitting(resolution, fit, background, max_bad), ()), grid, as_json=json)


@app.command(
    epilog=_examples(
        "pbt-gan cache",
        "pbt-gan cache --remove 1f0c",
        "pbt-gan cache --older-than 30d",
        "pbt-gan cache --clear",
    )
)
def cache(
    remove: Annotated[str | None, Option(metavar="KEY", help="Remove one; the begin of its key will do.")] = None,
    older_than: Annotated[str | None, Option(metavar="30d", help="Remove what was not used for so long.")] = None,
    clear: Annotated[bool, Option("--clear", help="Remove everything.")] = False,
) -> None:
    """List what is kept of data sets and scorers, or remove some of it.

    All of it can be made again. PBT_GAN_CACHE names another folder; PBT_GAN_CACHE_GB says how much is kept, 20 if not
    set: what was least recently used goes first.
    """
    from pbt_gan.cli import looking

    looking.cache(remove, older_than, clear=clear)


@app.command(
    epilog=_examples("pbt-gan presets", "pbt-gan presets digits > my.toml && pbt-gan train my.toml"),
)
def presets(
    name: Annotated[
        str | None, Argument(metavar="NAME", autocompletion=preset_names, help="Print this one's file.")
    ] = None,
) -> None:
    """List the presets, or print one with its reasons and its sources."""
    from pbt_gan.cli import reading

    reading.presets(name)


@app.command(epilog=_examples("pbt-gan pretrained", "pbt-gan pretrained digits"))
def pretrained(
    name: Annotated[
        str | None, Argument(metavar="NAME", autocompletion=pretrained_names, help="Print this one's card.")
    ] = None,
) -> None:
    """List the trained runs that come with the package, or print the card of one.

    pretrained:NAME stands for such a run wherever a RUN is asked for and nothing is written to it.
    """
    from pbt_gan.cli import reading

    reading.pretrained(name)


@app.command(
    epilog=_examples(
        "pbt-gan experiment digits --arms pbt,random-search --seeds 0-5",
        "pbt-gan experiment my_task.py:Classifier --arms pbt,cosine --seeds 0-5",
        "pbt-gan experiment digits --arms shrinking,longer --baseline longer --jobs 2",
        "pbt-gan experiment my.toml    # with a table [experiment] in my.toml",
        "pbt-gan experiment my.toml --scale 0.05    # to try it, in minutes",
    )
)
def experiment(
    source: Annotated[
        str,
        Argument(metavar="PRESET|FILE.toml|TASK", autocompletion=preset_names, help="What to train, as for `train`."),
    ],
    arms: Annotated[
        str | None,
        Option(
            metavar="A,B,…",
            help="That shrink: shrinking, halving, asha, two-stage, hyperband. Of fixed size: pbt, settle, pb2, "
            "pb2-mix, trust-region, mf-pbt, ipbt, fire, weights-only, hyperparameters-only, generator-only, "
            "discriminator-only, random-search, fixed, linear, exponential, cosine (decays). Of one member: longer, "
            "longer-random. Of halving, longer and longer-random also NAME-decay. Of what was found: replay, "
            "replay-all, replay-shrinking. And your own of [experiment.own.NAME] in a config file.",
        ),
    ] = None,
    seeds: Annotated[str | None, Option(metavar="0-5", help="Numbers and ranges; every arm is run with each.")] = None,
    out: Annotated[
        Path | None,
        Option(metavar="FOLDER", help="An experiment in it goes on. If not given: runs/NAME-experiment."),
    ] = None,
    baseline: Annotated[
        str | None,
        Option(
            metavar="A,B,…", help="Arms that the others are compared with, a table each; if not given random-search."
        ),
    ] = None,
    equal: Annotated[
        str | None,
        Option(metavar="UNIT", help="The cost that is made equal: images (or steps, if none are counted), device_s."),
    ] = None,
    population: Population = None,
    steps: Steps = None,
    scale: Annotated[
        float,
        Option(metavar="SHARE", help="Train this share of the steps, with fewer and closer ready points: to try it."),
    ] = 1.0,
    jobs: Annotated[
        int, Option(metavar="N", min=1, max=1_024, help="Runs that train at a time, each in a process of its own.")
    ] = 1,
    max_time: MaxTime = None,
    executor: ExecutorName = None,
    workers: Workers = None,
    vectorize: Vectorize = None,
    device: Device = None,
    set_: Changes = None,
) -> None:
    """Compare ways of searching: arms × seeds at equal cost.

    All members of an arm together train as many steps as those of any other: its length follows from its population.
    One folder, one table, one plot. Stopped or killed at any moment, the same command goes on; more seeds and arms may
    be asked for later.
    """
    from pbt_gan.cli import studying, training

    change = training.changes(
        {
            "experiment.arms": arms and studying.names_of(arms),
            "experiment.seeds": seeds and studying.seeds_of(seeds),
            "experiment.baseline": baseline and studying.names_of(baseline)[0],
            "experiment.baselines": baseline and studying.names_of(baseline),
            "experiment.equal": equal,
            "pbt.population_size": population,
            "pbt.total_steps": steps,
            **place(executor, workers, vectorize, device),
        },
        set_ or (),
    )
    studying.experiment(source, out, change, max_time, jobs, scale)


@app.command(
    epilog=_examples(
        "pbt-gan saturation runs/0003-settings",
        "pbt-gan saturation runs/0003-settings --gain 0.05 --out curves.png",
    )
)
def saturation(
    run: RunFolder,
    gain: Annotated[
        float, Option(metavar="SCORE", help="What a doubling of the steps has to bring to be called a gain.")
    ] = 0.1,
    out: Annotated[Path | None, Option(metavar="FILE.png", help="Also draw the curves.")] = None,
    json: Annotated[Path | None, Option("--json", metavar="FILE", help="Also write every curve.")] = None,
) -> None:
    """Say after how many steps one member gains little by more.

    The run's members each train at one setting, without exploit and explore: with pbt.initial for the settings. Budgets
    of an experiment are best told as shares of this number.
    """
    from pbt_gan.cli import studying

    studying.saturation(run, gain, out, json)


@app.command(
    epilog=_examples(
        "pbt-gan simulate experiments/digits-wide.toml",
        "pbt-gan simulate digits --arms pbt,longer --baseline longer --seeds 0-999",
        "pbt-gan simulate digits --set pbt.exploit=my_rule.py:cautious",
        "pbt-gan simulate quadratic --landscape toy --json toy.json",
    )
)
def simulate(
    source: Annotated[
        str,
        Argument(metavar="PRESET|FILE.toml|TASK", autocompletion=preset_names, help="As for `experiment`."),
    ],
    landscape: Annotated[
        str,
        Option(
            metavar="NAME",
            help="What scores come from: surrogate (recorded digits GANs, by lr_g and lr_d), toy (the paper's, by h0 "
            "and h1), drifting (noisy; its best lr falls).",
        ),
    ] = "surrogate",
    arms: Annotated[str | None, Option(metavar="A,B,…", help="As for `experiment`.")] = None,
    seeds: Annotated[str, Option(metavar="0-999", help="Numbers and ranges; every arm is run with each.")] = "0-99",
    baseline: Annotated[str | None, Option(metavar="A,B,…", help="As for `experiment`.")] = None,
    slots: Annotated[
        int | None,
        Option(
            metavar="N", min=1, help="Members that train side by side, all if not given; it matters where nobody waits."
        ),
    ] = None,
    json: Annotated[Path | None, Option("--json", metavar="FILE", help="Also write every run's result.")] = None,
    population: Population = None,
    steps: Steps = None,
    set_: Changes = None,
) -> None:
    """Try an experiment in a second: scores are computed, not trained for.

    The same arms, rules and decisions as `pbt-gan experiment`, over hundreds of seeds. What wins here is worth an
    experiment; it is no result. Nothing is written but --json.
    """
    from pbt_gan.cli import simulating, studying, training

    change = training.changes(
        {
            "experiment.arms": arms and studying.names_of(arms),
            "experiment.seeds": studying.seeds_of(seeds),
            "experiment.baseline": baseline and studying.names_of(baseline)[0],
            "experiment.baselines": baseline and studying.names_of(baseline),
            "pbt.population_size": population,
            "pbt.total_steps": steps,
        },
        set_ or (),
    )
    simulating.simulate(source, landscape, change, slots, json)


@app.command(epilog=_examples("pbt-gan demo", "pbt-gan demo --seed 7 --out elsewhere"))
def demo(
    seed: Annotated[int, Option(metavar="N", min=0, help="Of all its runs.")] = 0,
    out: Annotated[Path, Option(metavar="FOLDER", help="Where its folder is made.")] = Path("runs"),
    set_: Changes = None,
) -> None:
    """Train on handwritten digits, beside a longer run and random search.

    The population of the preset digits, one longer run of a sensible setting, and random search, all with the same
    number of steps; a picture and a page compare them. It takes a minute or two on two cores. Each call begins anew,
    also after one that was stopped.
    """
    from pbt_gan.cli import studying

    studying.demo(seed, out, set_ or ())


@app.command(
    epilog=_examples(
        "pbt-gan toy",
        "pbt-gan toy --task mueller --out mueller.png --json mueller.json",
        "pbt-gan toy --task mueller --out mueller.gif    # as a film",
    )
)
def toy(
    task: Annotated[str, Option(metavar="NAME", help="quadratic (the paper's), or mueller.")] = "quadratic",
    out: Annotated[
        Path,
        Option(
            metavar="FILE",
            help="FILE.png: the figure; FILE.gif, FILE.webp, FILE.mp4 (needs ffmpeg): populations of 1 to 32 members "
            "on their way.",
        ),
    ] = Path("runs/toy.png"),
    json: Annotated[Path | None, Option("--json", metavar="FILE", help="Also write every seed's result.")] = None,
) -> None:
    """Repeat figure 2 of the paper: PBT on a toy."""
    from pbt_gan.cli import studying

    studying.toy(task, out, json)
