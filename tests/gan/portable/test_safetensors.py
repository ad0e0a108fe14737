"""A generator's file: what comes back, and what is refused."""

import json
import random
import struct
from contextlib import suppress

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from pbt_gan import codec
from pbt_gan.errors import ConfigError, DamageError, PbtGanError, RunFolderError
from pbt_gan.gan.portable import safetensors
from pbt_gan.gan.portable.safetensors import encode, read


@pytest.fixture
def file(make, tmp_path):
    path = tmp_path / "generator.safetensors"
    path.write_bytes(encode(make().generator(), {"pbt_gan": "0.1.0"}))
    return path


def rewritten(path, change, *, tensors=None):
    own, texts = codec.decode_tensors(path.read_bytes())
    card = json.loads(texts["card"])
    change(card)
    path.write_bytes(
        codec.encode_tensors(own if tensors is None else tensors(own), {**texts, "card": json.dumps(card)})
    )


@pytest.mark.parametrize(
    "kind", [{}, {"sampling_norm": "batch"}, {"size": 32, "channels": 3}, {"dtype": "float64"}], ids=str
)
def test_what_comes_back_makes_the_same_images(make, tmp_path, kind):
    generator = make(**kind).generator()
    path = tmp_path / "any name"
    path.write_bytes(encode(generator, {"licence": "CC0-1.0"}))
    loaded = read(path)
    assert np.array_equal(loaded.generator.sample(7, seed=2), generator.sample(7, seed=2))
    assert loaded.card["licence"] == "CC0-1.0"
    assert loaded.card["latent_dim"] == 4


def test_any_reader_finds_the_state_of_a_sequential(file):
    with safe_open(file, "pt") as tensors:
        assert {"dense.weight", "norm0.weight", "norm0.running_mean", "double1.weight"} < set(tensors.keys())
        assert json.loads(tensors.metadata()["layers"])[0][1] == "Linear"


def test_the_torch_that_wrote_it_may_be_another(file):
    rewritten(file, lambda card: card.update(exported_with={"torch": "1.0"}))
    assert read(file).generator.latent_dim == 4


def test_a_byte_that_changed_is_found(file):
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(DamageError, match="not those that were written"):
        read(file)


def test_weights_that_are_no_floating_point_numbers_are_refused(file):
    def whole(tensors):
        return {name: tensor.to(torch.int64) for name, tensor in tensors.items()}

    own, _ = codec.decode_tensors(file.read_bytes())
    digest = safetensors._digest(whole(own))
    rewritten(file, lambda card: card.update(weights_sha256=digest), tensors=whole)
    with pytest.raises(DamageError, match="floating-point"):
        read(file)


def test_a_later_format_is_refused_with_who_wrote_it(file):
    rewritten(file, lambda card: card.update(format=safetensors.FORMAT + 1, pbt_gan="9.9"))
    with pytest.raises(RunFolderError, match=r"later pbt-gan \(9\.9\)"):
        read(file)


def test_a_file_of_format_1_which_knew_of_no_classes_is_read(file):
    expected = read(file).generator.sample(3)
    rewritten(file, lambda card: (card.update(format=1), card.pop("classes")))
    assert np.array_equal(read(file).generator.sample(3), expected)


def test_the_code_of_a_net_that_a_file_names_is_not_run(file, tmp_path):
    (tmp_path / "evil.py").write_text("raise SystemExit('run')")
    rewritten(file, lambda card: card["net"].update(net=f"{tmp_path / 'evil.py'}:make"))
    with pytest.raises(ConfigError, match="is not run since a file names it"):
        read(file)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda card: card.update(resolution=16), "its net needs"),
        (lambda card: card.update(resolution=10**9), "does not say how its net is made"),
        (lambda card: card.update(channels=2), "does not say how its net is made"),
        (lambda card: card["classes"].update(counts=[5, 5]), "its net needs"),
        (lambda card: card["classes"].update(counts=[5, -1]), "does not say how its net is made"),
        (lambda card: card.pop("net"), "does not say how its net is made"),
        (lambda card: card["net"].update(width=4), "its net needs"),
        (lambda card: card["net"].update(net="nothing"), "is not known"),
        (lambda card: card.update(resolution=11), "11×11"),
    ],
)
def test_a_card_that_does_not_fit_its_weights_is_refused(file, change, said):
    rewritten(file, change)
    with pytest.raises(PbtGanError, match=said):
        read(file)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 7,
        b"\xff" * 100,
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 200_000) + b"[" * 200_000,
        struct.pack("<Q", 2) + b"{}",
        codec.encode({"a": 1}),
    ],
)
def test_what_is_no_generator_is_refused_at_once(tmp_path, data):
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    with pytest.raises((DamageError, ConfigError), match=r"x\.safetensors"):
        read(path)


def test_tensors_that_lie_over_each_other_take_no_more_memory_than_the_file_has():
    part = {"dtype": "U8", "shape": [2**20], "data_offsets": [0, 2**20]}
    header = json.dumps({str(n): part for n in range(1_000)}).encode()
    data = len(header).to_bytes(8, "little") + header + bytes(2**20)
    with pytest.raises(DamageError, match="over each other"):
        codec.decode_tensors(data)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_damaged_file_is_refused_in_words(make, tmp_path_factory, seed):
    rng = random.Random(seed)
    data = bytearray(encode(make().generator(), {}))
    for _ in range(rng.randint(1, 5)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    path = tmp_path_factory.mktemp("damaged") / "x.safetensors"
    path.write_bytes(data[: rng.choice([len(data), rng.randrange(len(data))])])
    with suppress(PbtGanError):  # a byte may be changed to what it was
        read(path)
