import os
import subprocess
import sys
from itertools import combinations

import pytest

from pbt_gan import streams
from pbt_gan.store.reader import read_run

CLOSED = [numbers for count in range(4) for numbers in combinations(range(3), count)]

LOOK = """
import os, sys
from pbt_gan import streams
streams.hold()
where = [os.readlink(f"/proc/self/fd/{number}") for number in range(3)]
passed_on = [os.get_inheritable(number) for number in range(3)]
next_file = os.open("x", os.O_CREAT)
sys.stdin.read(); sys.stdout.write(""); sys.stderr.write("")
open("told", "w").write(repr((where, passed_on, next_file)))
"""

TASK = """
import os, sys
from pbt_gan.toy.quadratic import Quadratic
class Loud(Quadratic):
    def score(self, state, rng):
        print("HELLO")
        print("HELLO", file=sys.stderr)
        for number in (1, 2):
            os.write(number, b"HELLO")  # as a C library would
        return super().score(state, rng)
"""


def started(command, closed, **options):
    closing = " ".join(f"{number}{'<' if number == 0 else '>'}&-" for number in closed)
    return subprocess.run(["sh", "-c", f'exec "$0" "$@" {closing}', *command], timeout=120, check=False, **options)


@pytest.mark.slow
@pytest.mark.parametrize("closed", CLOSED, ids=str)
def test_whatever_is_closed_no_file_that_is_opened_later_is_a_standard_stream(tmp_path, closed):
    given = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    assert started([sys.executable, "-c", LOOK], closed, cwd=tmp_path, **given).returncode == 0
    where, passed_on, next_file = eval((tmp_path / "told").read_text())
    assert where == ["/dev/null"] * 3
    assert all(passed_on)
    assert next_file > 2


def test_streams_that_are_there_are_left_alone(capfd):
    before = [os.fstat(number) for number in range(3)], sys.stdin, sys.stdout, sys.stderr
    streams.hold()
    assert ([os.fstat(number) for number in range(3)], sys.stdin, sys.stdout, sys.stderr) == before


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["serial", "processes"])
@pytest.mark.parametrize("closed", [(2,), (0, 1, 2)], ids=str)
def test_a_run_with_closed_streams_is_trained_shown_and_gone_on_with(tmp_path, executor, closed):
    (tmp_path / "loud.py").write_text(TASK)
    pbt_gan = [sys.executable, "-m", "pbt_gan"]
    size = ["--population", "2", "--steps", "10", "--set", "pbt.ready_interval=10", "--workers", "1"]
    for arguments in (
        ["train", "loud.py:Loud", "--out", "run", "--executor", executor, *size],
        ["resume", "run", "--steps", "20"],
        ["show", "run"],
        ["report", "run"],
    ):
        ended = started([*pbt_gan, *arguments], closed, cwd=tmp_path, stdout=subprocess.DEVNULL)
        assert ended.returncode == 0, arguments
    assert read_run(tmp_path / "run").ending == "finished"
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert not [path for path in files if b"HELLO" in path.read_bytes()]


@pytest.mark.slow
def test_a_run_of_the_python_interface_holds_them_too(tmp_path):
    (tmp_path / "loud.py").write_text(TASK)
    (tmp_path / "go.py").write_text(
        "import pbt_gan\nfrom loud import Loud\n"
        "pbt_gan.run(Loud, out='run', population_size=2, total_steps=2, ready_interval=1, executor='serial')\n"
    )
    assert started([sys.executable, "go.py"], (0, 1, 2), cwd=tmp_path).returncode == 0
    assert read_run(tmp_path / "run").ending == "finished"


@pytest.mark.slow
@pytest.mark.parametrize(("reader", "code"), [("true", 1), ("head -1", 1), ("cat", 0)])
def test_whoever_reads_no_further_is_told_nothing_more(tmp_path, reader, code):
    command = f"{sys.executable} -m pbt_gan presets digits | ({reader}) > /dev/null; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.stderr == ""
    assert ended.returncode in (0, code)


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has it")  # noqa: PTH110
def test_a_full_disk_behind_standard_output_is_told_in_a_line(tmp_path):
    command = f"{sys.executable} -m pbt_gan presets digits > /dev/full"
    ended = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "what the output goes to" in ended.stderr
