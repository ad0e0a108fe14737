"""The generator and the discriminator of a run, and what `pbt-gan export` writes of them."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock

import pbt_gan
from pbt_gan import files, references
from pbt_gan.config.settings import Config
from pbt_gan.core.records import Report
from pbt_gan.core.rng import stream
from pbt_gan.engine import Stop
from pbt_gan.errors import ConfigError, DamageError, RunFolderError, StorageError
from pbt_gan.runs.export import Exported, export
from pbt_gan.runs.launch import go_on, start
from pbt_gan.runs.project import Project
from pbt_gan.runs.result import Run
from pbt_gan.store.reader import read_run
from pbt_gan.validation import validated


def gan(**task: Any) -> Config:
    settings = {
        "task": {"name": "gan", "width": 2, "z_size": 4, "batch_size": 4, **task},
        "pbt": {"population_size": 2, "total_steps": 4, "ready_interval": 2},
        "metrics": {"samples": 100, "held_out_samples": 100},
        "executor": {"name": "serial", "workers": 1, "vectorize": "off"},
    }
    return validated(Config, settings)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generator") / "run"
    start(Project(gan()), folder)
    return folder


@pytest.fixture
def folder(kept: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(kept, tmp_path / "run"))


def exported(folder: Path, name: str = "safetensors", out: Path | None = None, **options: Any) -> Exported:
    view = read_run(folder)
    return export(Run.of(view), view, name, out=out, **{"member": "best", "licence": None, **options})


@pytest.mark.slow
@pytest.mark.parametrize("member", ["best", "last-best", "0"])
def test_samples_are_bit_for_bit_those_of_the_task(folder: Path, member: str) -> None:
    run = Run.open(folder)
    by_the_task = run._attached().sample(run.state(member), 130, stream(3, "sample"))
    assert by_the_task is not None
    assert np.array_equal(pbt_gan.load_generator(folder, member).sample(130, seed=3), by_the_task)
    assert np.array_equal(run.sample(130, member=member, seed=3), by_the_task)


def test_nets_are_modules_with_what_a_program_asks_for(folder: Path) -> None:
    generator, discriminator = Run.open(folder).generator(), Run.open(folder).discriminator("0")
    assert (generator.latent_dim, generator.num_classes, generator.resolution, generator.channels) == (4, 0, 8, 1)
    images = generator(torch.randn(3, 4))
    assert images.shape == (3, 1, 8, 8)
    assert discriminator(images).shape == (3,)
    assert not generator.training


@pytest.mark.slow
def test_a_generator_needs_neither_data_nor_scorers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pbt_gan.gan.scores.recipes.STEPS", 2)
    data = tmp_path / "mine.npy"
    np.save(data, np.random.default_rng(0).integers(0, 256, (20, 16, 16, 3), np.uint8))
    start(Project(gan(data=str(data))), tmp_path / "run")
    data.unlink()
    shutil.rmtree(tmp_path / "run" / "scorers")
    generator = pbt_gan.load_generator(tmp_path / "run")
    assert generator.sample(3).shape == (3, 16, 16, 3)
    card = json.loads(exported(tmp_path / "run").card.read_text())
    assert card["data"]["place"] == card["config"]["task"]["data"] == "mine.npy"
    assert str(tmp_path) not in json.dumps(card)


NETS = """
from pbt_gan.gan.nets.dcgan import make_nets

def make(shape, settings, layers):
    return make_nets(shape, settings, layers)
"""


@pytest.mark.slow
def test_nets_of_ones_own_are_loaded_from_the_run_and_leave_without_a_loader(tmp_path: Path) -> None:
    (tmp_path / "my_nets.py").write_text(NETS)
    start(Project(gan(net=f"{tmp_path / 'my_nets.py'}:make")), tmp_path / "run")
    generator = pbt_gan.load_generator(tmp_path / "run")
    assert np.array_equal(generator.sample(5), Run.open(tmp_path / "run").sample(5))
    written = exported(tmp_path / "run")
    assert not written.loader.exists()
    assert "torch-export and ONNX need no code" in written.page.read_text()
    assert str(tmp_path).encode() not in written.weights.read_bytes() + written.card.read_bytes()
    with pytest.raises(ConfigError, match="Load it from its run"):
        pbt_gan.load_generator(written.weights)


MODULES = """
import torch
from torch import nn

class Generator(nn.Module):
    def __init__(self, size, channels, z_size, width):
        super().__init__()
        self.dense = nn.Linear(z_size, width)
        self.layers = nn.Sequential(nn.BatchNorm1d(width), nn.Linear(width, channels * size**2))
        self.shape = channels, size, size

    def forward(self, z):
        return self.layers(self.dense(z)).tanh().unflatten(1, self.shape)

def discriminator(size, channels):
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * size**2, 1))
"""


@pytest.mark.slow
def test_a_module_of_ones_own_is_loaded_from_the_run_and_leaves_as_a_program_that_needs_no_code(tmp_path: Path) -> None:
    code = tmp_path / "my_modules.py"
    code.write_text(MODULES)
    start(Project(gan(generator=f"{code}:Generator", discriminator=f"{code}:discriminator")), tmp_path / "run")
    run = Run.open(tmp_path / "run")
    generator = run.generator()
    assert np.array_equal(generator.sample(5), run.sample(5))
    assert run.discriminator()(torch.zeros(3, 1, 8, 8)).shape == (3,)
    written = exported(tmp_path / "run")
    with pytest.raises(ConfigError, match=r"my_modules\.py:Generator, whose code is not run since a file names it"):
        pbt_gan.load_generator(written.weights)
    program = torch.export.load(exported(tmp_path / "run", "torch-export").weights).module()
    z = torch.randn(7, 4)
    torch.testing.assert_close(program(z), generator(z))
    own = references.load(f"{code}:Generator")(8, 1, 4, 2)
    own.load_state_dict(generator.state_dict())
    torch.testing.assert_close(own.eval()(z), generator(z))
    code.unlink()
    with pytest.raises(RunFolderError, match=r"task\.(generator|discriminator): .* is not there any more"):
        Run.open(tmp_path / "run").problem()


@pytest.mark.slow
def test_a_generator_of_the_table_needs_no_code_of_the_discriminator_beside_it(tmp_path: Path) -> None:
    code = tmp_path / "my_modules.py"
    code.write_text(MODULES)
    start(Project(gan(discriminator=f"{code}:discriminator")), tmp_path / "run")
    run = Run.open(tmp_path / "run")
    written = exported(tmp_path / "run")
    assert "my_modules" not in json.dumps(json.loads(written.card.read_text())["net"])
    assert np.array_equal(pbt_gan.load_generator(written.weights).sample(5), run.sample(5))


def test_a_task_without_a_generator_says_what_there_is_instead(tmp_path: Path) -> None:
    toy = {"task": "quadratic", "pbt": {"population_size": 2, "total_steps": 4, "ready_interval": 2}}
    start(Project(validated(Config, {**toy, "executor": {"name": "serial"}})), tmp_path / "run")
    for ask in (Run.open(tmp_path / "run").generator, Run.open(tmp_path / "run").discriminator):
        with pytest.raises(ConfigError, match=r"not the GAN.*run\.parts\(\)"):
            ask()


def test_what_holds_no_generator_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for nothing in (tmp_path / "gone", tmp_path / "empty", tmp_path / "gone.safetensors"):
        with pytest.raises(ConfigError, match="holds no run, and is no generator"):
            pbt_gan.load_generator(nothing)
    for path in (folder / "checkpoints").iterdir():
        path.unlink()
    with pytest.raises(DamageError, match="is missing"):
        pbt_gan.load_generator(folder)
    shutil.rmtree(folder / "checkpoints")
    with pytest.raises((DamageError, RunFolderError)):
        pbt_gan.load_generator(folder)


def test_an_exported_generator_is_read_again_by_its_file_or_its_folder(folder: Path) -> None:
    written = exported(folder)
    assert written.weights == folder / "export" / "safetensors" / "generator.safetensors"
    expected = Run.open(folder).sample(5)
    for place in (written.weights, written.weights.parent):
        assert np.array_equal(pbt_gan.load_generator(place).sample(5), expected)
        with pytest.raises(ConfigError, match="leave the member out"):
            pbt_gan.load_generator(place, "0")


def test_card_and_page_tell_where_a_generator_comes_from(folder: Path) -> None:
    written = exported(folder, licence="CC-BY-4.0")
    card, page = json.loads(written.card.read_text()), written.page.read_text()
    run = Run.open(folder)
    assert run.best is not None
    assert card["member"]["step"] == run.best.step
    assert card["scores"]["score"] == run.best.score
    assert card["schedule"] == [[step, dict(values)] for step, values in run.schedule()]
    assert [each["end_step"] for each in card["lineage"]] == [segment.end_step for segment in run.lineage()]
    assert set(card["score_cards"]) == set(run.cards)
    assert card["data"]["fingerprint"] == read_run(folder).run["fingerprint"]["data"]
    assert card["exported_with"]["torch"] == torch.__version__
    assert card["licence"] == "CC-BY-4.0"
    for said in ("CC-BY-4.0", "from load_generator import load", "held-out FCD", "4 latent numbers", "lr_g"):
        assert said in page


def test_a_run_that_still_trains_gives_the_best_so_far(folder: Path) -> None:
    before = pbt_gan.load_generator(folder).sample(3)
    with FileLock(folder / ".lock"):
        assert np.array_equal(pbt_gan.load_generator(folder).sample(3), before)
        assert pbt_gan.load_generator(exported(folder).weights).latent_dim == 4


def test_a_file_is_named_and_the_others_are_called_after_it(folder: Path, tmp_path: Path) -> None:
    written = exported(folder, out=tmp_path / "my digits.safetensors")
    names = {path.name for path in tmp_path.iterdir()} - {"run"}
    assert names == {"my digits.safetensors", "load_my_digits.py", "my digits.md", "my digits.json"}
    assert "from load_my_digits import load" in written.page.read_text()


def test_an_export_replaces_an_earlier_one_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    exported(folder, out=tmp_path / "out", member="0")
    exported(folder, out=tmp_path / "out")
    with pytest.raises(ConfigError, match="is there already"):
        exported(folder, "torch-export", out=tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "README.md").write_text("precious")
    with pytest.raises(ConfigError, match=r"README\.md is there already"):
        exported(folder, out=tmp_path / "mine")
    assert (tmp_path / "mine" / "README.md").read_text() == "precious"
    with pytest.raises(ConfigError, match=r"\.pt2 is what --format torch-export writes"):
        exported(folder, out=tmp_path / "x.pt2")


def test_weights_in_16_bits_take_half_the_room_and_are_computed_with_in_32(folder: Path, tmp_path: Path) -> None:
    whole, half = exported(folder, out=tmp_path / "whole"), exported(folder, out=tmp_path / "half", half=True)
    original, stored = pbt_gan.load_generator(folder), pbt_gan.load_generator(half.weights)
    assert {tensor.dtype for tensor in stored.state_dict().values()} == {torch.float32}
    for name, tensor in original.state_dict().items():
        assert torch.equal(stored.state_dict()[name], tensor.half().float())
    tensors = sum(tensor.numel() for tensor in original.state_dict().values())
    card = 3_000  # what it says differs a little too
    assert abs(whole.weights.stat().st_size - half.weights.stat().st_size - 2 * tensors) < card
    assert np.abs(stored.sample(50).astype(int) - original.sample(50)).max() <= 2
    with pytest.raises(ConfigError, match="--half"):
        exported(folder, "torch-export", out=tmp_path / "out", half=True)


def test_a_disk_that_refuses_leaves_nothing_half_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes, **options: Any) -> None:
        raise StorageError(f"Cannot write {path}: No space left on device.")

    monkeypatch.setattr(files, "write", full)
    with pytest.raises(StorageError, match="No space left"):
        exported(folder, out=tmp_path / "out")
    assert [*(tmp_path / "out").iterdir()] == []


# Classes


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labelled") / "run"
    start(Project(gan(conditional=True)), folder)
    return folder


def test_a_conditional_run_gives_a_generator_that_knows_its_classes_without_the_data(
    labelled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_the_task = Run.open(labelled)._attached().sample(Run.open(labelled).state(), 30, stream(3, "sample"))
    assert by_the_task is not None
    monkeypatch.setattr("pbt_gan.gan.task.load_dataset", None)
    generator = pbt_gan.load_generator(labelled)
    assert (generator.num_classes, generator.class_names[9]) == (10, "9")
    assert np.array_equal(generator.sample(30, seed=3), by_the_task)
    images, labels = generator(torch.randn(3, 4), torch.tensor([0, 9, 5])), torch.tensor([0, 9, 5])
    assert Run.open(labelled).discriminator()(images, labels).shape == (3,)


def test_a_run_that_lost_the_names_of_its_classes_finds_them_in_its_data(labelled: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(labelled, tmp_path / "run"))
    (run / "scorers" / "classes.json").unlink()
    assert np.array_equal(pbt_gan.load_generator(run).sample(5, labels=3), Run.open(labelled).generator().sample(5, 3))


@pytest.mark.slow
def test_a_conditional_run_that_goes_on_ends_as_one_that_never_stopped(labelled: Path, tmp_path: Path) -> None:
    stop = Stop()

    class Enough(pbt_gan.Listener):
        def record(self, record: Any, preview: Any) -> None:
            stop.reason = "enough" if isinstance(record, Report) else None

    start(Project(gan(conditional=True)), tmp_path / "run", listeners=lambda folder: [Enough()], stop=stop)
    assert 0 < len(Run.open(tmp_path / "run").history.reports) < 4
    assert go_on(tmp_path / "run") == "finished"
    for member in ("0", "1"):
        expected = pbt_gan.load_generator(labelled, member).sample(20)
        assert np.array_equal(pbt_gan.load_generator(tmp_path / "run", member).sample(20), expected)


def test_card_and_page_of_a_conditional_generator_say_what_can_be_asked_for(labelled: Path, tmp_path: Path) -> None:
    written = exported(labelled, out=tmp_path / "out")
    card, page = json.loads(written.card.read_text()), written.page.read_text()
    assert card["num_classes"] == 10
    assert sum(card["classes"]["counts"]) == 1_797
    assert "held-out class accuracy" in page
    assert "trained with 10 classes, and wants a label with each image, from 0 to 9." in page
    assert "sample(n, labels=None, seed=0)" in page
    assert not written.loader.exists()
    again = pbt_gan.load_generator(written.weights)
    assert np.array_equal(again.sample(5, "7"), pbt_gan.load_generator(labelled).sample(5, "7"))
