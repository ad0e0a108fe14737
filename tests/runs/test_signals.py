import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pbt_gan.engine import Stop
from pbt_gan.interrupts import cuttable
from pbt_gan.runs.signals import SIGNALS, stopped_by_signals
from pbt_gan.store.reader import read_run

HEAD = "import os, signal, sys, time\nfrom pathlib import Path\nfrom pbt_gan.toy.quadratic import Quadratic\n"

LONG = """
class Mine(Quadratic):
    def train(self, state, hyperparams, steps, streams):
        if Path("second").exists():
            Path("training").touch()
            time.sleep(600)
        Path("second").touch()
        return super().train(state, hyperparams, steps, streams)
"""

DEAF = """
class Mine(Quadratic):
    def train(self, state, hyperparams, steps, streams):
        Path("training").touch()
        for _ in range(2):
            try:
                time.sleep(600)
            except BaseException:
                Path("swallowed").touch()
        return super().train(state, hyperparams, steps, streams)
"""

ANGRY = """
class Mine(Quadratic):
    def train(self, state, hyperparams, steps, streams):
        Path("training").touch()
        try:
            time.sleep(600)
        except KeyboardInterrupt as error:
            raise RuntimeError("caught") from error
"""

LOADING = """
class Mine(Quadratic):
    def attach(self, folder, device):
        Path("training").touch()
        time.sleep(600)
"""

PREPARING = """
class Mine(Quadratic):
    def prepare(self, folder):
        Path("training").touch()
        time.sleep(600)
"""


@pytest.mark.parametrize("number", SIGNALS.values())
def test_a_signal_becomes_a_wish_to_stop_with_its_name(number):
    stop = Stop()
    before = signal.getsignal(number)
    with stopped_by_signals(stop):
        os.kill(os.getpid(), number)
        assert SIGNALS[str(stop.wanted())] == number
    assert signal.getsignal(number) == before


@pytest.mark.parametrize("number", SIGNALS.values())
def test_a_signal_that_is_ignored_stays_ignored(number):
    stop = Stop()
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with stopped_by_signals(stop):
            os.kill(os.getpid(), number)
        assert stop.wanted() is None
        assert signal.getsignal(number) == signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_an_interrupt_that_is_ignored_is_heard_while_the_run_stands_still():
    stop = Stop()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stopped_by_signals(stop):
            assert stop.standstill is not None
            stop.standstill(True)
            stop.standstill(False)
            os.kill(os.getpid(), signal.SIGINT)
            assert stop.wanted() is None
            stop.standstill(True)
            os.kill(os.getpid(), signal.SIGINT)
            assert stop.wanted() == "interrupted"
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        assert stop.standstill is None
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_second_interrupt_ends_at_once_and_a_second_signal_of_another_kind_changes_nothing():
    stop = Stop()
    with stopped_by_signals(stop):
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGHUP)
        assert stop.wanted() == "SIGTERM"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("number", SIGNALS.values())
def test_work_that_is_open_to_it_is_cut_short_by_the_first_signal(number):
    with stopped_by_signals(Stop()):
        with cuttable() as cut:
            os.kill(os.getpid(), number)
            time.sleep(600)
        assert cut.short


def begun(folder: Path, task: str, *options: str, ignored: int | None = None) -> subprocess.Popen[str]:
    """A run with the serial executor, in the middle of an order, or of what comes before the first."""
    (folder / "mine.py").write_text(HEAD + task)
    process = subprocess.Popen(
        [*(sys.executable, "-m", "pbt_gan", "train", "mine.py:Mine", "--out", "run", "--executor", "serial"), *options],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=(lambda: signal.signal(ignored, signal.SIG_IGN)) if ignored else None,
    )
    wait_for(folder / "training", process)
    return process


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    patience_s = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < patience_s
        time.sleep(0.01)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in out + err
    return process.returncode, out


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGHUP, 129), (signal.SIGTERM, 143)])
def test_one_signal_ends_a_long_order_of_the_serial_executor_and_keeps_what_was_reported(tmp_path, number, code):
    process = begun(tmp_path, LONG, "--population", "3")
    process.send_signal(number)
    found, out = ended(process)
    assert found == code
    assert "Go on with: pbt-gan resume run" in out
    assert [type(record).__name__ for record in read_run(tmp_path / "run").records].count("Report") == 1


@pytest.mark.slow
@pytest.mark.parametrize(("task", "times"), [(DEAF, 2), (ANGRY, 1), (LOADING, 1)])
def test_whatever_a_task_makes_of_an_interrupt_the_run_stops_cleanly(tmp_path, task, times):
    process = begun(tmp_path, task, "--population", "2")
    for _ in range(times):
        process.send_signal(signal.SIGINT)
        if times > 1 and not (tmp_path / "swallowed").exists():
            wait_for(tmp_path / "swallowed", process)
    code, out = ended(process)
    assert code == 130
    assert "Stopped (interrupted). Go on with: pbt-gan resume run" in out
    assert read_run(tmp_path / "run").ending == "interrupted"


@pytest.mark.slow
def test_an_interrupt_before_a_run_begins_ends_at_once(tmp_path):
    process = begun(tmp_path, PREPARING)
    process.send_signal(signal.SIGINT)
    assert ended(process)[0] == 130
    assert not (tmp_path / "run" / "journal.jsonl").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_run_that_was_started_deaf_to_a_signal_is_not_stopped_by_it(tmp_path, number):
    task = LONG.replace("time.sleep(600)", "time.sleep(0.5)")
    process = begun(tmp_path, task, "--population", "2", "--steps", "100", ignored=number)
    process.send_signal(number)
    assert ended(process)[0] == 0
    assert read_run(tmp_path / "run").ending == "finished"


@pytest.mark.slow
def test_a_terminal_that_is_closed_stops_a_run_cleanly(tmp_path):
    (tmp_path / "mine.py").write_text(HEAD + LONG)
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(tmp_path)
        command = ["-m", "pbt_gan", "train", "mine.py:Mine", "--out", "run", "--executor", "serial"]
        os.execv(sys.executable, [sys.executable, *command])
    patience_s = time.monotonic() + 120
    while not (tmp_path / "training").exists():
        assert time.monotonic() < patience_s
        time.sleep(0.01)
    os.close(terminal)
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == 129
    assert read_run(tmp_path / "run").ending == "SIGHUP"


SLOW_DISK = """
import sys, threading, time
from pathlib import Path
from pbt_gan import files
whole = files.perform
def perform(primitive, *arguments):
    if threading.current_thread() is not threading.main_thread():  # which writes the checkpoints of a commit
        Path("committing").touch()
        time.sleep(600)
    return whole(primitive, *arguments)
files.perform = perform
from pbt_gan.cli import main
main()
"""


@pytest.mark.slow
def test_a_second_interrupt_does_not_wait_for_a_commit_and_the_run_goes_on_from_the_one_before(tmp_path):
    (tmp_path / "slow_disk.py").write_text(SLOW_DISK)
    train = [
        "train",
        "quadratic",
        "--out",
        "run",
        "--executor",
        "serial",
        "--steps",
        "100000",
        "--set",
        "checkpoints.every_s=1000",
    ]
    process = subprocess.Popen(
        [sys.executable, "slow_disk.py", *train], cwd=tmp_path, stderr=subprocess.DEVNULL, text=True
    )
    wait_for(tmp_path / "run" / "metrics.csv", process)
    while b'"report"' not in (tmp_path / "run" / "journal.jsonl").read_bytes():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    wait_for(tmp_path / "committing", process)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    again = [sys.executable, "-m", "pbt_gan", "resume", "run", "--max-time", "0.01s"]
    assert subprocess.run(again, cwd=tmp_path, capture_output=True, check=False).returncode == 0
