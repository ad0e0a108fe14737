import errno
import gzip
import io
import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from pbt_gan import files
from pbt_gan.store.reader import read_run

FAST = ["--executor", "serial", "--population", "2"]


def contents(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder, byte by byte."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


def plain(said, code: int = 2) -> str:
    """What a refusal said, if it was one or two lines, had the exit code, and was no traceback."""
    lines = [line for line in said.err.splitlines() if not line.startswith("Preset ")]
    assert "Traceback" not in said.out + said.err
    assert 1 <= len(lines) <= 2, said.err
    assert said.code == code, said.err
    assert re.match(r"\w*Error: \S", lines[0]), said.err
    return "\n".join(lines)


@pytest.fixture(autouse=True)
def kept_as_it_was(kept):
    before = contents(kept)
    yield
    assert contents(kept) == before


@pytest.fixture
def run(kept, tmp_path):
    """A copy of the finished toy run."""
    return Path(shutil.copytree(kept / "toy", tmp_path / "run"))


@pytest.fixture
def begun(pbt_gan, kept, tmp_path):
    """A run that was stopped."""
    assert pbt_gan("train", kept / "toy.toml", "--out", "begun", "--max-time", "0.000001s").code == 0
    return tmp_path / "begun"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        # names
        (["train", "digitz"], "Did you mean 'digits'?"),
        (["train", "zzz"], r"no preset \(cifar10, digits"),
        (["train", "nowhere.toml"], "nowhere.toml cannot be read: No such file"),
        (["train", "folder.toml"], "folder.toml cannot be read: Is a directory"),
        (["train", "latin.toml"], "latin.toml cannot be read: .*utf-8"),
        (["train", "broken.toml"], r"broken.toml is not TOML: "),
        (["train", "empty.toml", "--set", "task=ganne"], "Did you mean 'gan'?"),
        (["train", "nowhere.py:Task"], "nowhere.py does not exist"),
        (["train", "no_such_module:Task"], "no module 'no_such_module'"),
        (["train", "mine.py:Taks"], "has no 'Taks'"),
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
        (["train", "digits", "--set", "populaton=3"], "populaton is not a setting"),
        (["train", "digits", "--set", "pbt.populaton_size=3"], "Did you mean 'population_size'?"),
        (["train", "digits", "--set", "task.lr=1"], "task.lr is not a setting. Did you mean 'lr_g'?"),
        (["train", "digits", "--set", "metrics.sample=200"], "Did you mean 'samples'?"),
        (["train", "digits", "--set", "space.lr_q=1e-3"], "Did you mean 'lr_g'?"),
        (["train", "digits", "--set", "space.lr_g.bound=[0, 1]"], "Did you mean 'bounds'?"),
        (["train", "digits", "--set", "task.batch_size"], "write it as key=value"),
        (["train", "digits", "--set", "=3"], "write it as key=value"),
        (["train", "digits", "--set", "task.batch_size=many"], "task.batch_size = 'many'"),
        (["train", "digits", "--set", "task.batch_size=0"], "task.batch_size = 0"),
        (["train", "digits", "--set", "task.loss=hing"], "task.loss = 'hing'"),
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
        (["train", "digits", "--set", "pbt.initial=[{lr_x=1}]"], "'lr_x', which is not evolved here"),
        (["train", "digits", "--population", "0"], "pbt.population_size = 0"),
        (["train", "digits", "--population", "-4"], "pbt.population_size = -4"),
        (["train", "digits", "--population", "some"], "Invalid value for '--population'.*See `pbt-gan train --help`"),
        (["train", "digits", "--steps", "-5"], "pbt.total_steps = -5"),
        (["train", "digits", "--steps", "0"], "pbt.total_steps = 0"),
        (["train", "digits", "--steps", "601"], "total_steps = 601 is no multiple of the .*00 would be"),
        (["train", "digits", "--seed", "-1"], "seed = -1"),
        (["train", "digits", "--seed", "9" * 30], "seed"),
        (["train", "digits", "--workers", "0"], "executor.workers = 0"),
        (["train", "digits", "--workers", "-1"], "executor.workers = -1"),
        (["train", "digits", "--workers", "99999"], "executor.workers = 99999"),
        (["train", "digits", "--executor", "ray"], "executor.name = 'ray'.*'processes' or 'serial'"),
        (["train", "digits", "--device", "mps"], "Apple's GPU has no float64"),
        (["train", "digits", "--device", "gpu"], "use cpu, cuda, or cuda:0,cuda:1"),
        (["train", "digits", "--device", "cuda:0,cuda:1", "--executor", "serial"], "trains on one device"),
        (["train", "digits", "--max-time", "soon"], "--max-time soon: .*such as 90s, 30m or 8h"),
        (["train", "digits", "--max-time", "0s"], "--max-time 0s"),
        (["train", "digits", "--max-time", "-3h"], "--max-time -3h"),
        (["train", "quadratic", "--data", "digits"], "task.data is not an option here; it has none"),
        (["train", "--populaton", "3"], "--population.*See `pbt-gan train --help`"),
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
def test_a_mistake_is_told_in_a_line_or_two_and_nothing_is_made(pbt_gan, arguments, told):
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


class Evil:
    """A pickle of this makes a file when it is loaded."""

    def __reduce__(self):
        return (os.mkdir, ("executed",))


def batch(images: object = None) -> bytes:
    return pickle.dumps({b"data": np.zeros((4, 3072), np.uint8) if images is None else images, b"labels": [0] * 4}, 4)


def archive(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def idx(count: int, size: int = 8) -> bytes:
    return bytes([0, 0, 8, 3]) + np.array([count, size, size], ">u4").tobytes() + bytes(count * size * size)


def make_data(folder: Path) -> None:
    images = np.zeros((20, 8, 8, 1), np.uint8)
    np.savez(folder / "floats.npz", images=images / 255)
    np.savez(folder / "words.npz", images=np.array([["a"]]))
    np.savez(folder / "objects.npz", images=np.array([{}, []], object))
    np.savez(folder / "other.npz", pictures=images)
    np.savez(folder / "nothing.npz")
    np.savez(folder / "flat.npz", images=images.reshape(20, 64))
    np.savez(folder / "oblong.npz", images=np.zeros((20, 8, 9, 1), np.uint8))
    np.savez(folder / "two-channels.npz", images=np.zeros((20, 8, 8, 2), np.uint8))
    np.savez(folder / "few.npz", images=images[:3])
    np.savez(folder / "none.npz", images=images[:0])
    np.savez(folder / "labels.npz", images=images, labels=np.arange(7))
    np.savez(folder / "size9.npz", images=np.zeros((20, 9, 9, 1), np.uint8))
    np.savez(folder / "size16.npz", images=np.zeros((20, 16, 16, 1), np.uint8))
    np.save(folder / "objects.npy", np.array([{}], object))
    np.save(folder / "floats.npy", images / 255)
    (folder / "cut.npz").write_bytes((folder / "floats.npz").read_bytes()[:150])
    (folder / "cut.npy").write_bytes((folder / "floats.npy").read_bytes()[:150])
    for ending in ("npz", "npy", "tar.gz", "gz", "bin"):
        (folder / f"empty.{ending}").write_bytes(b"")
        (folder / f"text.{ending}").write_text("This is no data set.\n" * 9)
    (folder / "train-images-idx3-ubyte").write_bytes(idx(20)[:-5])
    (folder / "cut-images-idx3.gz").write_bytes(gzip.compress(idx(20))[:-9])
    (folder / "huge-images-idx3").write_bytes(bytes([0, 0, 8, 3]) + b"\xff" * 12)
    (folder / "pictures").mkdir()
    Image.fromarray(images[0, ..., 0]).save(folder / "pictures" / "a.png")
    (folder / "pictures" / "b.png").write_bytes(b"\x89PNG")
    (folder / "sizes").mkdir()
    for name, size in (("a", 8), ("b", 9)):
        Image.new("L", (size, size)).save(folder / "sizes" / f"{name}.png")
    (folder / "bare").mkdir()
    names = [f"cifar-10-batches-py/data_batch_{number}" for number in range(1, 6)]
    archive(folder / "evil.tar.gz", dict.fromkeys(names, pickle.dumps({b"data": Evil()}, 4)))
    archive(folder / "short.tar.gz", dict.fromkeys(names[:3], batch()))
    archive(folder / "shapes.tar.gz", dict.fromkeys(names, batch(np.zeros((4, 7), np.uint8))))
    archive(folder / "halves.tar.gz", dict.fromkeys(names, batch(np.zeros((4, 3072)))))
    (folder / "cut.tar.gz").write_bytes((folder / "evil.tar.gz").read_bytes()[:100])
    archive(folder / "bomb.tar.gz", {names[0]: bytes(65 * 2**20)})
    (folder / "unpacked").mkdir()
    (folder / "unpacked" / "data_batch_1").write_bytes(pickle.dumps({b"data": Evil()}, 4))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    make_data(folder)
    return folder


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("missing.npz", "missing.npz does not exist"),
        ("empty.npz", "is empty"),
        ("empty.npy", "is empty"),
        ("empty.tar.gz", "is empty"),
        ("empty.gz", "is empty"),
        ("empty.bin", "is empty"),
        ("text.npz", "damaged or no NumPy file"),
        ("text.npy", "damaged or no NumPy file"),
        ("text.tar.gz", "damaged or no .tar.gz"),
        ("text.gz", "truncated or damaged"),
        ("text.bin", "no idx file"),
        ("cut.npz", "truncated"),
        ("cut.npy", "truncated"),
        ("cut.tar.gz", "truncated"),
        ("cut-images-idx3.gz", "truncated or damaged"),
        ("train-images-idx3-ubyte", "announces 1,280 bytes but holds 1,275"),
        ("huge-images-idx3", "more than the 4 GiB"),
        ("floats.npz", "images are float64, not uint8. Convert them"),
        ("floats.npy", "images are float64"),
        ("words.npz", "images are <U1"),
        ("objects.npz", "holds Python objects.*Save a plain array"),
        ("objects.npy", "holds Python objects"),
        ("other.npz", "holds pictures, but no array named images"),
        ("nothing.npz", "holds nothing"),
        ("flat.npz", r"shape \[20, 64\]; expected"),
        ("two-channels.npz", "1 or 3 channels"),
        ("oblong.npz", "must be square"),
        ("few.npz", "3 images.*at least 10"),
        ("none.npz", "0 images"),
        ("labels.npz", "one an image. Mend or remove them"),
        ("size9.npz", "Resize them to 8, 16, 28, 32 or 64"),
        ("size16.npz", "No preset is made for images of 16×16; name one.*pbt-gan train mnist --data"),
        ("bare", "holds no images"),
        ("pictures", "b.png cannot be read as an image.*mend or remove it"),
        ("sizes", "All must be of one size"),
        ("pictures/a.png", "one file of many; give the folder"),
        ("evil.tar.gz", "asks for .*mkdir.*nothing was executed"),
        ("short.tar.gz", "lacks cifar-10-batches-py/data_batch_4"),
        ("shapes.tar.gz", "no CIFAR-10 batch"),
        ("halves.tar.gz", "another type"),
        ("bomb.tar.gz", "larger than any CIFAR-10 batch"),
        ("unpacked", "asks for .*mkdir.*nothing was executed"),
        ("unpacked/data_batch_1", "one file of many"),
    ],
)
def test_data_that_cannot_be_trained_on_is_told_and_no_run_begins(pbt_gan, data, name, told):
    message = plain(pbt_gan("train", "--data", data / name))
    assert re.search(told, message, re.S), message
    assert contents(Path.cwd()) == {}


@pytest.mark.parametrize("name", ["missing.npz", "objects.npz", "evil.tar.gz", "size9.npz"])
def test_data_for_a_preset_is_looked_at_before_a_run_begins(pbt_gan, data, name):
    plain(pbt_gan("train", "digits", "--data", data / name))
    plain(pbt_gan("train", "digits", "--data", data / name, "--dry-run"))
    assert contents(Path.cwd()) == {}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["sample", "gan", "--out", "x.jpg"], "name a .png file"),
        (["sample", "gan", "--out", "x"], "name a .png file"),
        (["sample", "gan"], "Missing option '--out'"),
        (["sample", "gan", "--out", "x.png", "--count", "0"], "Invalid value for '--count'"),
        (["sample", "gan", "--out", "x.png", "--count", "9999999"], "Invalid value for '--count'"),
        (["sample", "gan", "--out", "x.png", "--seed", "-1"], "Invalid value for '--seed'"),
        (["sample", "gan", "--out", "x.png", "--member", "9"], "--member 9: there are best, last-best and 0, 1"),
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
        (["resume", "toy", "--set", 'listeners=["gone.py:Ear"]'], "gone.py does not exist"),
        (["resume", "toy", "--max-time", "later"], "--max-time later"),
    ],
)
def test_a_mistake_about_a_run_leaves_it_as_it_is(pbt_gan, kept, monkeypatch, arguments, told):
    monkeypatch.chdir(kept)
    message = plain(pbt_gan(*arguments))
    assert re.search(told, message, re.S), message


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--device", "cuda"], "torch finds no CUDA devices here; use --device cpu"),
        (["--set", 'listeners=["gone.py:Ear"]'], "gone.py does not exist"),
        (["--set", "pbt.mode=async"], "would be another run"),
        (["--set", "executor.threads=0"], "executor.threads = 0"),
    ],
)
def test_a_mistake_about_a_run_that_was_stopped_leaves_it_as_it_is(pbt_gan, begun, monkeypatch, arguments, told):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    before = contents(begun)
    assert re.search(told, plain(pbt_gan("resume", begun, *arguments)))
    assert contents(begun) == before
    assert pbt_gan("resume", begun).code == 0


def test_a_run_of_another_version_is_refused_by_every_command(pbt_gan, run):
    journal = run / "journal.jsonl"
    first, *rest = journal.read_text().splitlines()
    journal.write_text("\n".join([first.replace('"format":1', '"format":99'), *rest]) + "\n")
    before = contents(run)
    for arguments in (["show"], ["resume"], ["report"], ["sample", "--out", "x.png"], ["compare", run]):
        message = plain(pbt_gan(arguments[0], run, *arguments[1:]))
        assert "has run format 99" in message
        assert "Use the pbt-gan that wrote it" in message
    assert contents(run) == before


@pytest.mark.parametrize("line", [0, 1, 3])
def test_a_damaged_journal_is_told_by_every_command(pbt_gan, run, line):
    journal = run / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[line] = lines[line].replace(b'"member"', b'"nember"').replace(b'"config"', b'"confug"')
    journal.write_bytes(b"".join(lines))
    before = contents(run)
    for arguments in (["show"], ["resume"], ["report"], ["compare", run], ["sample", "--out", "x.png"]):
        message = plain(pbt_gan(arguments[0], run, *arguments[1:]), code=1)
        assert f"journal.jsonl, line {line + 1}, is damaged" in message
        assert "Restore the file from a copy" in message
    assert contents(run) == before


@pytest.mark.parametrize("damage", ["flipped", "cut", "gone"])
def test_a_damaged_checkpoint_is_told_and_the_run_left_as_it_is(pbt_gan, kept, tmp_path, damage):
    run = Path(shutil.copytree(kept / "gan", tmp_path / "run"))
    for path in (run / "checkpoints").iterdir():
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        if damage == "gone":
            path.unlink()
        else:
            path.write_bytes(data if damage == "flipped" else data[:-9])
    before = contents(run)
    for arguments in (["resume", run, "--steps", 8], ["sample", run, "--out", "x.png"]):
        message = plain(pbt_gan(*arguments), code=1)
        assert re.search(r"checkpoints/m0\d-i\d+.safetensors is (damaged|missing).*from a copy", message)
    assert contents(run) == before
    assert not Path("x.png").exists()


def test_a_config_file_that_was_damaged_is_written_again(pbt_gan, kept, begun):
    good = (begun / "config.toml").read_bytes()
    (begun / "config.toml").write_text("seed = [")
    assert pbt_gan("show", begun).code == 0
    assert pbt_gan("resume", begun).code == 0
    assert (begun / "config.toml").read_bytes() == good


def test_a_run_in_use_is_refused_and_says_by_whom(pbt_gan, kept, begun):
    with FileLock(begun / ".lock"):
        (begun / ".lock.json").write_text(json.dumps({"pid": 4711, "host": "elsewhere"}))
        before = contents(begun)
        for arguments in (["resume", begun], ["train", kept / "toy.toml", "--out", begun]):
            message = plain(pbt_gan(*arguments))
            assert "in use by process 4711 on elsewhere. Wait until it ends" in message
        assert contents(begun) == before
        assert pbt_gan("show", begun).code == 0


def refuse(monkeypatch, number: int) -> None:
    def perform(primitive, *arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files, "perform", perform)


@pytest.mark.parametrize(("number", "code"), [(errno.EROFS, 2), (errno.EACCES, 2), (errno.ENOSPC, 1), (errno.EIO, 1)])
def test_a_disk_that_refuses_is_told_by_every_command_that_writes(pbt_gan, kept, begun, monkeypatch, number, code):
    Path("new").mkdir()
    refuse(monkeypatch, number)
    before = contents(Path.cwd())
    for arguments in (
        ["train", kept / "toy.toml"],
        ["train", kept / "toy.toml", "--out", "new"],
        ["resume", begun],
        ["report", begun],
        ["compare", kept / "toy", kept / "gan", "--out", "x.png"],
        ["sample", kept / "gan", "--out", "x.png"],
        ["demo", *(f"--set={change}" for change in ("task.width=2", "pbt.population_size=2"))],
    ):
        message = plain(pbt_gan(*arguments), code)
        assert re.search(f"Cannot write .*{os.strerror(number)}", message), arguments
    assert {path: data for path, data in contents(Path.cwd()).items() if not path.endswith(".lock")} == {
        path: data for path, data in before.items() if not path.endswith(".lock")
    }


def test_a_run_that_fails_on_the_way_says_why_and_how_it_goes_on(pbt_gan):
    Path("frail.py").write_text(
        "from pbt_gan.toy.quadratic import Quadratic\n"
        "class Frail(Quadratic):\n"
        "    def score(self, state, rng):\n"
        "        raise ArithmeticError('stumbled')\n"
    )
    said = pbt_gan("train", "frail.py:Frail", *FAST)
    assert said.code == 1
    assert "Traceback" not in said.out + said.err
    *_, first, second = said.err.splitlines()
    assert re.match("TaskError: Member 0 in its interval 1 .*ArithmeticError: stumbled.*Mend the task", first)
    assert second == "What was done until then is kept; go on with: pbt-gan resume runs/0001-frail"
    assert "ArithmeticError" in Path("runs/0001-frail/log.txt").read_text()
    Path("frail.py").write_text("from pbt_gan.toy.quadratic import Quadratic as Frail\n")
    sys.modules.pop(next(name for name in sys.modules if name.startswith("pbt_gan_user_frail")))
    assert pbt_gan("resume", "runs/0001-frail").code == 0


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


def test_names_with_brackets_and_control_characters_are_only_names(pbt_gan, kept):
    run = shutil.copytree(kept / "toy", "[/bold] run")
    assert f"{run}: finished" in pbt_gan("show", run).out
    assert pbt_gan("report", run).code == 0
    assert pbt_gan("compare", run, kept / "toy").code == 0
    assert "pbt-gan resume '[/bold] run' --steps N" in pbt_gan("resume", run).out
    assert "\x1b" not in plain(pbt_gan("show", "red\x1b[31m\n\nrun"))


def test_interrupting_at_once_ends_with_the_exit_code_of_a_signal(pbt_gan, kept, monkeypatch):
    def interrupted(*given, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr("pbt_gan.runs.launch.DiskStore.create", interrupted)
    said = pbt_gan("train", kept / "toy.toml")
    assert said.code == 130
    assert said.err == ""


def command(*arguments, cwd):
    whole = [sys.executable, "-m", "pbt_gan", *map(str, arguments)]
    return subprocess.Popen(whole, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    "arguments",
    [["train", "digits", "--set", "task.lr=1"], ["show", "nowhere"], ["train", "--data", "/dev/null"], ["sampel"]],
)
def test_a_mistake_is_told_likewise_by_a_process_of_its_own(arguments, tmp_path):
    process = command(*arguments, cwd=tmp_path)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert out == ""
    assert len(err.splitlines()) == 1
    assert "Error: " in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 138)])
def test_a_signal_stops_a_run_cleanly_and_a_second_process_is_refused_until_then(tmp_path, number, code):
    (tmp_path / "slow.py").write_text(
        "import time\n"
        "from pbt_gan.toy.quadratic import Quadratic\n"
        "class Slow(Quadratic):\n"
        "    def score(self, state, rng):\n"
        "        time.sleep(0.05)\n"
        "        return super().score(state, rng)\n"
    )
    process = command("train", "slow.py:Slow", "--steps", 100_000, *FAST, cwd=tmp_path)
    run = tmp_path / "runs" / "0001-slow"
    patience = time.monotonic() + 60
    while b'"report"' not in ((run / "journal.jsonl").read_bytes() if (run / "journal.jsonl").exists() else b""):
        assert time.monotonic() < patience
        assert process.poll() is None
        time.sleep(0.05)
    second = command("resume", run, cwd=tmp_path)
    _, refused = second.communicate(timeout=60)
    assert second.returncode == 2
    assert f"is in use by process {process.pid} on " in refused
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Go on with: pbt-gan resume runs/0001-slow" in out
    assert "Traceback" not in out + err
    assert read_run(run).ending in out
