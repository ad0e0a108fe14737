"""What a tar holds, header by header; `tarfile` follows what they announce, and takes a long name of any length."""

import tarfile
from collections.abc import Iterator
from typing import NamedTuple, Protocol

MOST_HEADER_BYTES = 2**16
"""Of what stands before a file to tell of its long name."""

_LONG_NAME = tarfile.GNUTYPE_LONGNAME
_EXTENDED = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
_OF_OTHERS = (tarfile.XGLTYPE, tarfile.GNUTYPE_LONGLINK)  # tell of all files, or of the target of a link
_LINKS = (tarfile.LNKTYPE, tarfile.SYMTYPE)


class Stream(Protocol):
    """What is read forwards."""

    def read(self, size: int) -> bytes:
        """Return the next bytes; fewer only at the end."""

    def skip(self, size: int) -> None:
        """Go on by so many bytes.

        Raises:
            EOFError: there are fewer.
        """


class Entry(NamedTuple):
    """A file, or what else has a name in a tar."""

    name: str
    kind: str  # "file", "folder", "link" or "special file"
    size: int  # bytes that follow


def entries(stream: Stream) -> Iterator[Entry]:
    """Go through a tar. The content of an entry and its `padding` are to be passed before the next is asked for.

    Raises:
        ValueError, tarfile.HeaderError: it is damaged, or announces what no honest archive has.
        EOFError: it ends within something.
    """
    said: dict[str, str] = {}  # of the entry that follows
    while (head := stream.read(tarfile.BLOCKSIZE)).strip(b"\0"):
        info = tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
        if info.size < 0:
            raise ValueError("a file has a negative size")
        if info.type == tarfile.GNUTYPE_SPARSE:
            raise ValueError("it holds sparse files")
        if info.type == _LONG_NAME:
            said["path"] = _text(_header(stream, info.size)).rstrip("\0")
        elif info.type in _EXTENDED:
            said |= _records(_header(stream, info.size))
        elif info.type in _OF_OTHERS:
            stream.skip(info.size + padding(info.size))
        else:
            kind = _kind(info)
            size = int(said.get("size", info.size)) if kind == "file" else 0
            if size < 0 or any(key.startswith("GNU.sparse.") for key in said):
                raise ValueError("it holds sparse files, or sizes below zero")
            yield Entry(said.get("path", info.name), kind, size)
            said = {}


def padding(size: int) -> int:
    """Return how many bytes fill up the last block of a file."""
    return -size % tarfile.BLOCKSIZE


def _kind(info: tarfile.TarInfo) -> str:
    if info.type in _LINKS:
        return "link"
    if info.isdir():
        return "folder"
    return "file" if info.isreg() or info.type not in tarfile.SUPPORTED_TYPES else "special file"


def _header(stream: Stream, size: int) -> bytes:
    if size > MOST_HEADER_BYTES:
        raise ValueError("a name is longer than any")
    data = stream.read(size)
    if len(data) < size:
        raise EOFError("it ends within a name")
    stream.skip(padding(size))
    return data


def _records(data: bytes) -> dict[str, str]:
    """Return the values of a pax header: lines of their own length, a key and a value (POSIX.1-2001, pax)."""
    found = {}
    while data:
        length, _, rest = data.partition(b" ")
        size = int(length)
        if not len(length) + 1 < size <= len(data):
            raise ValueError("a header is shorter or longer than it says")
        key, _, value = rest[: size - len(length) - 1].removesuffix(b"\n").partition(b"=")
        found[_text(key)] = _text(value)
        data = data[size:]
    return found


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
