"""One file of a table: Parquet, or Arrow as Hugging Face's `datasets` writes it."""

import bisect
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pbt_gan.gan.data.pictures.columns import Columns, columns

if TYPE_CHECKING:
    import pyarrow as pa

MOST_GROUP_BYTES = 2**30
"""Of one row group, the pictures of which are unpacked together."""

_GROUPS_KEPT = 2  # several threads that read in order are in one group, or the next

PARQUET, ARROW, STREAM = b"PAR1", b"ARROW1", b"\xff\xff\xff\xff"
"""How files begin: the last one is Arrow too, and what `datasets` writes."""


class TableFile(Protocol):
    """Rows, of which one column may hold pictures. Not for several threads at a time."""

    columns: Columns | None
    rows: int

    def labels(self, column: str) -> Iterator[object]:
        """Return the values of a column."""

    def picture(self, row: int) -> bytes | None:
        """Return an encoded picture; None: the row has none."""

    def close(self) -> None:
        """Close the file."""


def open_table(path: Path) -> TableFile:
    """Open a file of a table.

    Raises:
        ImportError: pyarrow is not installed.
        Exception: whatever pyarrow raises on damaged files.
    """
    with path.open("rb") as file:
        begin = file.read(len(ARROW))
    return _Parquet(path) if begin.startswith(PARQUET) else _Arrow(path, stream=begin != ARROW)


class _Parquet:
    """Row groups are unpacked as a whole, and the last ones are kept: whoever reads in order unpacks each once."""

    def __init__(self, path: Path) -> None:
        from pyarrow import parquet

        self._file = parquet.ParquetFile(path)
        self.columns = columns(self._file.schema_arrow)
        found = self._file.metadata
        rows = [found.row_group(group).num_rows for group in range(found.num_row_groups)]
        self.rows: int = found.num_rows
        self._ends = list(accumulate(rows))
        if min(rows, default=0) < 0 or sum(rows) != self.rows:
            raise ValueError("its row groups hold more or fewer rows than it says")
        self._groups: dict[int, pa.ChunkedArray] = {}  # the newest last

    def labels(self, column: str) -> Iterator[object]:
        for batch in self._file.iter_batches(columns=[column]):
            yield from batch.column(0).to_pylist()

    def picture(self, row: int) -> bytes | None:
        group = bisect.bisect_right(self._ends, row)
        if group not in self._groups:
            if len(self._groups) == _GROUPS_KEPT:
                del self._groups[next(iter(self._groups))]
            self._groups[group] = self._unpacked(group)
        first = self._ends[group - 1] if group else 0
        return _bytes(self._groups[group], row - first)

    def close(self) -> None:
        self._groups.clear()
        self._file.close()

    def _unpacked(self, group: int) -> "pa.ChunkedArray":
        assert self.columns is not None, "a table without pictures was asked for one"
        leaf = f"{self.columns.pictures}.bytes" if self.columns.packed else self.columns.pictures
        size = self._file.metadata.row_group(group).total_byte_size
        if size > MOST_GROUP_BYTES:
            raise ValueError(
                f"a row group of {size / 2**30:.1f} GiB does not fit; write smaller ones, such as row_group_size=1000"
            )
        return _pictures(self._file.read_row_group(group, columns=[leaf]).column(0), self.columns)


class _Arrow:
    """The file is mapped into memory, so that nothing is read before it is asked for."""

    def __init__(self, path: Path, stream: bool) -> None:
        import pyarrow as pa

        self._file = pa.memory_map(str(path))
        try:
            self._table = (pa.ipc.open_stream if stream else pa.ipc.open_file)(self._file).read_all()
            self.columns = columns(self._table.schema)
            self.rows: int = self._table.num_rows
            self._pictures = (
                _pictures(self._table.column(self.columns.pictures), self.columns) if self.columns else None
            )
        except BaseException:
            self._file.close()
            raise

    def labels(self, column: str) -> Iterator[object]:
        values = self._table.column(column)
        values.validate(full=True)
        for chunk in values.chunks:
            yield from chunk.to_pylist()

    def picture(self, row: int) -> bytes | None:
        assert self._pictures is not None, "a table without pictures was asked for one"
        return _bytes(self._pictures, row)

    def close(self) -> None:
        del self._table, self._pictures  # they lie in the file
        self._file.close()


def _pictures(column: "pa.ChunkedArray", chosen: Columns) -> "pa.ChunkedArray":
    """Return the encoded pictures themselves, after a look at where each begins and ends: files may say anything."""
    import pyarrow as pa

    for chunk in column.chunks:
        chunk.validate(full=True)  # or a damaged file ends the process
    chunks = [chunk.field("bytes") if chosen.packed else chunk for chunk in column.chunks]
    return pa.chunked_array(chunks, type=None if chunks else pa.binary())


def _bytes(pictures: "pa.ChunkedArray", row: int) -> bytes | None:
    data: bytes | None = pictures[row].as_py()
    return data or None  # of a pair that is missing, the bytes may be empty
