"""Runs that come with the package: found by name, used like any other, and never written to."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import pbt_gan
from pbt_gan.errors import ConfigError, DamageError, RunFolderError
from pbt_gan.gan.data import load_dataset
from pbt_gan.gan.portable.safetensors import read
from pbt_gan.gan.scores import scorers
from pbt_gan.runs import pretrained
from pbt_gan.runs.evaluating import beside_kept, evaluate
from pbt_gan.runs.lone import FILE
from pbt_gan.runs.result import Run

NAMES = tuple(pretrained.pretrained())
DIGITS = "pretrained:digits"


@pytest.fixture
def moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The digits in a folder of such runs that may be spoilt."""
    folder = tmp_path / "pretrained"
    shutil.copytree(pretrained.shipped_folder() / "digits", folder / "digits")
    monkeypatch.setattr(pretrained, "shipped_folder", lambda: folder)
    return folder / "digits"


@pytest.mark.parametrize("name", NAMES)
def test_what_ships_is_small_and_tells_nothing_of_a_machine(name: str) -> None:
    folder = pretrained.run_place(f"pretrained:{name}")
    assert (folder / FILE).stat().st_size <= 6 * 10**6
    assert sum(path.stat().st_size for path in folder.rglob("*")) <= 8 * 10**6
    first = json.loads((folder / "journal.jsonl").read_text().splitlines()[0])
    assert not {"host", "pid", "system"} & first["time"].keys()
    assert not list(folder.rglob("*.py"))
    assert not (folder / "checkpoints").exists()
    assert {file.stat().st_size > 1_000 for file in folder.glob("tensorboard/*/*")} == {True}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_numbers_of_a_card_are_measured_again(name: str) -> None:
    run = Run.open(f"pretrained:{name}")
    card = json.loads((pretrained.run_place(f"pretrained:{name}") / pretrained.CARD).read_bytes())["evaluation"]
    told = card["without_data"]["networks"]["own"]["scores"]
    found = beside_kept(run, "best", told["cs"]["images"], card["seed"]).scores
    assert {key: each.value for key, each in found.items()} == pytest.approx(
        {key: each["value"] for key, each in told.items()}, rel=1e-3, abs=1e-4
    )
    assert found["fcd"].error == pytest.approx(told["fcd"]["error"], rel=1e-2)
    other = beside_kept(run, "best", 400, card["seed"] + 1).scores["cs"]  # of fewer images it reads a little lower
    assert other.value == pytest.approx(told["cs"]["value"], abs=4 * (other.error + told["cs"]["error"]))


@pytest.mark.slow
def test_beside_its_data_it_is_as_good_as_its_card_says() -> None:
    card = json.loads((pretrained.run_place(DIGITS) / pretrained.CARD).read_bytes())["evaluation"]["with_data"]
    found, told = evaluate(DIGITS, samples=1_000).scores, card["networks"]["own"]["scores"]
    for key in ("cs", "precision", "recall", "coverage", "copied"):
        spread = 4 * (found[key].error + told[key]["error"])
        assert found[key].value == pytest.approx(told[key]["value"], abs=spread), key


def test_a_generator_is_loaded_by_its_name_in_32_bits() -> None:
    generator = pbt_gan.load_generator(DIGITS)
    assert next(generator.parameters()).dtype == torch.float32
    assert np.array_equal(generator.sample(10, seed=3), Run.open(DIGITS).sample(10, seed=3))
    assert np.array_equal(generator.sample(10), read(pretrained.run_place(DIGITS) / FILE).generator.sample(10))


def test_a_run_is_read_by_its_name() -> None:
    run = Run.open(DIGITS)
    assert run.ending == "finished"
    assert run.best is not None
    assert run.best.score == pytest.approx(8.558, abs=0.01)
    assert len(run.lineage()) == run.best.interval
    assert pretrained.spoken(run.folder) == DIGITS
    assert pretrained.spoken(None) == "a run in memory"


@pytest.mark.parametrize(
    "name", ["", "../digits", "digits/../digits", "/etc", "digits/scorers", "DIGITS", "no\0such", "."]
)
def test_another_name_is_refused_with_those_there_are(name: str) -> None:
    for use in (Run.open, pbt_gan.load_generator, evaluate):
        with pytest.raises(ConfigError, match="does not come with this package"):
            use(f"pretrained:{name}")
    with pytest.raises(ConfigError, match="pretrained:digits"):
        Run.open(f"pretrained:{name}")


def test_a_folder_of_that_name_is_reached_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert pretrained.run_place("./pretrained:mine") == Path("./pretrained:mine") != Path("pretrained:mine").absolute()
    assert pretrained.run_place(tmp_path) == tmp_path


def test_it_has_the_weights_of_its_best_member_alone() -> None:
    run = Run.open(DIGITS)
    with pytest.raises(RunFolderError, match="pretrained:digits keeps one generator, of m04"):
        run.generator("0")
    with pytest.raises(RunFolderError, match="keeps no checkpoint"):
        run.state()
    with pytest.raises(RunFolderError):
        run.discriminator()
    with pytest.raises(RunFolderError):
        run.generator("average")


def test_nothing_goes_on_in_the_package() -> None:
    with pytest.raises(ConfigError, match="comes with the package"):
        pbt_gan.resume(DIGITS)
    with pytest.raises(ConfigError, match="comes with the package"):
        pretrained.own_run(pretrained.run_place(DIGITS))


def test_damage_is_told_with_what_mends_it(moved: Path) -> None:
    data = bytearray((moved / FILE).read_bytes())
    data[-1] ^= 1
    (moved / FILE).write_bytes(data)
    with pytest.raises(DamageError, match=r"Install pbt-gan again"):
        pbt_gan.load_generator(DIGITS)
    (moved / FILE).unlink()
    with pytest.raises(RunFolderError, match="keeps no checkpoint"):
        pbt_gan.load_generator(DIGITS)
    (moved / pretrained.PAGE).unlink()
    with pytest.raises(DamageError, match="install pbt-gan again"):
        pretrained.card_page(moved)
    (moved / pretrained.CARD).write_text("{")
    assert pretrained.pretrained() == {"digits": ""}
    (moved / "journal.jsonl").unlink()
    with pytest.raises(ConfigError, match="Nothing does"):
        Run.open(DIGITS)


def test_a_copy_is_made_once_and_takes_no_other_run_s_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    copy = pretrained.working_copy(DIGITS)
    assert copy == Path("runs/pretrained-digits")
    names = {path.relative_to(copy) for path in copy.rglob("*")}
    shipped = pretrained.run_place(DIGITS)
    assert names == {path.relative_to(shipped) for path in shipped.rglob("*")}
    (copy / "mine.txt").write_text("precious")
    assert pretrained.working_copy(shipped) == copy
    assert (copy / "mine.txt").read_text() == "precious"
    assert Run.open(copy).sample(4).shape == (4, 8, 8, 1)
    (copy / "journal.jsonl").write_text("another\n")
    with pytest.raises(RunFolderError, match="is another run than pretrained:digits"):
        pretrained.working_copy(DIGITS)
    assert pretrained.working_copy(tmp_path) == tmp_path


def test_names_are_completed_once_a_letter_is_there() -> None:
    assert pretrained.completed("") == pretrained.completed("runs/") == []
    assert DIGITS in pretrained.completed("p")
    assert pretrained.completed("pretrained:dig") == [DIGITS]


def test_its_networks_serve_other_runs_on_the_same_images(moved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The digits have networks of their own beside them: as if there were none."""
    dataset = load_dataset("digits")
    monkeypatch.setattr(scorers, "shipped_folder", lambda: moved.parent.parent / "scorers")
    assert scorers.known(dataset, "select", "classifier") is None, "made in another way than it would be now"
    monkeypatch.setattr("pbt_gan.gan.scores.recipes.STEPS", 1_500)
    found = scorers.known(dataset, "select", "classifier")
    assert found is not None
    assert found["card"]["data_fingerprint"] == dataset.fingerprint
    assert scorers.known(dataset, "select", "rotations") is None
    (moved / "scorers" / "select.safetensors").write_bytes(b"spoilt")
    with pytest.raises(DamageError, match="install pbt-gan again"):
        scorers.known(dataset, "select", "classifier")
