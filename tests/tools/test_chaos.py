import sys
from pathlib import Path

import pytest

from tools.chaos.disk import Disk
from tools.chaos.faults import BLOWS, DAMAGES, applicable
from tools.chaos.kinds import KINDS, Kind
from tools.chaos.storm import Storm
from tools.chaos.walk import taken


@pytest.fixture(autouse=True)
def own_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_short_storm_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    kinds = [Kind("processes", mode="async", comparison="fair", steps=500), Kind("serial", steps=500)]
    storm = Storm(5, tmp_path / "runs", kinds)
    try:
        storm.rage(5)
    finally:
        storm.close()
    assert storm.violations == []
    assert storm.faults.total() >= 5
    assert storm.tally["equal to the uncut run"] >= 1


class Broken(Kind):
    def command(self, folder: Path) -> list[str]:
        return [sys.executable, "-c", "raise SystemExit(7)"]


def test_a_storm_tells_of_a_run_that_ends_as_it_should_not(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    storm = Storm(0, tmp_path / "runs", [Broken("serial")])
    try:
        storm.rage(3)
    finally:
        storm.close()
    assert all("ended with 7" in violation for violation in storm.violations)
    assert storm.violations


def test_whatever_there_is_befalls_some_kind_of_run() -> None:
    assert {name for kind in KINDS for name in applicable(kind)} == BLOWS.keys()
    assert not BLOWS.keys() & set(DAMAGES)
    assert {(kind.executor, kind.group > 1) for kind in KINDS} == {
        ("serial", False),
        ("processes", False),
        ("processes", True),
    }
    assert len({str(kind) for kind in KINDS}) == len(KINDS) == 9


def test_a_deed_is_done_once(tmp_path: Path) -> None:
    (tmp_path / "worker.clock").write_text("5")
    assert taken(tmp_path, "run") == {}
    assert taken(tmp_path, "worker") == {"clock": "5"}
    assert taken(tmp_path, "worker") == {}


def test_a_disk_that_was_filled_has_room_again(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    disk = Disk(tmp_path / "disk")
    try:
        if not disk.mounted:
            pytest.skip("nothing may be mounted here")
        disk.fill(0)
        with pytest.raises(OSError, match="No space"):
            (tmp_path / "disk" / "more").write_bytes(bytes(10))
        disk.free()
        (tmp_path / "disk" / "more").write_bytes(bytes(10))
        assert disk.make_read_only(tmp_path / "disk")
        with pytest.raises(OSError, match="Read-only"):
            (tmp_path / "disk" / "again").write_bytes(bytes(10))
        disk.make_writable(tmp_path / "disk")
    finally:
        disk.close()
