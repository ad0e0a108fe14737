"""Whatever a place holds is read, or refused in a way that helps; what is hostile costs little."""

import contextlib
import gzip
import io
import struct
import subprocess
import sys
import tarfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pbt_gan.errors import DataError
from pbt_gan.gan.data import load_dataset
from tests.gan.data.samples import (
    BATCHES,
    FOLDER,
    IMAGES,
    LABELS,
    cifar_archive,
    cifar_batch,
    cifar_folder,
    idx,
    npy,
    refused,
    tar,
    zipped,
)


def test_reading_data_imports_neither_torch_nor_scikit_learn():
    code = (
        "import sys; from pbt_gan.gan.data import load_dataset; load_dataset('digits'); "
        "print({'torch', 'sklearn'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("name", ["no.npz", "no.npy", "no-idx3-ubyte", "cifar-10-python.tar.gz", "images.png"])
def test_an_empty_or_missing_file_is_refused(tmp_path, name):
    assert "does not exist" in refused(tmp_path / name)
    (tmp_path / name).touch()
    assert "empty" in refused(tmp_path / name)


@pytest.mark.parametrize(
    "name", ["data.npz", "data.npy", "data-images-idx3-ubyte", "images-idx3-ubyte.gz", "cifar.tar.gz"]
)
def test_a_truncated_file_is_refused_wherever_it_was_cut(tmp_path, name):
    buffer = io.BytesIO()
    if name == "data.npz":
        np.savez_compressed(buffer, images=IMAGES, labels=LABELS)
    elif name == "data.npy":
        np.save(buffer, IMAGES)
    elif name == "cifar.tar.gz":
        buffer.write(cifar_archive(tmp_path, cifar_folder(tmp_path)).read_bytes())
    else:
        buffer.write(gzip.compress(idx(IMAGES[..., 0])) if name.endswith(".gz") else idx(IMAGES[..., 0]))
    whole = buffer.getvalue()
    last = 1_000 if name == "cifar.tar.gz" else 9  # nothing is read behind the last batch of an archive
    for size in (1, 10, 100, len(whole) // 2, len(whole) - last):
        (tmp_path / name).write_bytes(whole[:size])
        refused(tmp_path / name)


def cifar_of(pickled: bytes) -> dict[str, bytes]:
    return {f"{FOLDER}/{name}": pickled for name in BATCHES}


def nested_keys(depth: int) -> bytes:
    pickled = b"\x80\x02}(K\x00K\x00\x86"
    for level in range(depth):
        place = bytes([100 + level])
        pickled += b"q" + place + b"0h" + place + b"h" + place + b"\x86"
    return pickled + b"K\x01u."


def shared_labels(depth: int) -> bytes:
    pickled = b"\x80\x02}(U\x04dataNU\x06labels](K\x00K\x00e"
    for level in range(depth):
        place = bytes([level])
        pickled += b"q" + place + b"0](h" + place + b"h" + place + b"e"
    return pickled + b"u."


def huge_idx(*shape: int) -> bytes:
    return bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)


HOSTILE = {
    "a long name in a tar": lambda: {"a.tar.gz": tar(("././@LongLink", tarfile.GNUTYPE_LONGNAME, bytes(120 * 2**20)))},
    "a long header in a tar": lambda: {"a.tar.gz": tar(("x", tarfile.XHDTYPE, b"20 path=a\n" * (10 * 2**20)))},
    "a large batch in a tar": lambda: {"a.tar.gz": tar((f"{FOLDER}/{BATCHES[0]}", tarfile.REGTYPE, bytes(70 * 2**20)))},
    "keys that are hashed for years": lambda: cifar_of(nested_keys(40)),
    "labels of gigabytes": lambda: cifar_of(shared_labels(30)),
    "a set of tuples": lambda: cifar_of(b"\x80\x04\x8f(" + nested_keys(40)[4:-4] + b"\x90."),
    "a buffer of terabytes": lambda: cifar_of(b"\x80\x05\x96" + struct.pack("<Q", 2**42) + b"."),
    "many lists": lambda: cifar_of(b"\x80\x02" + b"]" * 30 * 2**20 + b"."),
    "many marks": lambda: cifar_of(b"\x80\x02" + b"(" * 30 * 2**20 + b"."),
    "a memo of gigabytes": lambda: cifar_of(b"]r\xff\xff\xff\x7f."),
    "a number of megabytes": lambda: cifar_of(b"\x80\x02\x8b" + struct.pack("<i", 2**22) + bytes(2**22) + b"."),
    "an idx of 4 GiB": lambda: {"a": huge_idx(2**20, 64, 63)},
    "an idx of 4 GiB, packed": lambda: {"a": gzip.compress(huge_idx(2**20, 64, 63))},
    "an idx with a zero": lambda: {"a": huge_idx(0, 2**32 - 1, 2**32 - 1)},
    "an idx with zeros": lambda: {"a": huge_idx(2**32 - 1, 0, 2**32 - 1)},
    "an npy of 4 GiB": lambda: {"a.npy": npy("(1048576, 64, 63)")},
    "an npy with a zero": lambda: {"a.npy": npy("(0, 9223372036854775807, 9223372036854775807)")},
    "an npy with less than nothing": lambda: {"a.npy": npy("(-1, 8, 8)") + bytes(640)},
    "an npy of nothing": lambda: {"a.npy": npy("(1000000000000,)", "<U0")},
    "an npy in brackets": lambda: {"a.npy": npy("(" * 5_000)},
    "an npz of 4 GiB": lambda: {"a.npz": zipped(images=npy("(1048576, 64, 63)"))},
    "an npz of many": lambda: {"a.npz": zipped(**{f"a{number}": b"" for number in range(40_000)})},
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_takes_little_memory(tmp_path, kind):
    for name, content in HOSTILE[kind]().items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (place,) = tmp_path.iterdir()
    done = subprocess.run([sys.executable, "-c", IN_LITTLE_MEMORY, str(place)], capture_output=True, text=True)
    assert done.stdout.startswith("DataError"), done.stdout + done.stderr


IN_LITTLE_MEMORY = """
import resource, sys
import numpy, PIL.Image
from pbt_gan.errors import DataError
from pbt_gan.gan.data import load_dataset
held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + 100 * 2**20,) * 2)
try:
    load_dataset(sys.argv[1])
except DataError as error:
    cause = error.__cause__
    print("MemoryError" if isinstance(cause, MemoryError) else f"DataError: {error}")
"""


def sound_files() -> dict[str, bytes]:
    npz, npy_, picture = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.savez(npz, images=IMAGES, labels=LABELS)
    np.save(npy_, IMAGES)
    Image.fromarray(IMAGES[0, ..., 0]).save(picture, "png")
    batches = [(f"{FOLDER}/{name}", tarfile.REGTYPE, cifar_batch(n, 2)) for n, name in enumerate(BATCHES)]
    return {
        "a.npz": npz.getvalue(),
        "a.npy": npy_.getvalue(),
        "a.idx": idx(IMAGES[..., 0]),
        "b.idx": gzip.compress(idx(IMAGES[..., 0])),
        "a.tar": gzip.decompress(tar(*batches)),
        "a.tar.gz": tar(*batches),
        "folder/a.png": picture.getvalue(),
        f"{FOLDER}/{BATCHES[0]}": cifar_batch(0, 2)[:100],
    }


SOUND = sound_files()


@given(st.data(), st.sampled_from(sorted(SOUND)))
def test_a_mutated_file_is_read_or_refused_and_nothing_else(tmp_path_factory, data, name):
    path = tmp_path_factory.mktemp("mutated") / name
    path.parent.mkdir(exist_ok=True)
    whole = bytearray(SOUND[name])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(len(whole), 700)))  # headers come first
        whole[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=6))
    path.write_bytes(whole[: data.draw(st.sampled_from([None, 5, 100]))])
    with contextlib.suppress(DataError):
        load_dataset(str(path.parent if "/" in name else path))
