import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from pbt_gan.cli.app import app
from pbt_gan.cli.training import changes
from pbt_gan.config.settings import Config
from pbt_gan.core.records import Report
from pbt_gan.store.reader import read_run
from pbt_gan.validation import validated

COMMANDS = sorted(command.callback.__name__ for command in app.registered_commands if command.callback)
HEAVY = {"torch", "sklearn", "scipy", "matplotlib", "tensorboard", "numpy", "PIL"}
PNG = b"\x89PNG"


@pytest.mark.slow
def test_training_says_how_far_it_is_what_came_out_and_where_everything_lies(pbt_gan, kept):
    said = pbt_gan("train", kept / "toy.toml")
    assert said.code == 0
    assert "6/6 orders" in said.err
    assert "runs/0001-toy: finished, 20 of 20 steps, seed 0" in said.out
    assert "Best ever: m0" in said.out
    named = [line.split()[0] for line in said.out.splitlines() if line.startswith("runs/0001-toy/")]
    assert "runs/0001-toy/report.html" in named
    assert all(Path(path).exists() for path in named)
    assert {path.name for path in Path("runs/0001-toy").iterdir() if not path.name.startswith(".")} - {
        Path(path).name for path in named
    } == {"environment.json", "scorers"} & {path.name for path in Path("runs/0001-toy").iterdir()}


@pytest.mark.slow
def test_output_that_is_piped_holds_no_control_characters_and_whole_tables(pbt_gan, kept):
    said = pbt_gan("train", kept / "toy.toml")
    assert not re.search(r"[\x00-\x09\x0b-\x1f…]", said.out + said.err)


@pytest.mark.slow
def test_options_and_set_reach_the_run(pbt_gan, kept):
    options = ["--population", 2, "--steps", 10, "--seed", 5, "--executor", "serial", "--workers", 1, "--device", "cpu"]
    said = pbt_gan(
        "train",
        kept / "toy.toml",
        *options,
        "--set",
        "pbt.exploit=none",
        "--set",
        "space={h0=0.5, h1=[0, 1]}",
        "--out",
        "run",
    )
    assert said.code == 0
    config = read_run(Path("run")).config
    assert (config["pbt"]["population_size"], config["pbt"]["total_steps"], config["seed"]) == (2, 10, 5)
    assert config["pbt"]["exploit"]["name"] == "none"
    assert config["space"]["h0"]["init"] == 0.5


def test_a_dry_run_prints_a_config_file_and_the_cost_and_trains_nothing(pbt_gan, kept):
    said = pbt_gan("train", kept / "gan.toml", "--dry-run")
    assert said.code == 0
    config = validated(Config, tomllib.loads(said.out))
    assert config.task.options["width"] == 2
    for name in ("orders", "workers", "time", "one state", "each worker", "all states", "disk"):
        assert f"\n# {name}: " in said.out
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.slow
def test_a_dry_run_tells_how_members_are_grouped(pbt_gan, kept):
    said = pbt_gan("train", kept / "gan.toml", "--vectorize", "2", "--workers", "1", "--dry-run")
    assert validated(Config, tomllib.loads(said.out)).executor.vectorize == 2
    assert "\n# workers:       1, each training 2 at a time, stacked\n" in said.out
    said = pbt_gan("train", kept / "gan.toml", "--vectorize", "off", "--workers", "1", "--dry-run")
    assert "\n# workers:       1, each training 1 at a time\n" in said.out


def test_a_dry_run_tells_who_trains_how_long(pbt_gan, kept):
    population = "pbt.population=[[0, 4], [0.5, 1]]"
    said = pbt_gan("train", kept / "toy.toml", "--budget", 160, "--set", population, "--dry-run")
    assert said.code == 0
    pbt = tomllib.loads(said.out)["pbt"]
    assert (pbt["population_size"], pbt["phases"], pbt["total_steps"]) == (4, [{"begins": 20, "members": 1}], 100)
    assert "\n# budget:        160 steps of all members\n# orders:        16 of 10 steps\n" in said.out
    rows = [line.split()[1:] for line in said.out.rpartition("# phases:")[2].splitlines()[1:]]
    assert rows == [["4", "0–20", "20", "50.0%", "1"], ["1", "20–100", "80", "50.0%", "1"]]


def test_a_dry_run_expects_no_help_of_workers_that_a_line_alone_leaves_idle(pbt_gan, kept, monkeypatch):
    from pbt_gan.runs.rehearsal import Pace, Rehearsal

    own = Rehearsal.pace
    monkeypatch.setattr(Rehearsal, "pace", lambda rehearsal, members: own(rehearsal, members) and Pace(1.0, 0.0))
    options = ["--set", "pbt.population=[[0, 4], [0.5, 1]]", "--budget", 160, "--executor", "processes", "--workers", 2]
    said = pbt_gan("train", kept / "toy.toml", *options, "--dry-run")
    assert "\n# time:          about 2 min 00 s (" in said.out  # two times 20 s, then 80 s


@pytest.mark.slow
def test_a_population_that_shrank_is_shown_and_trained_further(pbt_gan, kept):
    options = ["--set", "pbt.population={ rule = 'halving' }", "--population", 4, "--budget", 240, "--out", "run"]
    said = pbt_gan("train", kept / "toy.toml", *options)
    assert said.code == 0
    assert "24/24 orders" in said.err
    assert "3 retired" in said.out
    longer = pbt_gan("resume", "run", "--steps", 300)
    assert longer.code == 0
    assert "30 of 300 steps" not in longer.out
    assert "finished, 300 of 300 steps" in longer.out
    config = read_run(Path("run")).config["pbt"]
    assert [phase["members"] for phase in config["phases"]] == [2, 1]


def test_training_into_a_run_goes_on_with_it_and_a_finished_one_says_so(pbt_gan, kept, run):
    before = (run / "journal.jsonl").read_bytes()
    for command in (["train", kept / "toy.toml", "--out", run], ["resume", run]):
        said = pbt_gan(*command)
        assert said.code == 0
        assert f"Finished already. Train it further with: pbt-gan resume {run} --steps N" in said.out
        assert (run / "journal.jsonl").read_bytes() == before


@pytest.mark.slow
def test_a_run_is_trained_further(pbt_gan, kept, run):
    said = pbt_gan("resume", run, "--steps", 40)
    assert said.code == 0
    assert "finished, 40 of 40 steps" in said.out
    assert max(row.trained_steps for row in read_run(run).records if isinstance(row, Report)) == 40


@pytest.mark.slow
def test_a_run_that_runs_out_of_time_says_how_it_goes_on(pbt_gan, kept):
    said = pbt_gan("train", kept / "toy.toml", "--out", "run", "--max-time", "0.000001s")
    assert said.code == 0
    assert "Stopped (time limit). Go on with: pbt-gan resume run" in said.out
    assert "run: stopped (time limit), 0 of 20 steps" in pbt_gan("show", "run").out
    assert "finished" in pbt_gan("resume", "run").out


def test_a_run_is_shown(pbt_gan, kept):
    said = pbt_gan("show", kept / "gan")
    assert said.code == 0
    assert f"{kept / 'gan'}: finished, 4 of 4 steps" in said.out
    assert "held-out CS" in said.out
    assert re.search(r"^m00 ", said.out, re.M)
    assert re.search(r"^m01 ", said.out, re.M)


@pytest.mark.parametrize("run", ["toy", "gan"])
def test_a_run_is_shown_as_strict_json(pbt_gan, kept, run):
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    shown = json.loads(pbt_gan("show", kept / run, "--json").out, parse_constant=refuse)
    assert shown["ending"] == "finished"
    assert shown["best"]["score"] == max(row["score"] for row in [shown["best"], *shown["members"]])
    assert shown["best"]["schedule"][0][0] == 0
    assert shown["config"] == dict(read_run(kept / run).config)


@pytest.mark.slow
def test_a_diverged_member_is_shown_as_strict_json(pbt_gan, kept):
    Path("odd.py").write_text(
        "from pbt_gan.toy.quadratic import Quadratic\n"
        "class Odd(Quadratic):\n"
        "    def score(self, state, rng):\n"
        "        return {'score': float('nan'), 'height': float('inf')}\n"
    )
    said = pbt_gan("train", "odd.py:Odd", "--executor", "serial", "--population", 2, "--steps", 100, "--out", "run")
    assert said.code == 0
    assert "No member has a finite score yet." in said.out
    shown = json.loads(pbt_gan("show", "run", "--json").out)
    assert shown["best"] is None
    assert shown["members"][0]["metrics"]["height"] == "Infinity"


@pytest.mark.slow
def test_a_report_is_made_again_beside_a_baseline(pbt_gan, kept, run):
    (run / "report.html").unlink()
    table = (run / "metrics.csv").read_text()
    (run / "metrics.csv").unlink()
    said = pbt_gan("report", run, "--baseline", kept / "toy")
    assert said.code == 0
    assert (run / "metrics.csv").read_text() == table
    assert f"{run}/report.html" in said.out
    page = (run / "report.html").read_text()
    assert "Grey: the run toy." in page
    assert "random search" not in page.lower(), "whatever it is laid beside has the name of its folder"


@pytest.mark.slow
def test_runs_are_compared_in_numbers_and_in_a_picture(pbt_gan, kept):
    said = pbt_gan("compare", kept / "toy", kept / "gan", "--out", "pictures/compare.png")
    assert said.code == 0
    for row in ("best score", "median of last scores", "its held-out FCD", "device time"):
        assert row in said.out
    assert Path("pictures/compare.png").read_bytes().startswith(PNG)


def test_samples_are_written_as_one_picture(pbt_gan, kept):
    said = pbt_gan("sample", kept / "gan", "--count", 9, "--out", "new/samples.png")
    assert said.code == 0
    assert "9 images of m0" in said.out
    assert Path("new/samples.png").read_bytes().startswith(PNG)


@pytest.mark.slow
@pytest.mark.parametrize("member", ["best", "last-best", "0", "1"])
def test_samples_are_written_as_an_array(pbt_gan, kept, member):
    options = ["--member", member, "--count", 5, "--seed", 3]
    assert pbt_gan("sample", kept / "gan", *options, "--out", "a.npz").code == 0
    assert pbt_gan("sample", kept / "gan", *options, "--out", "b.npz").code == 0
    with np.load("a.npz") as one, np.load("b.npz") as two:
        assert (one["images"].dtype, one["images"].shape) == (np.uint8, (5, 8, 8, 1))
        assert (one["images"] == two["images"]).all()


def test_presets_are_listed_and_each_is_a_config_file(pbt_gan):
    listed = pbt_gan("presets").out
    names = [line.split()[0] for line in listed.splitlines()]
    assert {"digits", "mnist", "cifar10"} <= set(names)
    for name in names:
        text = pbt_gan("presets", name).out
        assert text.startswith("#")
        validated(Config, tomllib.loads(text))


@pytest.mark.parametrize(
    ("shape", "labels", "told"),
    [
        (
            (20, 8, 8, 1),
            [],
            "Preset digits, for 20 grey images of 8×8: its nets have a layer at full size, which so few pixels need.\n",
        ),
        (
            (2_000, 32, 32, 3),
            [0, 1],
            "Preset sngan-cnn, for 2,000 colour images of 32×32, of 2 classes: the best score for its time that was "
            "published at this size. cifar10, a plain DCGAN, or sngan-resnet and r3gan-small, better and many times as "
            "long, would fit too. With --set task.conditional=true the generator is asked for one of the classes.\n",
        ),
        (
            (100, 48, 48, 3),
            [],
            "Preset small-data, for 100 colour images of 48×48: with fewer than 2,000 a discriminator learns them by "
            "heart unless it sees them augmented. sngan-cnn, as for more of them, would fit too.\n",
        ),
    ],
)
def test_data_without_a_preset_chooses_one_and_says_why_and_what_else_would_fit(
    pbt_gan, shape, labels, told, monkeypatch
):
    monkeypatch.setattr("pbt_gan.cli.prediction.predict", lambda config: print(config.model_dump_json()))
    images = np.zeros(shape, np.uint8)
    if labels:
        np.savez("my images.npz", images=images, labels=np.resize(labels, len(images)))
    else:
        np.savez("my images.npz", images=images)
    said = pbt_gan("train", "--data", "my images.npz", "--dry-run")
    assert said.err == told
    config = json.loads(said.out)
    assert config["name"] == "my-images"
    assert config["task"]["data"] == str(Path("my images.npz").resolve())


def test_images_keep_their_size_though_the_preset_is_made_for_another(pbt_gan, monkeypatch):
    monkeypatch.setattr("pbt_gan.cli.prediction.predict", lambda config: print(config.model_dump_json()))
    np.savez("mine.npz", images=np.zeros((2_000, 96, 96, 1), np.uint8))
    chosen = json.loads(pbt_gan("train", "--data", "mine.npz", "--dry-run").out)
    named = json.loads(pbt_gan("train", "photos-128", "--data", "mine.npz", "--dry-run").out)
    assert (chosen["task"]["net"], named["task"]["net"]) == ("fastgan", "fastgan")
    assert (chosen["task"]["resolution"], named["task"]["resolution"]) == (96, 128)


def test_what_is_said_of_the_pictures_chooses_the_preset_too_and_becomes_settings(pbt_gan, monkeypatch):
    monkeypatch.setattr("pbt_gan.cli.prediction.predict", lambda config: print(config.model_dump_json()))
    np.savez("mine.npz", images=np.zeros((20, 30, 40, 1), np.uint8))
    options = ("--resolution", 8, "--fit", "pad", "--background", "black", "--max-bad", 3)
    said = pbt_gan("train", "--data", "mine.npz", *options, "--dry-run")
    assert said.err.startswith("Preset digits, for 20 grey images of 8×8: ")
    task = json.loads(said.out)["task"]
    assert [task[key] for key in ("resolution", "fit", "background", "max_bad")] == [8, "pad", "black", 3]


def test_data_that_a_config_file_names_lies_beside_it(pbt_gan, monkeypatch):
    monkeypatch.setattr("pbt_gan.cli.prediction.predict", lambda config: print(config.model_dump_json()))
    Path("else where").mkdir()
    Path("else where/my config.toml").write_text('[task]\nname = "gan"\ndata = "mine.npz"\n')
    config = json.loads(pbt_gan("train", "else where/my config.toml", "--dry-run").out)
    assert config["name"] == "my-config"
    assert config["task"]["data"] == str(Path("else where/mine.npz").resolve())


def test_nothing_at_all_trains_the_digits(pbt_gan, monkeypatch):
    monkeypatch.setattr("pbt_gan.cli.prediction.predict", lambda config: print(config.model_dump_json()))
    said = pbt_gan("train", "--dry-run")
    assert "Preset digits" in said.err
    assert json.loads(said.out)["task"]["data"] == "digits"


@pytest.mark.slow
def test_a_dry_run_on_new_data_trains_no_scorers_and_says_how_long_they_take(pbt_gan, kept, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest has put some there
    monkeypatch.setattr("pbt_gan.gan.scores.recipes.STEPS", 2)
    rng = np.random.default_rng(0)
    np.savez("new.npz", images=rng.integers(0, 256, (40, 8, 8), np.uint8))
    said = pbt_gan("train", kept / "gan.toml", "--data", "new.npz", "--dry-run")
    assert said.code == 0
    assert "new: NumPy archive, 40 grey images, 8×8 pixels\n" in said.err
    assert re.search(r"# scorers: +about \S+ s before that", said.out)
    assert "making the scorer" not in said.err
    trained = pbt_gan("train", kept / "gan.toml", "--data", "new.npz", "--out", "run")
    assert "making the scorer 'select' of new by the network that learnt rotations, 2 steps\n" in trained.err
    assert not re.search("WARNING|INFO|pbt_gan", trained.err)
    assert "# scorers:" not in pbt_gan("train", kept / "gan.toml", "--data", "new.npz", "--dry-run").out


def test_the_toy_prints_a_table_and_writes_its_files(pbt_gan, monkeypatch):
    called = []
    monkeypatch.setattr("pbt_gan.studies.figure2.figure2", lambda *given: called.append(given))
    assert pbt_gan("toy", "--task", "mueller", "--out", "toy.png", "--json", "toy.json").code == 0
    assert called[0][:3] == ("mueller", Path("toy.png"), Path("toy.json"))


@pytest.mark.slow
def test_the_demo_trains_its_arms_and_compares_them(pbt_gan, kept):
    config = tomllib.loads((kept / "gan.toml").read_text())
    sets = [
        f"--set={table}.{key}={json.dumps(value)}"
        for table in ("task", "pbt", "metrics", "executor")
        for key, value in config[table].items()
    ]
    said = pbt_gan("demo", "--seed", 3, *sets, "--set=experiment.fixed_size=2", "--set=pbt.budget_steps=8")
    assert said.code == 0
    folder = Path("runs/0001-demo")
    assert sorted(path.name for path in (folder / "runs").iterdir()) == ["longer-3", "random-search-3", "shrinking-3"]
    assert "Look at runs/0001-demo/comparison.png and runs/0001-demo/report.html" in " ".join(said.out.split())
    assert all((run / "report.html").exists() for run in (folder / "runs").iterdir())
    assert not [r for r in read_run(folder / "runs/random-search-3").records if getattr(r, "donor", None)]


def test_a_demo_that_is_stopped_begins_anew(pbt_gan, monkeypatch):
    def stopped(seed, root, changes, *, stop):
        stop.reason = "SIGTERM"

    monkeypatch.setattr("pbt_gan.studies.demo.demo", stopped)
    said = pbt_gan("demo")
    assert said.code == 143
    assert "Stopped (SIGTERM). `pbt-gan demo` begins anew" in said.out


def test_the_version_is_told(pbt_gan):
    said = pbt_gan("--version")
    assert (said.code, said.out) == (0, f"pbt-gan {said.out.split()[1]}\n")


def test_no_command_at_all_shows_help(pbt_gan):
    assert pbt_gan() == pbt_gan("--help")
    assert pbt_gan().code == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_s_help_has_an_example_and_fits_a_narrow_terminal(pbt_gan, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    said = pbt_gan(command, "--help")
    assert said.code == 0
    assert re.search(rf"Examples?:\n    pbt-gan {command}", said.out)
    assert max(map(len, said.out.splitlines())) <= 80


def test_what_does_not_work_yet_is_not_in_any_help(pbt_gan):
    for command in COMMANDS:
        assert not re.search(r"\b(async|ray)\b", pbt_gan(command, "--help").out)


def separately(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Call the command in a process of its own, which prints the modules that it has imported by then."""
    program = (
        "import atexit, sys\n"
        "atexit.register(lambda: print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr))\n"
        "from pbt_gan.cli import main\n"
        f"sys.argv = ['pbt-gan', *{list(arguments)!r}]\n"
        "main()\n"
    )
    environment = {**os.environ, **variables}
    return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["--version"], ["train", "--populatoin", "3"]])
def test_help_imports_nothing_heavy(arguments):
    done = separately(*arguments)
    imported = done.stderr.splitlines()[-1].split()
    assert "typer" in imported
    assert not HEAVY & set(imported)


def completed(text: str) -> tuple[list[str], list[str]]:
    done = separately(_PBT_GAN_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS=text)
    return re.findall(r'"([^"]+)"', done.stdout), done.stderr.splitlines()[-1].split()


def test_names_are_completed_without_importing_anything_heavy():
    found, imported = completed("pbt-gan train di")
    assert found == ["digits"]
    assert not HEAVY & set(imported)


@pytest.mark.slow
def test_commands_and_executors_are_completed():
    assert completed("pbt-gan sh")[0][0] == "show"
    assert completed("pbt-gan train --executor p")[0] == ["processes"]


@pytest.mark.slow
def test_mistakes_are_told_before_torch_is_imported():
    done = separately("train", "digits", "--population", "0")
    assert done.returncode == 2
    assert not {"torch", "sklearn", "matplotlib", "tensorboard"} & set(done.stderr.splitlines()[-1].split())


@pytest.mark.slow
def test_an_experiment_prints_its_table_its_protocol_and_where_the_page_lies(pbt_gan, kept):
    command = ["experiment", kept / "toy.toml", "--arms", "pbt, random-search", "--seeds", "3,5-6", "--equal", "steps"]
    said = pbt_gan(*command)
    assert said.code == 0
    assert "run 6 of 6: random-search, seed 6" in said.err
    assert "Against random-search, paired by seed" in said.out
    assert "Seeds 3, 5, 6." in said.out
    page = Path("runs/toy-experiment/report.html")
    assert str(page) in said.out
    assert page.exists()
    again = pbt_gan(*command)
    assert again.out == said.out
    assert "run " not in again.err
    wider = pbt_gan(*command, "--arms", "pbt,random-search,fixed", "--baseline", "fixed")
    assert "Against fixed, paired by seed" in wider.out
    assert re.findall(r"run \d+ of 9: (.+)", wider.err) == [f"fixed, seed {seed}" for seed in (3, 5, 6)]


def test_an_experiment_that_runs_out_of_time_says_how_it_goes_on(pbt_gan, kept):
    said = pbt_gan("experiment", kept / "toy.toml", "--max-time", "0.0001s")
    assert said.code == 0
    assert "Stopped (time limit). The same command goes on." in said.out


@pytest.mark.slow
def test_a_replay_of_a_gan_is_the_winner_again_and_another_seed_is_not(pbt_gan, kept):
    said = pbt_gan("replay", kept / "gan", "--out", "again")
    assert said.code == 0
    assert "every score and every byte of its state are the same" in said.out
    assert "every byte" in pbt_gan("replay", kept / "gan", "--out", "again").out
    other = pbt_gan("replay", kept / "gan", "--out", "other", "--seed", 9)
    assert other.code == 0
    assert "the same." not in other.out
    assert read_run(Path("other")).config["seed"] == 9


def test_a_replay_that_is_not_the_same_says_why(pbt_gan, kept, tmp_path):
    shutil.copytree(kept / "toy", tmp_path / "toy")
    config = pbt_gan("replay", "toy", "--out", "again", "--set", "x")
    assert config.code == 2
    said = pbt_gan("replay", "toy", "--out", "again", "--member", "17")
    assert said.code == 2
    assert "best, last-best, 0, 1, 2" in said.err


@pytest.mark.slow
def test_the_schedule_of_a_run_trains_another(pbt_gan, kept):
    said = pbt_gan("train", kept / "toy.toml", "--set", f"pbt.schedule={kept / 'toy' / 'schedule.toml'}", "--out", "b")
    assert said.code == 0
    assert read_run(Path("b")).config["pbt"]["schedule"]["rows"]


def test_a_rule_named_alone_halves_whatever_number_of_members_is_given():
    change = changes({"pbt.population_size": 16, "pbt.budget_steps": None}, ["pbt.population=halving"])
    assert change == {"pbt": {"population_size": 16, "population": "halving"}}
