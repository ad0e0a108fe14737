import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pbt_gan.store.reader import read_run

FAST = ["--executor", "serial", "--population", "2"]


@pytest.mark.slow
def test_a_run_that_fails_on_the_way_says_why_and_how_it_goes_on(pbt_gan):
    Path("frail.py").write_text(
        "from pbt_gan.toy.quadratic import Quadratic\n"
        "class Frail(Quadratic):\n"
        "    def score(self, state, rng):\n"
        "        raise ArithmeticError('stumbled')\n"
    )
    said = pbt_gan("train", "frail.py:Frail", *FAST)
    assert said.code == 1
    assert "Traceback" not in said.out + said.err
    *_, first, second = said.err.splitlines()
    told = r"TaskError: Member 0 in its interval 1 .*ArithmeticError: stumbled\. Mend .*frail\.py, line 4 and resume"
    assert re.match(told, first)
    assert second == "What was done until then is kept; go on with: pbt-gan resume runs/0001-frail"
    assert "ArithmeticError" in Path("runs/0001-frail/log.txt").read_text()
    Path("frail.py").write_text("from pbt_gan.toy.quadratic import Quadratic as Frail\n")
    sys.modules.pop(next(name for name in sys.modules if name.startswith("pbt_gan_user_frail")))
    assert pbt_gan("resume", "runs/0001-frail").code == 0


@pytest.mark.slow
def test_a_run_that_ends_for_want_of_memory_says_how_it_goes_on(pbt_gan):
    Path("large.py").write_text(
        "from pbt_gan.toy.quadratic import Quadratic\n"
        "class Large(Quadratic):\n"
        "    def score(self, state, rng):\n"
        "        raise MemoryError('too much')\n"
    )
    said = pbt_gan("train", "large.py:Large", *FAST)
    assert said.code == 1
    *_, first, second = said.err.splitlines()
    assert first.startswith("OutOfMemoryError: Member 0 in its interval 1")
    assert second == "What was done until then is kept; go on with: pbt-gan resume runs/0001-large"


def test_interrupting_at_once_ends_with_the_exit_code_of_a_signal(pbt_gan, kept, monkeypatch):
    def interrupted(*given, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr("pbt_gan.runs.launch.DiskStore.create", interrupted)
    said = pbt_gan("train", kept / "toy.toml")
    assert said.code == 130
    assert said.err == ""


def command(*arguments, cwd):
    whole = [sys.executable, "-m", "pbt_gan", *map(str, arguments)]
    return subprocess.Popen(whole, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 138)])
def test_a_signal_stops_a_run_cleanly_and_a_second_process_is_refused_until_then(tmp_path, number, code):
    (tmp_path / "slow.py").write_text(
        "import time\n"
        "from pbt_gan.toy.quadratic import Quadratic\n"
        "class Slow(Quadratic):\n"
        "    def score(self, state, rng):\n"
        "        time.sleep(0.05)\n"
        "        return super().score(state, rng)\n"
    )
    process = command("train", "slow.py:Slow", "--steps", 100_000, *FAST, cwd=tmp_path)
    run = tmp_path / "runs" / "0001-slow"
    patience = time.monotonic() + 60
    while b'"report"' not in ((run / "journal.jsonl").read_bytes() if (run / "journal.jsonl").exists() else b""):
        assert time.monotonic() < patience
        assert process.poll() is None
        time.sleep(0.05)
    second = command("resume", run, cwd=tmp_path)
    _, refused = second.communicate(timeout=60)
    assert second.returncode == 2
    assert f"is in use by process {process.pid} on " in refused
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Go on with: pbt-gan resume runs/0001-slow" in out
    assert "Traceback" not in out + err
    assert read_run(run).ending in out
