import errno
import json
import os
import re
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from pbt_gan import files


def test_a_run_of_another_version_is_refused_by_every_command(pbt_gan, contents, plain, run):
    journal = run / "journal.jsonl"
    first, *rest = journal.read_text().splitlines()
    journal.write_text("\n".join([first.replace('"format":3', '"format":99'), *rest]) + "\n")
    before = contents(run)
    for arguments in (["show"], ["resume"], ["report"], ["sample", "--out", "x.png"], ["compare", run]):
        message = plain(pbt_gan(arguments[0], run, *arguments[1:]))
        assert "has run format 99" in message
        assert "Use the pbt-gan that wrote it" in message
    assert contents(run) == before


@pytest.mark.parametrize("line", [0, 1, 3])
def test_a_damaged_journal_is_told_by_every_command(pbt_gan, contents, plain, run, line):
    journal = run / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[line] = lines[line].replace(b'"member"', b'"nember"').replace(b'"config"', b'"confug"')
    journal.write_bytes(b"".join(lines))
    before = contents(run)
    for arguments in (["show"], ["resume"], ["report"], ["compare", run], ["sample", "--out", "x.png"]):
        message = plain(pbt_gan(arguments[0], run, *arguments[1:]), code=1 if line else 2)
        assert f"journal.jsonl, line {line + 1}, is damaged" in message
        assert "Restore the file from a copy" in message
    assert contents(run) == before


@pytest.mark.parametrize("damage", ["flipped", "cut", "gone"])
def test_a_damaged_checkpoint_is_told_and_the_run_left_as_it_is(pbt_gan, contents, plain, kept, tmp_path, damage):
    run = Path(shutil.copytree(kept / "gan", tmp_path / "run"))
    for path in (run / "checkpoints").iterdir():
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        if damage == "gone":
            path.unlink()
        else:
            path.write_bytes(data if damage == "flipped" else data[:-9])
    before = contents(run)
    for arguments in (["resume", run, "--steps", 8], ["sample", run, "--out", "x.png"]):
        message = plain(pbt_gan(*arguments), code=1)
        assert re.search(r"checkpoints/m0\d-i\d+.safetensors is (damaged|missing).*from a copy", message)
    assert contents(run) == before
    assert not Path("x.png").exists()


@pytest.mark.slow
def test_a_config_file_that_was_damaged_is_written_again(pbt_gan, kept, begun):
    good = (begun / "config.toml").read_bytes()
    (begun / "config.toml").write_text("seed = [")
    assert pbt_gan("show", begun).code == 0
    assert pbt_gan("resume", begun).code == 0
    assert (begun / "config.toml").read_bytes() == good


def test_a_run_in_use_is_refused_and_says_by_whom(pbt_gan, contents, plain, kept, begun):
    with FileLock(begun / ".lock"):
        (begun / ".lock.json").write_text(json.dumps({"pid": 4711, "host": "elsewhere"}))
        before = contents(begun)
        for arguments in (["resume", begun], ["train", kept / "toy.toml", "--out", begun]):
            message = plain(pbt_gan(*arguments))
            assert "in use by process 4711 on elsewhere. Wait until it ends" in message
        assert contents(begun) == before
        assert pbt_gan("show", begun).code == 0


def refuse(monkeypatch, number: int) -> None:
    def perform(primitive, *arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files, "perform", perform)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(errno.EROFS, 2), (errno.EACCES, 2), (errno.ENOSPC, 1), (errno.EIO, 1)])
def test_a_disk_that_refuses_is_told_by_every_command_that_writes(
    pbt_gan, contents, plain, kept, begun, monkeypatch, number, code
):
    Path("new").mkdir()
    refuse(monkeypatch, number)
    before = contents(Path.cwd())
    for arguments in (
        ["train", kept / "toy.toml"],
        ["train", kept / "toy.toml", "--out", "new"],
        ["resume", begun],
        ["report", begun],
        ["compare", kept / "toy", kept / "gan", "--out", "x.png"],
        ["sample", kept / "gan", "--out", "x.png"],
        ["demo", *(f"--set={change}" for change in ("task.width=2", "pbt.population_size=2"))],
    ):
        message = plain(pbt_gan(*arguments), code)
        assert re.search(f"Cannot write .*{os.strerror(number)}", message), arguments
    assert {path: data for path, data in contents(Path.cwd()).items() if not path.endswith(".lock")} == {
        path: data for path, data in before.items() if not path.endswith(".lock")
    }
