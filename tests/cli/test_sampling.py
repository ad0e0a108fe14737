"""`sample` in all its forms, and `export`."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pbt_gan as package
from pbt_gan.cli.app import app
from pbt_gan.config.settings import Config
from pbt_gan.runs.launch import start
from pbt_gan.runs.project import Project
from pbt_gan.validation import validated


def images_in(path: Path) -> np.ndarray:
    with np.load(path) as arrays:
        return np.array(arrays["images"])


def test_a_folder_gets_a_picture_for_each_image_and_is_never_mixed_with_others(pbt_gan, plain, kept):
    for out in ("pictures", "more.d/"):
        assert pbt_gan("sample", kept / "gan", "--count", 3, "--out", out).code == 0
        assert sorted(path.name for path in Path(out).iterdir()) == ["000000.png", "000001.png", "000002.png"]
    expected = package.load_generator(kept / "gan").sample(3)
    for place, image in enumerate(expected):
        assert np.array_equal(np.asarray(Image.open(f"pictures/{place:06d}.png"))[..., None], image)
    assert "not empty; name a new one" in plain(pbt_gan("sample", kept / "gan", "--out", "pictures"))


def test_latents_are_taken_from_a_file_and_those_of_a_seed_give_its_images(pbt_gan, kept):
    generator = package.load_generator(kept / "gan")
    np.save("z.npy", generator.latents(5, seed=3))
    np.savez("z.npz", z=generator.latents(5, seed=3).astype(np.float64), other=np.zeros(3))
    for name in ("z.npy", "z.npz"):
        assert "5 images" in pbt_gan("sample", kept / "gan", "--latents", name, "--out", "x.npz").out
        assert np.array_equal(images_in(Path("x.npz")), generator.sample(5, seed=3))


@pytest.mark.parametrize("shape", [(3, 5), (0, 4), (4,), (3, 4, 1)])
def test_latents_of_another_shape_are_refused(pbt_gan, plain, kept, shape):
    np.save("z.npy", np.zeros(shape, np.float32))
    message = plain(pbt_gan("sample", kept / "gan", "--latents", "z.npy", "--out", "x.png"))
    assert f"of the shape {list(shape)}; latents of this generator are real numbers [N, 4]" in message


@pytest.mark.parametrize("bad", [np.array([[np.nan] * 4]), np.array([["a"] * 4]), np.array([[None] * 4])], ids=str)
def test_latents_that_are_no_finite_numbers_are_refused(pbt_gan, plain, kept, bad):
    np.save("z.npy", bad, allow_pickle=True)
    plain(pbt_gan("sample", kept / "gan", "--latents", "z.npy", "--out", "x.png"))


def test_a_header_that_promises_more_than_there_is_takes_no_memory(pbt_gan, plain, kept):
    np.save("z.npy", np.zeros((3, 4), np.float32))
    data = Path("z.npy").read_bytes().replace(b"(3, 4), }" + b" " * 11, b"(3000000000, 4), }  ")
    Path("z.npy").write_bytes(data)
    assert "no latents that can be read" in plain(
        pbt_gan("sample", kept / "gan", "--latents", "z.npy", "--out", "x.png")
    )


@pytest.mark.parametrize("name", ["way.gif", "way.webp"])
def test_an_interpolation_is_a_film(pbt_gan, kept, name):
    said = pbt_gan("sample", kept / "gan", "--interpolate", "--count", 5, "--out", name)
    assert "5 frames of a way through the latents of m0" in said.out
    with Image.open(name) as film:
        assert film.size == (128, 128)


def test_an_interpolation_as_a_picture_has_a_row_for_each_leg(pbt_gan, kept):
    assert pbt_gan("sample", kept / "gan", "--interpolate", "--count", 32, "--out", "way.png").code == 0
    with Image.open("way.png") as picture:
        assert picture.size == (16 * 42 + 2, 2 * 42 + 2)


def test_a_film_without_ffmpeg_says_what_to_do(pbt_gan, plain, kept, monkeypatch):
    monkeypatch.setenv("PATH", "")
    message = plain(pbt_gan("sample", kept / "gan", "--interpolate", "--out", "way.mp4"))
    assert "needs ffmpeg, which is not on PATH. Name a .gif or .webp" in message


@pytest.mark.slow
def test_a_sheet_has_a_row_a_class_and_says_who_sees_them(pbt_gan, kept):
    said = pbt_gan("sample", kept / "gan", "--classes", "all", "--count", 20, "--out", "sheet.png")
    assert said.code == 0
    assert "a row a class, as the run's classifier sees them (accuracy 0.9" in said.out
    with Image.open("sheet.png") as picture:
        assert picture.size[1] == 10 * 42 + 2


@pytest.mark.slow
def test_an_exported_generator_is_sampled_as_the_run_is(pbt_gan, plain, kept):
    run = shutil.copytree(kept / "gan", "run")
    said = pbt_gan("export", run, "--licence", "CC0-1.0")
    assert said.code == 0
    assert "from load_generator import load" in said.out
    assert json.loads(Path("run/export/safetensors/card.json").read_text())["licence"] == "CC0-1.0"
    file = Path("run/export/safetensors/generator.safetensors")
    for source in (run, file, file.parent):
        assert pbt_gan("sample", source, "--seed", 4, "--count", 6, "--out", "x.npz").code == 0
        assert np.array_equal(images_in(Path("x.npz")), package.load_generator(kept / "gan").sample(6, seed=4))
    assert "holds no classifier" in plain(pbt_gan("sample", file, "--classes", "all", "--out", "x.png"))
    assert "leave the member out" in plain(pbt_gan("sample", file, "--member", "1", "--out", "x.png"))
    file.write_bytes(file.read_bytes()[:-4])
    assert "damaged" in plain(pbt_gan("sample", file, "--out", "x.png"), code=1)


# Classes

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """A run whose nets know classes with names, and tell them apart."""
    folder = tmp_path_factory.mktemp("taught") / "run"
    settings = {
        "task": {"name": "gan", "width": 2, "z_size": 4, "batch_size": 4, "conditional": True, "ema": False},
        "metrics": {"samples": 100, "held_out_samples": 100},
        "executor": {"name": "serial", "workers": 1, "vectorize": "off"},
        "pbt": {"population_size": 2, "total_steps": 20, "ready_interval": 10},
        "space": {"lr_g": {"init": 0.05}},
    }
    start(Project(validated(Config, settings)), folder)
    path = folder / "scorers" / "classes.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "names": DIGITS}))
    return folder


def test_classes_are_asked_for_by_name_or_number_and_come_with_their_labels(pbt_gan, taught):
    said = pbt_gan("sample", taught, "--class", "three", "--class", 5, "--count", 6, "--out", "x.npz")
    assert said.code == 0, said.err
    with np.load("x.npz") as arrays:
        assert arrays["labels"].tolist() == [3, 3, 3, 5, 5, 5]
        generator = package.load_generator(taught)
        assert not np.array_equal(arrays["images"][:3], arrays["images"][3:])
        assert np.array_equal(arrays["images"][:3], generator.sample(3, labels="three"))
        assert np.array_equal(arrays["images"][3:], generator.sample(3, labels=5))


def test_a_folder_of_samples_is_a_data_set_with_labels(pbt_gan, taught):
    assert pbt_gan("sample", taught, "--count", 100, "--out", "pictures").code == 0
    listed = dict(json.loads(Path("pictures/dataset.json").read_text())["labels"])
    assert [*listed.values()] == package.load_generator(taught).recipe.classes.labels(100).tolist()
    assert set(json.loads(pbt_gan("data", "pictures", "--json").out)["classes"].values()) == {10}


def test_a_sheet_of_classes_has_a_row_each_and_one_class_is_a_grid(pbt_gan, taught):
    said = pbt_gan("sample", taught, "--class", "all", "--count", 30, "--out", "sheet.png")
    assert "30 images of m0" in said.out
    assert said.out.strip().endswith("a row a class")
    with Image.open("sheet.png") as picture:
        assert picture.size[1] == 10 * 42 + 2
    said = pbt_gan("sample", taught, "--class", "nine", "--count", 9, "--out", "nine.png")
    assert "9 images of class nine of m0" in said.out
    with Image.open("nine.png") as picture:
        assert picture.size == (3 * 42 + 2, 3 * 42 + 2)


def test_a_way_through_the_latents_stays_in_one_class(pbt_gan, plain, taught):
    assert pbt_gan("sample", taught, "--class", "two", "--interpolate", "--count", 5, "--out", "way.gif").code == 0
    for more in ((), ("--class", "all")):
        refused = plain(pbt_gan("sample", taught, *more, "--interpolate", "--count", 5, "--out", "way.gif"))
        assert "--interpolate goes through the latents of one class" in refused


def test_given_latents_are_shown_as_each_class(pbt_gan, taught):
    generator = package.load_generator(taught)
    np.save("z.npy", generator.latents(4))
    assert pbt_gan("sample", taught, "--latents", "z.npy", "--class", "0", "--class", "1", "--out", "x.npz").code == 0
    assert np.array_equal(images_in(Path("x.npz"))[4:], generator.draw(generator.latents(4), "one"))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("--class", "fuor"), "There is no class 'fuor'. Did you mean 'four'?"),
        (("--class", "10"), "There is no class '10'"),
        (("--class", "0", "--classes", "all"), "give one"),
        (("--classes", "all"), "ask it for them, --class all"),
    ],
)
def test_classes_that_cannot_be_are_refused(pbt_gan, plain, taught, asked, said):
    assert said in plain(pbt_gan("sample", taught, *asked, "--out", "x.png"))


def test_a_generator_that_knows_no_classes_is_asked_for_none(pbt_gan, plain, kept):
    refused = plain(pbt_gan("sample", kept / "gan", "--class", "1", "--out", "x.png"))
    assert "was trained without classes" in refused
    assert "--classes all" in refused


def test_names_of_classes_complete_what_was_begun(taught, monkeypatch, capsys):
    def completed(*words):
        line = {"COMP_WORDS": f"pbt-gan sample {' '.join(map(str, words))}", "COMP_CWORD": str(1 + len(words))}
        for name, value in {**line, "_PBT_GAN_COMPLETE": "complete_bash"}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit):
            app(prog_name="pbt-gan")
        return capsys.readouterr().out.split()

    assert completed(taught, "--class", "s") == ["six", "seven"]
    assert completed(taught, "--out", "x.png", "--class", "one", "--class", "n") == ["nine"]
    assert completed("nowhere", "--class", "a") == ["all"]
