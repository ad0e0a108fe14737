"""Every supported kind of file becomes the same data set; every bad one becomes a DataError that helps."""

import contextlib
import gzip
import io
import pickle
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import EpsImagePlugin, Image

from pbt_gan.errors import DataError
from pbt_gan.gan.data import Dataset, load_dataset
from pbt_gan.gan.data.cifar import BATCHES, FOLDER
from pbt_gan.gan.data.pictures.names import ENDINGS

COUNT = 40


def pictures(channels: int = 1, size: int = 8, count: int = COUNT) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, channels), dtype=np.uint8)


IMAGES = pictures()
LABELS = np.arange(COUNT) % 4


def idx(array: NDArray[Any]) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype("u1").tobytes()


def cifar_batch(number: int, count: int = 20) -> bytes:
    """Write a batch as the authors' Python 2 did: protocol 2, byte strings, an array rebuilt by `_reconstruct`."""
    pixels = np.random.default_rng(number).integers(0, 256, count * 3072, dtype=np.uint8).tobytes()
    labels = b"".join(b"K" + bytes([i % 4]) for i in range(count))
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR"
        b"(K\x01K" + bytes([count]) + b"M\x00\x0c\x86cnumpy\ndtype\n(U\x02u1K\x00K\x01tR"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"
        + struct.pack("<i", len(pixels))
        + pixels
        + b"tb"
    )
    return b"\x80\x02}(U\x06labels](" + labels + b"eU\x04data" + array + b"u."


def cifar_folder(path: Path, **replaced: bytes) -> Path:
    folder = path / FOLDER
    folder.mkdir()
    for number, name in enumerate(BATCHES):
        (folder / name).write_bytes(replaced.get(name, cifar_batch(number)))
    return folder


def cifar_archive(path: Path, folder: Path) -> Path:
    archive = path / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, FOLDER)
    return archive


def refused(place: Path | str) -> str:
    with pytest.raises(DataError) as caught:
        load_dataset(str(place))
    message = str(caught.value)
    assert len(message.splitlines()) <= 2
    assert len(message) < 400
    return message


# What is read


@pytest.mark.slow
def test_the_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    digits, theirs = load_dataset("digits"), load_digits()
    assert digits.images.shape == (1797, 8, 8, 1)
    np.testing.assert_array_equal(digits.images[..., 0], np.rint(theirs.images * 255 / 16).astype(np.uint8))
    assert digits.labels is not None
    np.testing.assert_array_equal(digits.labels, theirs.target)
    assert (digits.name, digits.classes) == ("digits", 10)


def test_reading_data_imports_neither_torch_nor_scikit_learn():
    code = (
        "import sys; from pbt_gan.gan.data import load_dataset; load_dataset('digits'); "
        "print({'torch', 'sklearn'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(("images", "labels"), [("images", "labels"), ("x", "y"), ("x_train", "y_train")])
def test_an_npz_is_read_by_any_of_the_usual_names(tmp_path, images, labels):
    arrays: dict[str, Any] = {images: IMAGES, labels: LABELS}
    np.savez(tmp_path / "mine.npz", **arrays)
    data = load_dataset(str(tmp_path / "mine.npz"))
    np.testing.assert_array_equal(data.images, IMAGES)
    assert data.labels is not None
    np.testing.assert_array_equal(data.labels, LABELS)
    assert (data.name, data.classes) == ("mine", 4)


def test_every_layout_of_one_set_of_images_gives_one_fingerprint(tmp_path):
    colour = pictures(channels=3)
    np.save(tmp_path / "nhwc.npy", colour)
    np.save(tmp_path / "nchw.npy", colour.transpose(0, 3, 1, 2))
    np.savez_compressed(tmp_path / "packed.npz", images=np.asfortranarray(colour))
    fingerprints = {load_dataset(str(path)).fingerprint for path in tmp_path.iterdir()}
    assert len(fingerprints) == 1


def test_grey_images_need_no_channel_axis(tmp_path):
    np.save(tmp_path / "grey.npy", IMAGES[..., 0])
    np.testing.assert_array_equal(load_dataset(str(tmp_path / "grey.npy")).images, IMAGES)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("by_folder", [False, True])
def test_idx_files_are_read_with_their_labels_plain_or_gzipped(tmp_path, packed, by_folder):
    for name, content in {
        "train-images-idx3-ubyte": idx(IMAGES[..., 0]),
        "train-labels-idx1-ubyte": idx(LABELS),
    }.items():
        (tmp_path / (name + ".gz" * packed)).write_bytes(gzip.compress(content) if packed else content)
    place = tmp_path if by_folder else tmp_path / ("train-images-idx3-ubyte" + ".gz" * packed)
    data = load_dataset(str(place))
    np.testing.assert_array_equal(data.images, IMAGES)
    assert data.labels is not None
    np.testing.assert_array_equal(data.labels, LABELS)


def test_idx_images_without_a_labels_file_are_unlabelled(tmp_path):
    (tmp_path / "some-images-idx3-ubyte").write_bytes(idx(IMAGES[..., 0]))
    data = load_dataset(str(tmp_path / "some-images-idx3-ubyte"))
    assert (data.labels, data.classes) == (None, 0)


@pytest.mark.parametrize("images", ["digits.bin", "digits.gz", "digits.npz", "digits.tar.gz", "digits"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("by_folder", [False, True])
def test_idx_files_are_known_by_what_they_begin_with_and_not_by_their_names(tmp_path, images, packed, by_folder):
    pack = gzip.compress if packed else bytes
    (tmp_path / images).write_bytes(pack(idx(IMAGES[..., 0])))
    (tmp_path / "what-they-show").write_bytes(pack(idx(LABELS)))
    (tmp_path / "of-other-images").write_bytes(pack(idx(LABELS[:-1])))
    (tmp_path / "notes.txt").write_text("no data")
    data = load_dataset(str(tmp_path if by_folder else tmp_path / images))
    np.testing.assert_array_equal(data.images, IMAGES)
    assert data.labels is not None
    np.testing.assert_array_equal(data.labels, LABELS)


def test_of_several_idx_files_the_one_for_training_is_read(tmp_path):
    (tmp_path / "my-train.idx").write_bytes(idx(IMAGES[..., 0]))
    (tmp_path / "my-test.idx").write_bytes(idx(IMAGES[::-1, ..., 0]))
    np.testing.assert_array_equal(load_dataset(str(tmp_path)).images, IMAGES)
    (tmp_path / "my-train.idx").rename(tmp_path / "another.idx")
    assert "several files of images (another.idx, my-test.idx)" in refused(tmp_path)


def test_of_several_idx_files_of_labels_none_is_guessed(tmp_path):
    (tmp_path / "digits.bin").write_bytes(idx(IMAGES[..., 0]))
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(idx(LABELS))
    assert "any of one, two" in refused(tmp_path / "digits.bin")


@pytest.mark.parametrize("name", ["mine", "mine.dat", "mine.idx.gz"])
def test_arrays_are_known_by_what_they_begin_with_too(tmp_path, name):
    for save in (lambda file: np.save(file, IMAGES), lambda file: np.savez_compressed(file, images=IMAGES)):
        with (tmp_path / name).open("wb") as file:
            save(file)
        np.testing.assert_array_equal(load_dataset(str(tmp_path / name)).images, IMAGES)


def test_cifar_is_read_alike_from_its_archive_its_folder_and_the_folder_above(tmp_path):
    folder = cifar_folder(tmp_path)
    archive = cifar_archive(tmp_path, folder)
    data = [load_dataset(str(place)) for place in (folder, tmp_path, archive)]
    assert len({one.fingerprint for one in data}) == 1
    assert data[0].images.shape == (100, 32, 32, 3)
    assert data[0].classes == 4
    first = np.random.default_rng(0).integers(0, 256, 20 * 3072, dtype=np.uint8)[:3072]
    np.testing.assert_array_equal(data[0].images[0], first.reshape(3, 32, 32).transpose(1, 2, 0))


@pytest.mark.parametrize("protocol", [3, 4])
def test_cifar_batches_that_python_3_saved_are_read_too(tmp_path, protocol):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 3072), dtype=np.uint8)
    saved = pickle.dumps({b"data": pixels, b"labels": [0] * 20}, protocol)
    data = load_dataset(str(cifar_folder(tmp_path, data_batch_1=saved)))
    np.testing.assert_array_equal(data.images[:20], pixels.reshape(20, 3, 32, 32).transpose(0, 2, 3, 1))


@pytest.mark.parametrize("array", [np.asfortranarray(IMAGES[:20, :, 0, 0]), np.zeros((20, 3072), np.int32)])
def test_cifar_batches_of_another_type_or_order_are_refused(tmp_path, array):
    saved = pickle.dumps({b"data": array, b"labels": [0] * 20}, protocol=3)
    assert "another type or order" in refused(cifar_folder(tmp_path, data_batch_1=saved))


def test_a_folder_of_images_takes_its_sub_folders_for_classes(tmp_path):
    for place, (image, label) in enumerate(zip(IMAGES[:24], "ab" * 12, strict=True)):
        (tmp_path / label).mkdir(exist_ok=True)
        Image.fromarray(image[..., 0]).save(tmp_path / label / f"{place:02}.png")
    data = load_dataset(str(tmp_path))
    assert data.labels is not None
    assert data.labels.tolist() == [0] * 12 + [1] * 12
    np.testing.assert_array_equal(data.images, np.concatenate([IMAGES[:24:2], IMAGES[1:24:2]]))


def test_a_folder_with_one_colour_image_becomes_colour(tmp_path):
    for place, image in enumerate(IMAGES[:12]):
        Image.fromarray(image[..., 0]).convert("RGB" if place == 3 else "L").save(tmp_path / f"{place:02}.png")
    (tmp_path / "notes.txt").write_text("no image")
    data = load_dataset(str(tmp_path))
    np.testing.assert_array_equal(data.images, np.repeat(IMAGES[:12], 3, axis=3))
    assert data.labels is None


def test_labels_are_numbered_from_zero():
    data = Dataset.of("mine", IMAGES, np.array([[7], [-1], [300], [7]] * (COUNT // 4)))
    assert data.labels is not None
    assert data.labels.tolist() == [1, 0, 2, 1] * (COUNT // 4)
    assert data.classes == 3


@pytest.mark.parametrize("labels", [np.zeros(COUNT, np.int64), np.arange(COUNT)])
def test_labels_that_cannot_teach_a_classifier_count_as_none(labels):
    assert Dataset.of("mine", IMAGES, labels).labels is None


def test_the_fingerprint_tells_images_and_labels_apart():
    changed = IMAGES.copy()
    changed[5, 3, 3, 0] ^= 1
    variants = [(IMAGES, LABELS), (changed, LABELS), (IMAGES, LABELS[::-1]), (IMAGES, None), (IMAGES[:-1], LABELS[:-1])]
    assert len({Dataset.of("mine", *variant).fingerprint for variant in variants}) == len(variants)


# What is refused


@pytest.mark.parametrize("name", ["no.npz", "no.npy", "no-idx3-ubyte", "cifar-10-python.tar.gz", "images.png"])
def test_an_empty_or_missing_file_is_refused(tmp_path, name):
    assert "does not exist" in refused(tmp_path / name)
    (tmp_path / name).touch()
    assert "empty" in refused(tmp_path / name)


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing here")
    assert "holds no images" in refused(tmp_path)


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


@given(st.data())
def test_a_damaged_npz_is_read_or_refused_and_nothing_else(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("damaged") / "data.npz"
    np.savez(path, images=IMAGES)
    whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole)
    with contextlib.suppress(DataError):
        load_dataset(str(path))


@pytest.mark.parametrize(
    ("images", "told"),
    [
        (IMAGES / 255, "not uint8"),
        (IMAGES.astype(np.int64), "not uint8"),
        (IMAGES.reshape(COUNT, -1), "shape"),
        (np.zeros((COUNT, 8, 8, 4), np.uint8), "channels"),
        (np.zeros((COUNT, 8, 6), np.uint8), "square"),
        (np.zeros((3, 8, 8), np.uint8), "at least"),
        (np.zeros((COUNT, 0, 0), np.uint8), "at least"),
        (np.array(["a", "b"]), "not uint8"),
        (np.uint8(3), "shape"),
    ],
)
def test_an_array_of_a_wrong_type_or_shape_is_refused(tmp_path, images, told):
    np.save(tmp_path / "data.npy", images)
    assert told in refused(tmp_path / "data.npy")


@pytest.mark.parametrize("labels", [LABELS[:-1], LABELS / 3, np.zeros((COUNT, 2), int), np.int64(3)])
def test_labels_that_are_not_one_whole_number_an_image_are_refused(tmp_path, labels):
    np.savez(tmp_path / "data.npz", images=IMAGES, labels=labels)
    assert "labels" in refused(tmp_path / "data.npz")


def test_an_npz_without_images_names_what_it_holds(tmp_path):
    np.savez(tmp_path / "data.npz", pixels=IMAGES)
    assert "pixels" in refused(tmp_path / "data.npz")


class Evil:
    """Pickles to a call that makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["data.npy", "data.npz"])
def test_an_object_array_is_refused_unread(tmp_path, name):
    objects = np.array([Evil(tmp_path / "executed")] * COUNT)
    np.savez(tmp_path / name, images=objects) if name == "data.npz" else np.save(tmp_path / name, objects)
    assert "Python objects" in refused(tmp_path / name)
    assert not (tmp_path / "executed").exists()


def test_a_bare_pickle_named_as_an_array_is_refused_unread(tmp_path):
    (tmp_path / "data.npy").write_bytes(pickle.dumps(Evil(tmp_path / "executed")))
    refused(tmp_path / "data.npy")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_evil_pickle_in_a_cifar_batch_executes_nothing(tmp_path, protocol):
    batch = {b"data": Evil(tmp_path / "executed"), b"labels": [0] * 20}
    folder = cifar_folder(tmp_path, data_batch_3=pickle.dumps(batch, protocol))
    for place in (folder, cifar_archive(tmp_path, folder)):
        assert "nothing was executed" in refused(place)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "pickled",
    [
        b"cos\nsystem\n(S'touch executed'\ntR.",
        b"\x80\x04\x8c\x05numpy\x8c\x10ndarray.__class__\x93.",
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"cnumpy\nload\n.",
        b"\x82\x01.",
        b"Pevil\n.",
        b"cnumpy\nndarray\n}(U\x01aK\x01ub.",
        b"}(U\x04data]U\x06labels]u.",
        b"]r\xff\xff\xff\x7f.",
        b"N.",
        b".",
        b"\x80\x02" + b"(" * 5000,
        b"(" * 3000 + b"t" * 3000 + b".",
    ],
)
def test_a_hostile_or_senseless_cifar_batch_is_refused(tmp_path, pickled, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(cifar_folder(tmp_path, data_batch_1=pickled))
    assert not Path("executed").exists()


def test_a_cifar_batch_that_was_cut_or_lost_is_refused(tmp_path):
    folder = cifar_folder(tmp_path, data_batch_2=cifar_batch(1)[:-4000])
    assert "truncated" in refused(folder)
    (folder / "data_batch_2").unlink()
    assert "lacks data_batch_2" in refused(folder)
    assert "lacks" in refused(cifar_archive(tmp_path, folder))


def test_a_cifar_archive_cannot_point_outside_of_itself(tmp_path):
    (tmp_path / "secret").write_bytes(cifar_batch(0))
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as tar:
        for name in BATCHES:
            link = tarfile.TarInfo(f"{FOLDER}/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "../../secret"
            tar.addfile(link)
    refused(tmp_path / "cifar-10-python.tar.gz")


def test_idx_files_that_lie_about_their_size_are_refused(tmp_path):
    huge = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**31, 2**10, 2**10)
    (tmp_path / "a-images-idx3-ubyte").write_bytes(huge)
    assert "GiB" in refused(tmp_path / "a-images-idx3-ubyte")
    (tmp_path / "b-images-idx3-ubyte").write_bytes(idx(IMAGES[..., 0]) + b"more")
    assert "more" in refused(tmp_path / "b-images-idx3-ubyte")


def test_an_npz_that_unpacks_to_more_than_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("pbt_gan.gan.data.dataset.MOST_BYTES", 1_000)
    np.savez_compressed(tmp_path / "data.npz", images=np.zeros((COUNT, 8, 8), np.uint8))
    assert "GiB" in refused(tmp_path / "data.npz")


def test_images_of_two_sizes_and_broken_images_are_refused_by_name(tmp_path):
    for place, image in enumerate(IMAGES[:12]):
        Image.fromarray(image[..., 0]).save(tmp_path / f"{place:02}.png")
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "odd.png")
    assert "odd.png has 9 x 9 pixels" in refused(tmp_path)
    (tmp_path / "odd.png").write_bytes((tmp_path / "00.png").read_bytes()[:50])
    assert "odd.png cannot be read" in refused(tmp_path)
    assert "give the folder" in refused(tmp_path / "00.png")


def test_an_image_of_sixteen_bits_is_refused_rather_than_clipped(tmp_path):
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(tmp_path / "deep.png")
    assert "8 bits" in refused(tmp_path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_no_other_program_is_started_for_what_is_named_like_an_image(tmp_path, monkeypatch, ending):
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_: pytest.fail("Ghostscript was started"))
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n"
    for number in range(12):
        (tmp_path / f"{number}{ending}").write_bytes(postscript)
    assert "cannot be read as an image" in refused(tmp_path)


# What is hostile: never more than a DataError, never more memory than what is really there.


def cifar_of(pickled: bytes) -> dict[str, bytes]:
    return {f"{FOLDER}/{name}": pickled for name in BATCHES}


def tar(*entries: tuple[str, bytes, bytes]) -> bytes:
    """Return a gzipped tar of entries (name, type, content); what the content announces need not follow."""
    blocks = b""
    for name, kind, content in entries:
        info = tarfile.TarInfo(name)
        info.type, info.size = kind, len(content)
        blocks += info.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % 512)
    return gzip.compress(blocks + bytes(1024), 1)


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


def npy(shape: str, kind: str = "|u1") -> bytes:
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header + b"\n"


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in files.items():
            archive.writestr(f"{name}.npy", content)
    return buffer.getvalue()


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


def test_an_archive_that_unpacks_without_end_is_left_at_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr("pbt_gan.gan.data.cifar.MOST_ARCHIVE_BYTES", 10_000)
    (tmp_path / "a.tar.gz").write_bytes(tar(("readme", tarfile.REGTYPE, bytes(20_000))))
    assert "unpacks to more" in refused(tmp_path / "a.tar.gz")


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


@given(st.binary(max_size=200))
def test_any_bytes_as_a_cifar_batch_are_refused(tmp_path_factory, pickled):
    folder = cifar_folder(tmp_path_factory.mktemp("any"), data_batch_1=b"\x80\x02" + pickled)
    with contextlib.suppress(DataError):
        load_dataset(str(folder))
