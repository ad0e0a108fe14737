"""Rows of a table become pictures, with labels where the table has them."""

import contextlib
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pbt_gan.errors import DataError
from pbt_gan.gan.data.pictures import table_files
from pbt_gan.gan.data.pictures.collection import Collection
from pbt_gan.gan.data.pictures.opening import open_collection

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

PICTURES = [f"picture {number}".encode() for number in range(12)]
PAIRS = [{"bytes": data, "path": None} for data in PICTURES]
PAIR = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
LABELS = [number % 3 for number in range(12)]

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


def table(pictures: Any = None, names: list[str] | None = None, **others: Any) -> Any:
    """Return a table as Hugging Face's library makes it: pairs of bytes and path, and names of classes as a note."""
    columns = {"image": pa.array(PAIRS, PAIR) if pictures is None else pictures, **others}
    made = pa.table(columns)
    features = {
        name: {"_type": "Image"} if name == "image" else {"_type": "ClassLabel", "names": names} if names else {}
        for name in columns
    }
    return made.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def arrow(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, content.schema) as writer:
        writer.write_table(content, max_chunksize=5)


def parquets(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(content, path, row_group_size=5)


@pytest.mark.parametrize("write", [arrow, parquets])
def test_a_table_of_hugging_face_has_named_classes(tmp_path, write):
    write(tmp_path / "mine.arrow", table(label=LABELS, names=["zebra", "cat", "dog"]))
    collection = opened(tmp_path / "mine.arrow")
    assert [collection.read(item) for item in collection.items] == PICTURES
    assert [item.label for item in collection.items] == ["zebra", "cat", "dog"] * 4
    assert collection.class_names == ["zebra", "cat", "dog"]  # by their numbers, not by their letters
    assert (collection.kind, dict(collection.ignored), collection.remarks) == ("table of images", {}, [])


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ({"label": LABELS}, ["0", "1", "2"]),
        ({"class": ["b", "a", "c"] * 4}, ["a", "b", "c"]),
        ({"label": pa.array(["b", "a", "c"] * 4).dictionary_encode()}, ["a", "b", "c"]),
        ({"label": [0.5] * 12}, []),
        ({"caption": ["a", "b", "c"] * 4}, []),
    ],
)
def test_plain_tables_are_read_by_the_names_and_types_of_their_columns(tmp_path, labels, names):
    parquets(tmp_path / "mine", pa.table({"id": PICTURES[::-1], "png": PICTURES, **labels}))
    collection = opened(tmp_path / "mine")
    assert [collection.read(item) for item in collection.items] == PICTURES
    assert collection.class_names == names


def test_rows_are_read_in_any_order(tmp_path):
    parquets(tmp_path / "mine", table())
    collection = opened(tmp_path / "mine")
    order = random.Random(0).sample(range(12), 12)
    assert [collection.read(collection.items[row]) for row in order] == [PICTURES[row] for row in order]


def test_a_saved_data_set_has_its_splits_and_none_of_its_cache(tmp_path):
    for part in ("train", "test"):
        arrow(tmp_path / part / "data-00000-of-00001.arrow", table(label=LABELS, names=["a", "b", "c"]))
        (tmp_path / part / "state.json").write_text("{}")
    arrow(tmp_path / "train/cache-1f.arrow", table())
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    collection = opened(tmp_path)
    assert [item.part for item in collection.items] == ["unseen"] * 12 + ["train"] * 12
    assert collection.remarks == ["12 pictures of tables for tests are not trained on; they check scores"]
    assert collection.ignored == {"other files": 4}


def test_shards_are_one_set_and_a_banner_beside_them_is_none(tmp_path):
    for shard in range(3):
        parquets(tmp_path / f"data/train-0000{shard}-of-00003.parquet", table())
    parquets(tmp_path / "data/validation-00000-of-00001.parquet", table())
    (tmp_path / "banner.png").touch()
    items = opened(tmp_path).items
    assert [item.name for item in items] == sorted(item.name for item in items)
    assert [item.part for item in items] == ["train"] * 36 + ["unseen"] * 12


def test_only_tables_for_tests_are_trained_on(tmp_path):
    parquets(tmp_path / "test-00000-of-00001.parquet", table())
    assert {item.part for item in opened(tmp_path).items} == {"train"}


def test_pictures_beside_a_table_of_numbers_are_what_is_trained_on(tmp_path):
    for number in range(10):
        (tmp_path / f"{number}.png").touch()
    parquets(tmp_path / "numbers.parquet", pa.table({"x": [1]}))
    assert opened(tmp_path).kind == "folder of images"


def test_labels_that_are_missing_are_written_as_nothing_or_less_than_nothing(tmp_path):
    parquets(tmp_path / "mine", table(label=[-1, None, *LABELS[2:]], names=["a", "b", "c"]))
    collection = opened(tmp_path / "mine")
    assert len(collection.items) == 10
    assert collection.ignored == {"unlabelled pictures": 2}
    parquets(tmp_path / "mine", table(label=[-1] * 6 + LABELS[6:], names=["a", "b", "c"]))
    assert {item.label for item in opened(tmp_path / "mine").items} == {None}


def test_a_row_without_a_picture_is_an_error_of_its_own(tmp_path):
    pictures = pa.array([*PAIRS[:10], None, {"bytes": None, "path": "/etc/passwd"}], PAIR)
    for write in (arrow, parquets):
        write(tmp_path / "mine.arrow", table(pictures))
        collection = opened(tmp_path / "mine.arrow")
        assert collection.read(collection.items[9]) == PICTURES[9]
        for item in collection.items[10:]:
            with pytest.raises(DataError, match="no picture in this row"):
                collection.read(item)


def test_a_table_without_pictures_names_itself(tmp_path):
    parquets(tmp_path / "numbers.parquet", pa.table({"x": [1.5], "label": [1]}))
    for place in (tmp_path, tmp_path / "numbers.parquet"):
        with pytest.raises(DataError, match=r"numbers\.parquet has no column of encoded pictures"):
            open_collection(place)


def test_without_pyarrow_one_line_says_how_to_get_it(tmp_path, monkeypatch):
    parquets(tmp_path / "mine.parquet", table())
    for name in [name for name in sys.modules if name.split(".")[0] == "pyarrow"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(DataError, match=r"pip install 'pbt-gan\[parquet\]'"):
        open_collection(tmp_path / "mine.parquet")


def test_a_row_group_that_is_larger_than_memory_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "MOST_GROUP_BYTES", 10)
    parquets(tmp_path / "mine", table())
    collection = opened(tmp_path / "mine")
    with pytest.raises(DataError, match="row_group_size"):
        collection.read(collection.items[0])


@pytest.mark.parametrize("note", [b"{", b"[]", b'{"info": null}', b'{"info": {"features": [1]}}', b"[" * 100_000])
def test_a_senseless_note_of_hugging_face_is_ignored(tmp_path, note):
    parquets(tmp_path / "mine", pa.table({"image": PICTURES}).replace_schema_metadata({"huggingface": note}))
    assert len(opened(tmp_path / "mine").items) == 12


@pytest.mark.parametrize("write", [arrow, parquets])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_a_table_that_was_cut_is_refused(tmp_path, write, share):
    write(tmp_path / "mine.arrow", table(pa.array([{"bytes": data * 100, "path": None} for data in PICTURES], PAIR)))
    whole = (tmp_path / "mine.arrow").read_bytes()
    (tmp_path / "mine.arrow").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(DataError, match=r"mine\.arrow"):
        open_collection(tmp_path / "mine.arrow")


@pytest.mark.slow
@pytest.mark.parametrize("write", [arrow, parquets])
def test_a_damaged_table_is_read_or_refused_and_nothing_else(tmp_path, write):
    write(tmp_path / "mine.arrow", table(label=LABELS))
    whole, dice = (tmp_path / "mine.arrow").read_bytes(), random.Random(0)
    for _ in range(100):
        damaged = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            damaged[dice.randrange(8, len(whole))] = dice.randrange(256)
        (tmp_path / "mine.arrow").write_bytes(damaged)
        with contextlib.suppress(DataError):
            collection = opened(tmp_path / "mine.arrow")
            for item in collection.items:
                with contextlib.suppress(DataError):
                    collection.read(item)
