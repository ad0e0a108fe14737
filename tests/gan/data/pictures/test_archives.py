"""An archive of pictures is understood as its folder would be, and a hostile one costs little."""

import bz2
import contextlib
import gzip
import io
import json
import lzma
import random
import stat
import struct
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbt_gan.errors import DataError
from pbt_gan.gan.data.pictures import tarred, zipped
from pbt_gan.gan.data.pictures.collection import Collection
from pbt_gan.gan.data.pictures.opening import open_collection

SOME = {f"{kind}/{number}.png": f"{kind} {number}".encode() * 50 for kind in ("cats", "dogs") for number in range(6)}


def zipped_up(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred_up(files: Mapping[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form, errors="surrogateescape") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


PACK: dict[str, Callable[[Mapping[str, bytes]], bytes]] = {
    "zip": zipped_up,
    "tar": tarred_up,
    "tar.gz": lambda files: gzip.compress(tarred_up(files)),
    "tar.bz2": lambda files: bz2.compress(tarred_up(files), 1),
    "tar.xz": lambda files: lzma.compress(tarred_up(files)),
}


@pytest.fixture(params=PACK)
def pack(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Mapping[str, bytes]], Path]:
    def packed(files: Mapping[str, bytes]) -> Path:
        (tmp_path / "archive").write_bytes(PACK[request.param](files))
        return tmp_path / "archive"

    return packed


OPEN: list[Collection] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Close after each test what it has opened."""
    yield
    while OPEN:
        OPEN.pop().close()


def opened(path: Path) -> Collection:
    collection = open_collection(path)
    assert collection is not None
    OPEN.append(collection)
    return collection


def test_an_archive_is_read_whatever_it_is_called(pack):
    collection = opened(pack(SOME))
    assert {item.name: collection.read(item) for item in collection.items} == SOME
    assert collection.class_names == ("cats", "dogs")
    assert (dict(collection.ignored), list(collection.remarks)) == ({}, [])


def test_pictures_are_read_by_several_threads_at_a_time(pack):
    collection = opened(pack(SOME))
    with ThreadPoolExecutor(4) as threads:
        read = threads.map(collection.read, [*collection.items] * 20)
        assert list(read) == [SOME[item.name] for item in collection.items] * 20


def test_a_stamp_changes_with_the_content(pack):
    before = opened(pack(SOME)).items
    after = opened(pack(SOME | {"cats/3.png": b"CATS 3" * 50})).items
    assert {old.name for old, new in zip(before, after, strict=True) if old.stamp != new.stamp} >= {"cats/3.png"}


def test_labels_of_stylegan_are_read(pack):
    names = [f"0000{n % 2}/img{n}.png" for n in range(12)]
    labels = json.dumps({"labels": [[name, n % 3] for n, name in enumerate(names)]}).encode()
    collection = opened(pack({"dataset.json": labels} | dict.fromkeys(names, b"x")))
    assert {item.name: item.label for item in collection.items} == {name: str(n % 3) for n, name in enumerate(names)}


def test_an_archive_without_pictures_is_no_collection(pack):
    assert open_collection(pack({"images.npy": b"x", "notes.txt": b"x"})) is None
    assert open_collection(pack({})) is None


@pytest.mark.parametrize("name", ["notes", "notes.zip", "notes.tar.gz"])
def test_a_file_of_something_else_is_no_collection(tmp_path, name):
    (tmp_path / name).write_bytes(gzip.compress(b"no tar") if name.endswith("gz") else b"nothing at all" * 100)
    assert open_collection(tmp_path / name) is None


NAMES = st.sampled_from(
    [
        *(
            "cats/0.png",
            "cats/1.JPG",
            "dogs/0.png",
            "dogs/.hidden.png",
            "cats/.git/a.png",
            "@eaDir/0.png",
            "@eaDir/1.png",
        ),
        *("train/a/0.png", "train/b/0.png", "test/a/0.png", "00000/0.png", "00001/0.png", "cover.png", "notes.txt"),
        *("a/Thumbs.db", "a\nb/0.png", "caf\u00e9/0.png", "a/b/c/d/0.heic", "long" * 30 + "/0.png"),
    ]
)


@pytest.mark.slow
@settings(max_examples=30)
@given(st.sets(NAMES))
def test_a_folder_and_archives_of_it_are_understood_alike(names):
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            file = Path(folder, "folder", name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(name.encode())
        Path(folder, "folder").mkdir(exist_ok=True)
        found: set[object] = set()
        for kind, packed in {"folder": None, "zip": zipped_up, "tar": tarred_up}.items():
            if packed is not None:
                Path(folder, kind).write_bytes(packed({name: name.encode() for name in names}))
            try:
                collection = open_collection(Path(folder, kind))
            except DataError as error:
                found.add(str(error).partition(" holds ")[2])
                continue
            if collection is None:
                found.add(None)
                continue
            assert all(collection.read(item).decode() == item.name for item in collection.items)
            places = tuple((item.name, item.label, item.part) for item in collection.items)
            found.add((places, tuple(collection.ignored.items()), tuple(collection.remarks)))
            collection.close()
        assert len(found) == 1


# What is odd


@pytest.mark.parametrize("name", ["../1.png", "a/../../1.png", "/etc/1.png", "C:/1.png"])
def test_names_that_lead_outside_are_ignored_and_counted(pack, name):
    collection = opened(pack(SOME | {name: b"x"}))
    assert len(collection.items) == 12
    assert collection.ignored == {"unsafe names": 1}


def test_names_that_are_too_long_are_ignored_and_counted(pack):
    collection = opened(pack(SOME | {"a" * 2000 + ".png": b"x", "a/" * 100 + "1.png": b"x"}))
    assert (len(collection.items), collection.ignored) == (12, {"overlong names": 2})


def test_names_are_the_same_in_any_spelling(pack):
    collection = opened(pack({f"./{name.replace('/', '//')}": content for name, content in SOME.items()}))
    assert {item.name: collection.read(item) for item in collection.items} == SOME


def test_of_a_name_that_occurs_twice_the_last_counts(pack):
    collection = opened(pack(SOME | {"./cats/0.png": b"the last"}))
    assert collection.read(collection.items[0]) == b"the last"
    assert collection.ignored == {"repeated names": 1}


def test_names_of_windows_are_read_from_a_zip(tmp_path):
    (tmp_path / "a.zip").write_bytes(zipped_up({name.replace("/", "\\"): b"x" for name in SOME}))
    assert opened(tmp_path / "a.zip").class_names == ("cats", "dogs")


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_form_of_tar_has_its_long_and_odd_names(tmp_path, form):
    names = ["a" * 90 + "/" + "b" * 90 + ".png", *(["caf\udce9/" + "c" * 150 + ".png"] if form else [])]
    (tmp_path / "a.tar").write_bytes(tarred_up(dict.fromkeys(names, b"x"), form))
    assert {item.name for item in opened(tmp_path / "a.tar").items} == {*names}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_pipes_in_a_tar_lead_nowhere(tmp_path, kind):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, content in SOME.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        info = tarfile.TarInfo("cats/9.png")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    collection = opened(tmp_path / "a.tar")
    assert len(collection.items) == 12
    assert collection.ignored == {"special files" if kind == tarfile.FIFOTYPE else "links": 1}


def test_links_in_a_zip_lead_nowhere(tmp_path):
    link = zipfile.ZipInfo("cats/9.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, content in SOME.items():
            archive.writestr(name, content)
        archive.writestr(link, "/etc/passwd")
    assert opened(tmp_path / "a.zip").ignored == {"links": 1}


def test_an_encrypted_zip_says_that_it_is(tmp_path):
    whole = bytearray(zipped_up(SOME))
    place = whole.find(b"PK\x01\x02")
    while place >= 0:  # a password is a bit of each entry of the list
        whole[place + 8] |= 1
        place = whole.find(b"PK\x01\x02", place + 1)
    (tmp_path / "a.zip").write_bytes(whole)
    with pytest.raises(DataError, match="encrypted; unpack it with its password"):
        open_collection(tmp_path / "a.zip")


def test_a_zip_that_is_packed_in_another_way_is_not_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("0.png", b"x" * 100)
        archive.writestr("1.png", b"x" * 100, zipfile.ZIP_STORED)
    collection = opened(tmp_path / "a.zip")
    assert [item.name for item in collection.items] == ["1.png"]
    assert collection.ignored == {"unusually packed files": 1}


# What is damaged or hostile


def read_all(path: Path) -> None:
    collection = opened(path)
    for item in collection.items:
        collection.read(item)


def refused(path: Path) -> str:
    """Open an archive and read all that is in it, and return how that was refused."""
    with pytest.raises(DataError) as caught:
        read_all(path)
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_an_archive_that_was_cut_is_refused(pack, share):
    path = pack(dict.fromkeys(SOME, random.Random(0).randbytes(30_000)))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    assert "truncated" in refused(path)


@pytest.mark.slow
@given(st.sampled_from(sorted(PACK)), st.data())
def test_a_damaged_archive_is_read_or_refused_and_nothing_else(kind, data):
    whole = bytearray(PACK[kind](SOME))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(whole) - 1))
        whole[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=6))
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "archive").write_bytes(whole[: data.draw(st.sampled_from([None, 5, 600]))])
        with contextlib.suppress(DataError):
            collection = open_collection(Path(folder, "archive"))
            for item in collection.items if collection else ():
                with contextlib.suppress(DataError):
                    collection.read(item)  # type: ignore[union-attr]
            if collection:
                collection.close()


def test_a_picture_that_unpacks_to_much_more_than_its_size_is_refused_unread(tmp_path):
    (tmp_path / "a.zip").write_bytes(zipped_up({"0.png": bytes(zipped.FREE_BYTES + 1)}))
    assert "100 times" in refused(tmp_path / "a.zip")


def test_a_packed_tar_that_unpacks_to_much_more_than_its_size_is_left_at_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(tarred, "FREE_BYTES", 2**20)
    for name, pack in PACK.items():
        if name.startswith("tar."):
            (tmp_path / name).write_bytes(pack({"notes.txt": bytes(3 * 2**20)}))
            assert "times its size" in refused(tmp_path / name)


def test_a_packed_tar_keeps_no_more_than_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(tarred, "MOST_KEPT_BYTES", 1000)
    (tmp_path / "a.tar.gz").write_bytes(PACK["tar.gz"](SOME))
    assert "unpack it, and give the folder" in refused(tmp_path / "a.tar.gz")


def test_files_of_a_zip_may_not_overlap(tmp_path):
    whole = zipped_up({"0.png": b"x" * 1000, "1.png": b"x" * 1000})
    second = whole.rfind(b"PK\x01\x02")
    (tmp_path / "a.zip").write_bytes(whole[: second + 42] + struct.pack("<L", 0) + whole[second + 46 :])
    assert "overlap" in refused(tmp_path / "a.zip")


@pytest.mark.parametrize("size", [2**27 + 1, 2**40, 2**63])
def test_a_zip_that_announces_a_list_of_any_length_is_refused(tmp_path, size):
    whole = zipped_up(SOME)
    large = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, size, size, size, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(whole), 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65535, 65535, 2**32 - 1, 2**32 - 1, 0)
    (tmp_path / "a.zip").write_bytes(whole + large + locator + end)
    refused(tmp_path / "a.zip")


@pytest.mark.parametrize("pack", [kind for kind in PACK if kind != "zip"], indirect=True)
@pytest.mark.parametrize(
    ("kind", "size"), [(tarfile.GNUTYPE_LONGNAME, 2**40), (tarfile.XHDTYPE, 2**33), (tarfile.REGTYPE, 2**60)]
)
def test_a_tar_that_announces_a_name_or_file_of_any_length_is_refused(pack, kind, size):
    info = tarfile.TarInfo("0.png")
    info.type, info.size = kind, size
    head = info.tobuf(tarfile.GNU_FORMAT)
    path = pack({})
    begin = path.read_bytes()
    packs: dict[bytes, Callable[[bytes], bytes]] = {
        b"\x1f\x8b": gzip.compress,
        b"BZ": bz2.compress,
        b"\xfd7": lzma.compress,
    }
    path.write_bytes(packs.get(begin[:2], bytes)(head + bytes(2048)))
    refused(path)


@pytest.mark.parametrize(
    "records", [b"x path=a\n", b"0 path=a\n", b"5 \n", b"99 path=a\n", b"9" * 6000, b"11 size=-9\n"]
)
def test_a_senseless_header_of_a_tar_is_refused(tmp_path, records):
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, len(records)
    block = records + bytes(-len(records) % 512)
    (tmp_path / "a.tar").write_bytes(info.tobuf() + block + tarred_up(SOME))
    refused(tmp_path / "a.tar")


def test_a_tar_of_many_files_is_left_at_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(tarred, "MOST_FILES", 11)
    (tmp_path / "a.tar").write_bytes(tarred_up(SOME))
    assert "more than 11 files" in refused(tmp_path / "a.tar")


def test_an_xz_archive_is_given_no_memory_without_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(tarred, "MOST_MEMORY_BYTES", 2**20)
    (tmp_path / "a.tar.xz").write_bytes(PACK["tar.xz"](SOME))
    assert open_collection(tmp_path / "a.tar.xz") is None
