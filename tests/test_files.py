import errno
import os
import re
from pathlib import Path
from typing import Any

import pytest

from pbt_gan import files
from pbt_gan.errors import StorageError


def test_a_written_file_holds_its_data_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    files.write(tmp_path / "a.bin", memoryview(b"old"))
    files.write(tmp_path / "a.bin", b"new")
    assert (tmp_path / "a.bin").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


@pytest.mark.parametrize("place", ["before", "amid", "after"])
@pytest.mark.parametrize("at", range(1, 6))
def test_a_file_is_old_or_new_whenever_the_process_dies(tmp_path: Path, faults: Any, at: int, place: str) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old content")
    faults.arm(at, RuntimeError("dead"), place=place)
    with pytest.raises(RuntimeError):
        files.write(path, b"new content")
    assert path.read_bytes() in (b"old content", b"new content")
    faults.calm()
    files.sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


def test_a_full_disk_is_told_and_keeps_no_half_of_a_file(tmp_path: Path, faults: Any) -> None:
    faults.arm(2, OSError(errno.ENOSPC, "No space left on device"), place="amid", lasting=False)
    with pytest.raises(StorageError, match=r"a\.bin: No space left on device\. Free some space") as caught:
        files.write(tmp_path / "a.bin", b"content")
    assert caught.value.exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_may_not_be_written_is_the_users_to_mend(tmp_path: Path, faults: Any) -> None:
    faults.arm(1, OSError(errno.EROFS, "Read-only file system"))
    with pytest.raises(StorageError, match="choose another folder with --out") as caught:
        files.write(tmp_path / "a.bin", b"content")
    assert caught.value.exit_code == 2


def test_durable_data_is_on_disk_before_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[Any] = []
    perform = files.perform

    def watched(call: Any, *args: Any) -> Any:
        order.append(call)
        return perform(call, *args)

    monkeypatch.setattr(files, "perform", watched)
    files.write(tmp_path / "a.bin", b"content")
    assert order == [os.open, os.write, os.fsync, os.replace, os.fsync]
    order.clear()
    files.write(tmp_path / "b.bin", b"content", durable=False)
    assert order == [os.open, os.write, os.replace]


def test_a_short_write_is_carried_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stingy(call: Any, *args: Any) -> Any:
        return call(args[0], args[1][:3]) if call is os.write else call(*args)

    monkeypatch.setattr(files, "perform", stingy)
    files.write(tmp_path / "a.bin", b"0123456789")
    assert (tmp_path / "a.bin").read_bytes() == b"0123456789"


def test_folders_are_made_with_those_above(tmp_path: Path) -> None:
    files.make_folder(tmp_path / "a" / "b")
    files.make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_a_file_in_the_way_of_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    for folder in (tmp_path / "a", tmp_path / "a" / "b"):
        with pytest.raises(StorageError, match="choose another folder"):
            files.make_folder(folder)


def test_removing_what_is_gone_is_fine(tmp_path: Path) -> None:
    files.remove(tmp_path / "a")


def test_appending_goes_on_where_the_file_ends(tmp_path: Path) -> None:
    for line in (b"one\n", b"two\n"):
        appender = files.Appender(tmp_path / "log")
        appender.append(line)
        appender.sync()
        appender.close()
        appender.close()
    assert (tmp_path / "log").read_bytes() == b"one\ntwo\n"


def test_a_torn_end_is_cut_by_the_first_append_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\nto")
    appender = files.Appender(path, size=4)
    assert path.read_bytes() == b"one\nto"
    appender.append(b"two\n")
    appender.close()
    assert path.read_bytes() == b"one\ntwo\n"


def test_an_append_after_a_failed_one_begins_where_that_began(tmp_path: Path, faults: Any) -> None:
    appender = files.Appender(tmp_path / "log")
    appender.append(b"one\n")
    faults.arm(1, OSError(errno.ENOSPC, "No space left on device"), place="amid", lasting=False)
    with pytest.raises(StorageError):
        appender.append(b"a long line\n")
    appender.append(b"two\n")
    appender.close()
    assert (tmp_path / "log").read_bytes() == b"one\ntwo\n"


def test_halves_of_files_are_swept_and_nothing_else(tmp_path: Path) -> None:
    run, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    for folder in (run / "deep" / "er", run / ".hidden", elsewhere):
        folder.mkdir(parents=True)
    (run / "link").symlink_to(elsewhere)
    halves = [run / ".a.bin.0123abcd.tmp", run / "deep" / "er" / "..b.89abcdef.tmp"]
    others = [
        *(run / name for name in (".mine.tmp", "a.bin.0123abcd.tmp", ".a.0123ABCD.tmp", ".a.bin.0123abcd.tmp.txt")),
        run / ".hidden" / ".a.bin.0123abcd.tmp",
        elsewhere / ".a.bin.0123abcd.tmp",
    ]
    for path in (*halves, *others):
        path.touch()
    files.sweep(run)
    assert not any(path.exists() for path in halves)
    assert all(path.exists() for path in others)


def test_a_half_is_called_as_it_is_swept(tmp_path: Path, faults: Any) -> None:
    faults.arm(1, RuntimeError("power cut"), place="after")
    with pytest.raises(RuntimeError):
        files.write(tmp_path / "a.bin", b"content")
    faults.calm()
    assert [path.suffix for path in tmp_path.iterdir()] == [".tmp"]
    files.sweep(tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_lies_behind_a_link_is_nobodys_own(tmp_path: Path) -> None:
    names = re.compile(r"m\d+\.png")
    (tmp_path / "own").mkdir()
    for name in ("m2.png", "m1.png", "mine.png", "m1.png.bak"):
        (tmp_path / "own" / name).touch()
    (tmp_path / "link").symlink_to(tmp_path / "own")
    assert [path.name for path in files.own(tmp_path / "own", names)] == ["m1.png", "m2.png"]
    assert files.own(tmp_path / "link", names) == []
    assert files.own(tmp_path / "none", names) == []
