"""Tables with a column of pictures: Parquet, and the Arrow files that Hugging Face's `datasets` writes.

They are read by pyarrow, an optional extra; `datasets` itself is not needed.
"""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from pbt_gan.errors import DataError, printable
from pbt_gan.gan.data.pictures.collection import Collection, Item
from pbt_gan.gan.data.pictures.columns import class_name
from pbt_gan.gan.data.pictures.layout import Place
from pbt_gan.gan.data.pictures.listing import MOST_FILES, check_picture, in_order, labelled
from pbt_gan.gan.data.pictures.names import split_of_table
from pbt_gan.gan.data.pictures.table_files import ARROW, PARQUET, STREAM, TableFile, open_table


class TablesOfPictures(Collection):
    """Rows of the tables of a folder, or of one table alone.

    Args:
        folder: where the tables lie.
        stamps: of the tables, by name.
        ignored: what else lies there, by kind.

    Raises:
        DataError: a table is damaged, none has a column of pictures, or pyarrow is not installed.
    """

    kind = "table of images"

    def __init__(self, folder: Path, stamps: Mapping[str, str], ignored: Mapping[str, int]) -> None:
        self._tables: dict[str, TableFile] = {}
        self._lock = threading.Lock()
        try:
            for name in sorted(stamps):
                with _errors_told(f"{folder / name} is truncated, damaged or no table", "; fetch it again."):
                    self._tables[name] = open_table(folder / name)
            tables = {name: table for name, table in self._tables.items() if table.columns is not None}
            _check(folder, stamps, [*tables.values()])
            places = _places(tables)
            labels, names = self._labels(folder, tables)
        except BaseException:
            self.close()
            raise
        kept, left_out, remarks = labelled(places, labels, "the column of labels") if labels else (places, {}, ())
        self.items = [Item(name, stamps[name.rpartition("/")[0]], *place) for name, place in kept.items()]
        self.ignored = Counter(ignored) + Counter(left_out, **{"other tables": len(stamps) - len(tables)})
        used = {item.label for item in self.items}
        self.class_names = [name for name in names if name in used]
        unseen = sum(item.part == "unseen" for item in self.items)
        held_back = [f"{unseen:,} pictures of tables for tests are not trained on; they check scores"] if unseen else []
        self.remarks = [*remarks, *held_back]

    def read(self, item: Item) -> bytes:
        """Return the content of a row."""
        name, _, row = item.name.rpartition("/")
        with self._lock, _errors_told("damaged"):
            data = self._tables[name].picture(int(row))
        if data is None:
            raise DataError("no picture in this row, at most the name of a file")
        check_picture(len(data))
        return data

    def close(self) -> None:
        """Close all files."""
        for table in self._tables.values():
            table.close()
        self._tables.clear()

    def _labels(self, folder: Path, tables: Mapping[str, TableFile]) -> tuple[dict[str, str], Sequence[str]]:
        """Return the labels of rows that have one, and the names of classes by their numbers."""
        labels: dict[str, str] = {}
        named: dict[str, None] = {}
        for name, table in tables.items():
            if table.columns is None or table.columns.labels is None:
                continue
            names = table.columns.class_names
            with _errors_told(f"{folder / name} is damaged", "; fetch it again."):
                said = [class_name(value, names) for value in table.labels(table.columns.labels)]
                rows = zip(_rows(name, table), said, strict=True)
                labels.update((row, label) for row, label in rows if label is not None)
            named |= dict.fromkeys(names or ())
        return labels, [*named, *in_order(set(labels.values()) - named.keys())]


def is_table_file(path: Path) -> bool:
    """Whether a file begins as a table does. What `datasets` writes begins like nothing in particular."""
    with path.open("rb") as file:
        begin = file.read(len(ARROW))
    return begin.startswith((PARQUET, ARROW)) or (begin.startswith(STREAM) and path.suffix.lower() == ".arrow")


def _check(folder: Path, stamps: Mapping[str, str], tables: Sequence[TableFile]) -> None:
    if not tables:
        names = printable(", ".join(sorted(stamps)))[:120]
        raise DataError(f"{folder}: {names} has no column of encoded pictures. Give them as bytes, such as whole PNGs.")
    if sum(table.rows for table in tables) > MOST_FILES:
        raise DataError(f"{folder}: its tables hold more than {MOST_FILES:,} rows; give a part of them.")


def _rows(name: str, table: TableFile) -> list[str]:
    """Return the names of rows, which sort as they stand in the table."""
    digits = len(str(table.rows))
    return [f"{name}/{row:0{digits}}" for row in range(table.rows)]


def _places(tables: Mapping[str, TableFile]) -> dict[str, Place]:
    """Return the part of each row. Where all tables are for tests, they are trained on."""
    hold_back = any(split_of_table(name) != "unseen" for name in tables)
    parts = {name: split_of_table(name) if hold_back else None for name in tables}
    return {row: Place(None, parts[name] or "train") for name, table in tables.items() for row in _rows(name, table)}


@contextmanager
def _errors_told(what: str, mend: str = "") -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise DataError(
            "Tables are read by pyarrow, which is not installed: pip install 'pbt-gan[parquet]'."
        ) from error
    except Exception as error:  # pyarrow raises a dozen kinds on a damaged file
        reason = printable(str(error) or type(error).__name__)[:120]
        raise DataError(f"{what} ({reason}){mend}") from error
