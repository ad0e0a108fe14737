"""A file that is fetched is whole and the right one, wherever it was cut, or is not there; no server is waited on."""

import errno
import hashlib
import os
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan import files
from pbt_gan.errors import DataError, StorageError
from pbt_gan.gan.data.fetching import fetch
from tests.gan.data.serving import Server, missing, serving, whole

CONTENT = bytes(range(256)) * 400
MD5 = hashlib.md5(CONTENT).hexdigest()
MOST = 2 * len(CONTENT)


def complete(server: Server) -> None:
    whole(server, CONTENT)


def resuming(server: Server, content: bytes = CONTENT, cut: int | None = None) -> None:
    """Send what was asked for, or no more than `cut` bytes of it."""
    asked = re.match(r"bytes=(\d+)-", server.headers["Range"] or "")
    begin = int(asked[1]) if asked else 0
    if begin >= len(content):
        server.send_error(416)
        return
    span = f"bytes {begin}-{len(content) - 1}/{len(content)}"
    server.head(206 if asked else 200, Content_Length=len(content) - begin, Content_Range=span)
    server.wfile.write(content[begin:] if cut is None else content[begin : begin + cut])


def endless(server: Server) -> None:
    server.head(200)
    while True:
        server.wfile.write(CONTENT)


def silent(server: Server) -> None:
    server.head(200, Content_Length=len(CONTENT))
    server.wfile.write(CONTENT[:100])
    time.sleep(1)


def dripping(server: Server) -> None:
    server.head(200, Content_Length=len(CONTENT))
    for byte in CONTENT[:200]:
        server.wfile.write(bytes([byte]))
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


def got(path: Path) -> bool:
    """Whether the file is there, whole, and nothing beside it."""
    return path.read_bytes() == CONTENT and [*path.parent.iterdir()] == [path]


def refused(urls: list[str], path: Path, timeout_s: float = 5) -> str:
    with pytest.raises(DataError) as caught:
        fetch(urls, path, MD5, MOST, timeout_s=timeout_s)
    assert not path.exists()
    return str(caught.value)


def test_a_file_is_fetched_whole_and_progress_is_told(tmp_path):
    told: list[tuple[int, int | None]] = []
    with serving(a=complete) as (place, _):
        fetch([f"{place}a"], tmp_path / "a", MD5, MOST, progress=lambda *step: told.append(step))
    assert got(tmp_path / "a")
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [there for there, _ in told] == sorted(there for there, _ in told)


@pytest.mark.parametrize("server", [resuming, complete])
@pytest.mark.parametrize("there", [1, 5_000, len(CONTENT)])
def test_what_is_there_is_not_fetched_again_where_the_server_can_resume(tmp_path, server, there):
    (tmp_path / "a.part").write_bytes(CONTENT[:there])
    with serving(a=server) as (place, asked):
        fetch([f"{place}a"], tmp_path / "a", MD5, MOST)
    assert got(tmp_path / "a")
    assert asked == [("/a", f"bytes={there}-")]


@pytest.mark.parametrize("part", [b"something else", CONTENT + b"more"])
def test_a_begin_of_another_file_is_removed_and_the_file_fetched_anew(tmp_path, part):
    (tmp_path / "a.part").write_bytes(part)
    with serving(a=resuming) as (place, asked):
        fetch([f"{place}a"], tmp_path / "a", MD5, MOST)
    assert got(tmp_path / "a")
    assert [span for _, span in asked] == [f"bytes={len(part)}-", None]


def test_a_connection_that_is_cut_goes_on_where_it_was(tmp_path):
    with serving(a=lambda server: resuming(server, cut=30_000)) as (place, asked):
        fetch([f"{place}a"], tmp_path / "a", MD5, MOST)
    assert got(tmp_path / "a")
    assert len(asked) == 4


def test_a_server_that_brings_little_at_a_time_is_not_asked_for_ever_but_what_came_is_kept(tmp_path):
    with serving(a=lambda server: resuming(server, cut=10)) as (place, asked):
        assert "ended after 50 of 102,400 bytes" in refused([f"{place}a"], tmp_path / "a")
    assert len(asked) == 5
    assert (tmp_path / "a.part").read_bytes() == CONTENT[:50]


def test_a_file_with_another_checksum_is_removed_and_said(tmp_path):
    with serving(a=lambda server: whole(server, CONTENT[::-1])) as (place, _):
        assert f"has not the checksum {MD5}" in refused([f"{place}a"], tmp_path / "a")
    assert not [*tmp_path.iterdir()]


def test_the_next_place_is_tried_and_goes_on_with_what_the_first_has_brought(tmp_path):
    with serving(a=lambda server: resuming(server, cut=20), b=missing, c=resuming) as (place, asked):
        fetch([f"{place}{name}" for name in "abc"], tmp_path / "a", MD5, MOST)
    assert got(tmp_path / "a")
    assert asked[-2:] == [("/b", "bytes=100-"), ("/c", "bytes=100-")]


def test_a_redirect_is_followed(tmp_path):
    with serving(a=lambda server: server.head(302, Location="/b"), b=complete) as (place, _):
        fetch([f"{place}a"], tmp_path / "a", MD5, MOST)
    assert got(tmp_path / "a")


@pytest.mark.parametrize(
    ("server", "told"),
    [
        (missing, "404"),
        (lambda server: server.send_error(500, "a long story\x1b[31m"), "500"),
        (lambda server: server.head(302, Location="/a"), "302 Found"),
        (lambda server: server.head(302, Location="file:///etc/passwd"), "302 Found"),
        (lambda server: server.head(206, Content_Range="bytes 7-9/10", Content_Length=3), "404|another part"),
        (lambda server: server.head(200, Content_Length=MOST + 1), "announces"),
        (endless, "sends more than"),
        (lambda server: server.wfile.write(b"no HTTP\r\n\r\n"), "BadStatusLine"),
        (lambda server: server.wfile.write(b""), "without response"),
        (silent, "in time"),
        (dripping, "bytes a second"),
    ],
)
def test_a_server_that_does_not_have_it_is_left_soon_and_the_reason_told(tmp_path, server, told):
    with serving(a=server) as (place, _):
        message = refused([f"{place}a"], tmp_path / "a", timeout_s=0.2)
    assert re.search(told, message), message
    assert "127.0.0.1" in message
    assert len(message.splitlines()) == 1


def test_without_a_network_it_says_so_in_one_line(tmp_path):
    with serving() as (place, _):
        pass
    message = refused([f"{place}a"], tmp_path / "a")
    assert "Connection refused" in message
    assert "Check the connection" in message
    assert len(message.splitlines()) == 1


def test_a_full_disk_is_told_and_the_next_try_goes_on(tmp_path, monkeypatch):
    def perform(primitive, *args):
        if primitive is os.write and os.fstat(args[0]).st_size >= 50_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return primitive(*args) if primitive is not os.write else os.write(args[0], bytes(args[1][:10_000]))

    with serving(a=resuming) as (place, asked):
        with monkeypatch.context() as full:
            full.setattr(files, "perform", perform)
            with pytest.raises(StorageError, match="Free some space") as caught:
                fetch([f"{place}a"], tmp_path / "a", MD5, MOST)
        assert "PBT_GAN_CACHE" in caught.value.hint
        assert len(asked) == 1
        fetch([f"{place}a"], tmp_path / "a", MD5, MOST)
    assert got(tmp_path / "a")


@pytest.mark.slow
@given(st.lists(st.integers(1, 40_000), min_size=3, max_size=8), st.binary(max_size=300))
def test_wherever_it_is_cut_and_whatever_is_there_the_file_becomes_the_right_one(tmp_path_factory, cuts, there):
    path = tmp_path_factory.mktemp("cut") / "a"
    path.with_name("a.part").write_bytes(there)
    left = list(cuts)
    with serving(a=lambda server: resuming(server, cut=left.pop() if left else None)) as (place, _):
        for _ in range(10):
            try:
                fetch([f"{place}a"], path, MD5, MOST)
                break
            except DataError:
                continue
    assert got(path)
