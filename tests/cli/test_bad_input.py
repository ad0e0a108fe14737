import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        # names
        (["train", "digitz"], "Did you mean 'digits'?"),
        (["train", "zzz"], r"no preset, no task and no file\. There are the presets cifar10, digits"),
        (["train", "nowhere.toml"], "nowhere.toml cannot be read: No such file"),
        (["train", "folder.toml"], "folder.toml cannot be read: Is a directory"),
        (["train", "latin.toml"], "latin.toml cannot be read: .*utf-8"),
        (["train", "broken.toml"], r"broken.toml is not TOML: "),
        (["train", "empty.toml", "--set", "task=ganne"], "Did you mean 'gan'?"),
        (["train", "nowhere.py:Task"], "nowhere.py does not exist"),
        (["train", "no_such_module:Task"], "no module 'no_such_module'"),
        (["train", "mine.py:Othr"], "has no 'Othr'.*Did you mean 'Other'?"),
        (["train", "mien.py:Other"], "mien.py does not exist.*Did you mean 'mine.py'?"),
        (["train", "latin.tom"], "no preset, no task and no file"),
        (["train", "mine.py:Other"], "no subclass of pbt_gan.Task"),
        (["train", "mine.py:NUMBER"], "is 7, but must be a class or a function"),
        (["train", "mine.py:Fails"], r"ZeroDivisionError: division by zero. Mend it at .*mine.py, line 7"),
        (["train", "mistyped.py:Task"], r"SyntaxError: .* Mend it at .*mistyped.py, line 2"),
        (["train", "leaving.py:Task"], r"SystemExit: 3. Mend it at .*leaving.py, line 2"),
        (["train", "quadratic", "--set", 'listeners=["gone.py:Ear"]'], "gone.py does not exist"),
        (["train", "quadratic", "--set", "pbt.exploit=mine.py:gone"], "has no 'gone'"),
        (["train", "quadratic", "--set", "pbt.exploit=mine.py:bad_rule"], r"KeyError: 'x'. Mend it at .*line 10"),
        (["train", "quadratic", "--set", "pbt.exploit=truncaton"], "Did you mean 'truncation'?"),
        (["train", "quadratic", "--set", "pbt.explore=pertrub"], "Did you mean 'perturb'?"),
        (["presets", "digitz"], "Did you mean 'digits'?"),
        (["toy", "--task", "quadratik"], "Did you mean 'quadratic'?"),
        # settings
        (["train", "digits", "--set", "populaton=3"], "Did you mean 'pbt.population'?"),
        (["train", "digits", "--set", "populaton_size=3"], "Did you mean 'pbt.population_size'?"),
        (["train", "digits", "--set", "workers=3"], "Did you mean 'executor.workers'?"),
        (["train", "digits", "--set", "experiment.seeds=[0]"], "several runs: `pbt-gan experiment FILE` trains them"),
        (["train", "digits", "--set", "zzz=3"], "zzz is not a setting. Known here: checkpoints, executor, "),
        (["train", "digits", "--set", "pbt.populaton_size=3"], "Did you mean 'population_size'?"),
        (["train", "digits", "--set", "task.lr=1"], "task.lr is not a setting. Did you mean 'lr_g'?"),
        (["train", "digits", "--set", "metrics.sample=200"], "Did you mean 'samples'?"),
        (["train", "digits", "--set", "space.lr_q=1e-3"], "Did you mean 'lr_g'?"),
        (["train", "digits", "--set", "space.lr_g.bound=[0, 1]"], "Did you mean 'bounds'?"),
        (["train", "digits", "--set", "task.batch_size"], "write it as key=value"),
        (["train", "digits", "--set", "=3"], "write it as key=value"),
        (["train", "digits", "--set", "task.batch_size=many"], "task.batch_size = 'many'"),
        (["train", "digits", "--set", "task.batch_size=0"], "task.batch_size = 0"),
        (["train", "digits", "--set", "task.loss=hing"], "task.loss = 'hing'.*Did you mean 'hinge'?"),
        (["train", "digits", "--set", "pbt.mode=asinc"], "pbt.mode = 'asinc'.*Did you mean 'async'?"),
        (["train", "digits", "--set", "pbt.exploit.nam=tournament"], "Did you mean 'name'?"),
        (["train", "quadratic", "--set", 'pbt.schedule={decay="cosin"}'], "Did you mean 'cosine'?"),
        (["train", "quadratic", "--set", 'pbt.schedule={decay="cosine",of=["h00"]}'], "Did you mean 'h"),
        (["train", "digits", "--set", "task.loss=wgan-gp"], "set discriminator_norm = 'none'"),
        (["train", "digits", "--set", "pbt=3"], "pbt = 3"),
        (["train", "digits", "--set", "pbt.exploit.fraction=many"], "Has an option a wrong type?"),
        (["train", "digits", "--set", "pbt.exploit.fraction=0.9"], "fraction = 0.9"),
        (["train", "digits", "--set", "pbt.exploit.fractoin=0.1"], "Did you mean 'fraction'?"),
        (["train", "digits", "--set", "pbt.explore.factors=2"], "Has an option a wrong type?"),
        (["train", "digits", "--set", "pbt.explore.factors=[0.5, -2]"], "factors are numbers above 0"),
        (["train", "digits", "--set", "space.lr_g=1.0"], "outside of its bounds"),
        (["train", "digits", "--set", "space.lr_g=high"], "space.lr_g"),
        (["train", "digits", "--set", "space.lr_g.bounds=[1, 0]"], "the lower one first"),
        (["train", "digits", "--set", "name=../up"], "name = '../up'"),
        (["train", "digits", "--set", "pbt.initial=[{lr_x=1}]"], "which is not evolved here. Did you mean 'lr_"),
        (["train", "digits", "--population", "0"], "pbt.population_size = 0"),
        (["train", "digits", "--population", "-4"], "pbt.population_size = -4"),
        (["train", "digits", "--population", "some"], "Invalid value for '--population'.*See `pbt-gan train --help`"),
        (["train", "digits", "--steps", "-5"], "pbt.total_steps = -5"),
        (["train", "digits", "--steps", "0"], "pbt.total_steps = 0"),
        (["train", "digits", "--steps", "601"], "total_steps = 601 is no multiple of the .*00 would be"),
        (["train", "digits", "--steps", "600", "--budget", "900"], "--steps says .* --budget .*; give one"),
        (["train", "digits", "--steps", "600", "--set", "pbt.budget_steps=900"], "budget_steps say the same in two"),
        (["train", "digits", "--set", "pbt.population=3"], "a number that never changes is population_size"),
        (["train", "digits", "--budget", "0"], "pbt.budget_steps = 0"),
        (
            ["train", "digits", "--population", "5", "--set", "pbt.population=[[0, 8], [0.5, 1]]"],
            "pbt.population_size and pbt.population say the same in two ways; give one",
        ),
        (["train", "digits", "--population", "1", "--set", "pbt.population={rule='halving', last=2}"], "last = 2 of 1"),
        (["train", "digits", "--seed", "-1"], "seed = -1"),
        (["train", "digits", "--seed", "9" * 30], "seed"),
        (["train", "digits", "--seed", "9" * 5000], "seed"),
        (["train", "digits", "--set", f"seed={'9' * 5000}"], "holds a whole number of more than 64 bits"),
        (["train", "digits", "--workers", "0"], "executor.workers = 0"),
        (["train", "digits", "--workers", "-1"], "executor.workers = -1"),
        (["train", "digits", "--workers", "99999"], "executor.workers = 99999"),
        (["train", "digits", "--vectorize", "some"], "executor.vectorize = 'some'.*use auto, off, or how many members"),
        (["train", "digits", "--vectorize", "0"], "executor.vectorize = '0'.*use auto, off"),
        (["train", "digits", "--vectorize", "-2"], "executor.vectorize = '-2'.*use auto, off"),
        (["train", "digits", "--set", "executor.vectorize=2.5"], "executor.vectorize = 2.5.*use auto, off"),
        (["train", "quadratic", "--vectorize", "4"], "quadratic trains one member at a time; use off"),
        (["train", "digits", "--executor", "ray"], "executor.name = 'ray': use processes or serial\\."),
        (["train", "digits", "--device", "mps"], "Apple's GPU has no float64"),
        (["train", "digits", "--device", "gpu"], "use cpu, cuda, or cuda:0,cuda:1"),
        (["train", "digits", "--device", "cuda:0,cuda:1", "--executor", "serial"], "trains on one device"),
        (["train", "digits", "--max-time", "soon"], "--max-time soon: .*such as 90s, 30m or 8h"),
        (["train", "digits", "--max-time", "0s"], "--max-time 0s"),
        (["train", "digits", "--max-time", "-3h"], "--max-time -3h"),
        (["train", "quadratic", "--data", "digits"], "task.data is not an option here. It has none."),
        (["train", "--populaton", "3"], "Did you mean '--population'?.*See `pbt-gan train --help`"),
        (["trian"], "Did you mean 'train'?"),
        (["train", "digits", "more"], "unexpected extra argument"),
        # runs
        (["resume"], "Missing argument 'RUN'"),
        (["resume", "nowhere"], "nowhere holds no run; `pbt-gan train --out nowhere` begins one"),
        (["show", "nowhere"], "holds no run"),
        (["report", "nowhere"], "holds no run"),
        (["compare", "nowhere", "nowhere"], "holds no run"),
        (["sample", "nowhere", "--out", "x.png"], "holds no run"),
        (["show", "mine.py"], "holds no run"),
        (["show", "x" * 300], "File name too long"),
        (["train", "quadratic", "--out", "x" * 300], "File name too long"),
        (["train", "quadratic", "--out", "mine.py"], "mine.py is a file; name a folder"),
        (["train", "quadratic", "--out", "mine.py/run"], "Cannot write mine.py.*choose another folder with --out"),
        (["train", "quadratic", "--out", "folder.toml"], r"holds other files \(note.txt\)"),
        (["demo", "--out", "mine.py"], "Cannot write mine.py.*choose another folder"),
        (["demo", "--set", "task.lr=1"], "Did you mean 'lr_g'?"),
        (["demo", "--seed", "-1"], "Invalid value for '--seed'"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_in_a_line_or_two_and_nothing_is_made(pbt_gan, contents, plain, arguments, told):
    Path("folder.toml").mkdir()
    Path("folder.toml/note.txt").write_text("")
    Path("latin.toml").write_bytes("name = 'Zürich'".encode("latin-1"))
    Path("broken.toml").write_text("seed = 1\npbt = [\n")
    Path("empty.toml").write_text("")
    Path("mistyped.py").write_text("import math\nclass Task(:\n")
    Path("leaving.py").write_text("import sys\nsys.exit(3)\n")
    Path("mine.py").write_text(
        "from pbt_gan.toy.quadratic import Quadratic\n"
        "NUMBER = 7\n"
        "class Other:\n"
        "    pass\n"
        "class Fails(Quadratic):\n"
        "    def __init__(self):\n"
        "        1 / 0\n"
        "def bad_rule(recipient, view, rng):\n"
        "    table = {}\n"
        "    return table['x']\n"
    )
    before = contents(Path.cwd())
    message = plain(pbt_gan(*arguments))
    assert re.search(told, message, re.S), message
    after = contents(Path.cwd())
    assert {path: after[path] for path in after if "__pycache__" not in path} == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["sample", "gan", "--out", "x.jpg"], "name a .png file"),
        (["sample", "gan", "--out", "x.gif"], "is a film; add --interpolate"),
        (["sample", "gan", "--out", "x.npz", "--classes", "all"], "a row a class: name a .png file"),
        (["sample", "gan", "--out", "x.png", "--classes", "3,77"], "There are 0 … 9"),
        (["sample", "gan", "--out", "x.png", "--classes", "cats"], "There are 0 … 9"),
        (["sample", "gan", "--out", "x.png", "--truncation", "0"], "above 0"),
        (["sample", "gan", "--out", "x.png", "--latents", "z.npy"], "no latents that can be read"),
        (["sample", "gan", "--out", "x.png", "--latents", "gan.toml"], "neither an .npy nor an .npz"),
        (["sample", "gan", "--out", "x.png", "--latents", "z.npy", "--seed", "1"], "--seed has no effect beside"),
        (["sample", "gan", "--out", "x.png", "--interpolate", "--count", "10001"], "more than 10,000 frames"),
        (["sample", "gan", "--out", "gan"], "is a folder that is not empty"),
        (["sample", "toy", "--out", "x.png", "--interpolate"], "is not the GAN"),
        (["export", "nowhere"], "holds no run"),
        (["export", "toy"], "is not the GAN"),
        (["export", "gan", "--format", "pickle"], "Choose one of onnx, safetensors, torch-export"),
        (["export", "gan", "--member", "bets"], "Did you mean 'best'?"),
        (["export", "gan", "--out", "gan.toml"], "Cannot write .*choose another"),
        (["export", "gan", "--out", "x.pt2"], r"\.pt2 is what --format torch-export writes"),
        (["sample", "gan"], "Missing option '--out'"),
        (["sample", "gan", "--out", "x.png", "--count", "0"], "Invalid value for '--count'"),
        (["sample", "gan", "--out", "x.png", "--count", "9999999"], "Invalid value for '--count'"),
        (["sample", "gan", "--out", "x.png", "--seed", "-1"], "Invalid value for '--seed'"),
        (
            ["sample", "gan", "--out", "x.png", "--member", "9"],
            r"--member 9: there is none\. There are best, last-best, 0, 1\.",
        ),
        (["sample", "gan", "--out", "x.png", "--member", "bets"], "Did you mean 'best'?"),
        (["sample", "gan", "--out", "x.png", "--member", "-1"], "--member -1"),
        (["sample", "gan", "--out", "toy.toml/x.png"], "Cannot write .*choose another"),
        (["sample", "toy", "--out", "x.png"], "makes no images"),
        (["compare", "toy"], "two runs or more"),
        (["compare"], "Missing argument 'RUN'"),
        (["compare", "toy", "gan", "--out", "x.html"], "name a .png file"),
        (["report", "toy", "--baseline", "nowhere"], "nowhere holds no run"),
        (["show", "toy", "--jsn"], "--json"),
        (["train", "toy.toml", "--out", "toy", "--seed", "9"], "seed is 0 in this run and 9 now"),
        (["train", "toy.toml", "--out", "gan"], "would be another run"),
        (["train", "toy.toml", "--out", "toy", "--steps", "10"], "pbt.total_steps = 10, but members have trained 20"),
        (["resume", "toy", "--steps", "10"], "pbt.total_steps = 10, but members have trained 20"),
        (["resume", "toy", "--steps", "25"], "30 would be|20 would be"),
        (["resume", "toy", "--steps", "-1"], "pbt.total_steps = -1"),
        (["resume", "toy", "--workers", "0"], "executor.workers = 0"),
        (["resume", "toy", "--device", "tpu"], "use cpu, cuda"),
        (["resume", "toy", "--set", "pbt.populaton_size=9"], "Did you mean 'population_size'?"),
        (["resume", "toy", "--set", "pbt.population_size=9"], "would be another run"),
        (["resume", "toy", "--set", 'listeners=["gone.py:Ear"]'], "gone.py is not there"),
        (["resume", "toy", "--max-time", "later"], "--max-time later"),
    ],
)
def test_a_mistake_about_a_run_leaves_it_as_it_is(pbt_gan, plain, kept, monkeypatch, arguments, told):
    monkeypatch.chdir(kept)
    message = plain(pbt_gan(*arguments))
    assert re.search(told, message, re.S), message


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--device", "cuda"], "torch finds no CUDA devices here; use --device cpu"),
        (["--set", 'listeners=["gone.py:Ear"]'], "gone.py is not there"),
        (["--set", "pbt.mode=async"], "would be another run"),
        (["--set", "executor.threads=0"], "executor.threads = 0"),
    ],
)
def test_a_mistake_about_a_run_that_was_stopped_leaves_it_as_it_is(
    pbt_gan, contents, plain, begun, monkeypatch, arguments, told
):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    before = contents(begun)
    assert re.search(told, plain(pbt_gan("resume", begun, *arguments)))
    assert contents(begun) == before
    assert pbt_gan("resume", begun).code == 0


@pytest.mark.slow
def test_names_with_brackets_and_control_characters_are_only_names(pbt_gan, plain, kept):
    run = shutil.copytree(kept / "toy", "[/bold] run")
    assert f"{run}: finished" in pbt_gan("show", run).out
    assert pbt_gan("report", run).code == 0
    assert pbt_gan("compare", run, kept / "toy").code == 0
    assert "pbt-gan resume '[/bold] run' --steps N" in pbt_gan("resume", run).out
    assert "\x1b" not in plain(pbt_gan("show", "red\x1b[31m\n\nrun"))


@pytest.mark.slow
def test_an_error_that_nobody_foresaw_is_two_lines_with_its_place(pbt_gan, monkeypatch):
    Path("odd.py").write_text(
        "from pbt_gan.toy.quadratic import Quadratic\n"
        "class Odd(Quadratic):\n"
        "    @property\n"
        "    def space(self):\n"
        "        return {}['nothing']\n"
    )
    said = pbt_gan("train", "odd.py:Odd")
    assert said.code == 1
    first, second = said.err.splitlines()
    assert first == f"{Path('odd.py').resolve()}, line 5: KeyError: 'nothing'"
    assert "PBT_GAN_TRACEBACK=1 shows the whole traceback" in second
    monkeypatch.setenv("PBT_GAN_TRACEBACK", "1")
    assert "Traceback (most recent call last)" in pbt_gan("train", "odd.py:Odd").err


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [["train", "digits", "--set", "task.lr=1"], ["show", "nowhere"], ["train", "--data", "/dev/null"], ["sampel"]],
)
def test_a_mistake_is_told_likewise_by_a_process_of_its_own(arguments, tmp_path):
    done = subprocess.run([sys.executable, "-m", "pbt_gan", *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "Error: " in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--seeds", "4-1"], "--seeds 4-1: write numbers and ranges"),
        (["--seeds", "one"], "--seeds one: write numbers and ranges"),
        (["--seeds", "1,1"], "name each one once"),
        (["--arms", "pbt,randomsearch"], "Did you mean 'random-search'"),
        (["--equal", "money"], "experiment.equal = 'money'"),
        (["--equal", "step"], "Did you mean 'steps'?"),
        (["--baseline", "randomsearch"], "Did you mean 'random-search'"),
        (["--seeds", "0-" + "9" * 5000], "write numbers and ranges"),
        (["--seeds", "0-99999999999"], "at most 1,000"),
        (["--max-time", "soon"], "--max-time soon"),
    ],
)
def test_a_wrong_experiment_is_told_in_one_line(pbt_gan, kept, options, said):
    answer = pbt_gan("experiment", kept / "toy.toml", *options)
    assert answer.code == 2
    assert said in answer.err
    assert answer.err.strip().count("\n") == 0
    assert not Path("runs").exists()
