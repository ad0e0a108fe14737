"""Get one file over HTTP: resumed where it was cut, checked before it gets its name, never without end."""

import hashlib
import http.client
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from pbt_gan import files
from pbt_gan.errors import DataError, StorageError, one_line

TIMEOUT_S = 30.0
"""How long a server may say nothing."""

LEAST_BYTES_A_S = 1_000
"""A server that is slower than this for as long as the timeout counts as one that says nothing."""

MOST_ATTEMPTS = 5
"""At one place, as long as each brings something."""

_PIECE_BYTES = 2**18

Progress = Callable[[int, int | None], None]
"""Is told how many bytes are there, and how many there will be if that is known."""


class _CutError(Exception):
    """The connection ended before the file did; what came is kept."""


class _UnfitError(Exception):
    """What is there is not the file that is wanted."""


def fetch(
    urls: Sequence[str],
    path: Path,
    md5: str,
    most_bytes: int,
    *,
    progress: Progress = lambda there, total: None,
    timeout_s: float = TIMEOUT_S,
) -> None:
    """Get a file from the first place that has it. What has come is kept beside it, and the next call goes on there.

    Args:
        urls: where it is, tried in turn.
        path: where it shall lie; its folder exists.
        md5: its checksum, in hexadecimal digits. A file with another one is removed.
        most_bytes: a file that turns out to be larger is given up.
        progress: see `Progress`.
        timeout_s: how long a server may say nothing.

    Raises:
        DataError: no place has it; says of each why.
        StorageError: the disk refused.
    """
    part = path.with_name(f"{path.name}.part")
    failures = []
    for url in urls:
        reason = _fetched_from(url, part, md5, most_bytes, progress, timeout_s)
        if not reason:
            files.rename(part, path)
            return
        failures.append(f"{urlsplit(url).netloc}: {reason}")
    raise DataError(
        f"{path.name} cannot be fetched ({'; '.join(failures)}). Check the connection and try again, or get {urls[0]} "
        f"in another way and put it at {path}."
    )


def _fetched_from(url: str, part: Path, md5: str, most_bytes: int, progress: Progress, timeout_s: float) -> str:
    """Return why a file cannot be had there; nothing: it is whole, and the right one."""
    reason = ""
    for _ in range(MOST_ATTEMPTS):
        begun = _size(part)
        try:
            _go_on(url, part, begun, most_bytes, progress, timeout_s)
        except _UnfitError as error:
            files.remove(part)
            return str(error)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                return f"it answers {error.code} {http.client.responses.get(error.code, '')}".rstrip()
        except (_CutError, OSError, http.client.HTTPException) as error:
            reason = _why(error)
            if _size(part) > begun:
                continue
            return reason
        if _md5(part) == md5:
            return ""
        files.remove(part)
        reason = f"what it sends has not the checksum {md5} and was removed"
        if not begun:  # else the begin may have been of another file
            return reason
    return reason


def _go_on(url: str, part: Path, begun: int, most_bytes: int, progress: Progress, timeout_s: float) -> None:
    """Append what is missing of a file, or get it as a whole from a server that does not resume."""
    headers = {"User-Agent": "pbt-gan", **({"Range": f"bytes={begun}-"} if begun else {})}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout_s) as response:
        resumed = response.status == http.client.PARTIAL_CONTENT
        if resumed and not re.match(rf"bytes {begun}-", response.headers.get("Content-Range", "")):
            raise _UnfitError("it sends another part than was asked for")
        total = None if response.length is None else response.length + (begun if resumed else 0)
        if total is not None and total > most_bytes:
            raise _UnfitError(f"it announces {total:,} bytes, and the file has less than {most_bytes:,}")
        with closing(files.Appender(part, size=begun if resumed else 0)) as file:
            since, size_then = time.monotonic(), file.size
            # `read1`: what one packet brings. `read` would wait for a whole piece, however slowly it drips.
            while piece := response.read1(_PIECE_BYTES):
                _append(file, piece)
                if file.size > most_bytes:
                    raise _UnfitError(f"it sends more than {most_bytes:,} bytes, and the file has less")
                progress(file.size, total)
                if time.monotonic() - since > timeout_s:
                    if file.size - size_then < LEAST_BYTES_A_S * timeout_s:
                        raise _CutError(f"it sends less than {LEAST_BYTES_A_S:,} bytes a second")
                    since, size_then = time.monotonic(), file.size
            if total is not None and file.size < total:
                raise _CutError(f"the connection ended after {file.size:,} of {total:,} bytes")


def _append(file: files.Appender, piece: bytes) -> None:
    try:
        file.append(piece)
    except StorageError as error:
        error.hint = (
            "What has come is kept, and the next try goes on there. $PBT_GAN_CACHE names another folder for it."
        )
        raise


def _why(error: Exception) -> str:
    if isinstance(error, _CutError):
        return str(error)
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return "it does not answer in time"
    if isinstance(cause, OSError):
        return cause.strerror or one_line(cause)
    return one_line(cause) if isinstance(cause, Exception) else str(cause)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _md5(path: Path) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
