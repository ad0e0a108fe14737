"""The recipe for SLURM, as it stands in the documents, under a queue that is played."""

import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pbt_gan.store.reader import read_run

RECIPE = Path(__file__).parents[2] / "docs" / "job-queues.md"
RUN = ["quadratic", "--executor", "serial", "--population", "3", "--steps", "1000", "--set", "pbt.ready_interval=10"]

SRUN = f"""#!{sys.executable}
import os, signal, subprocess, sys, time
from pathlib import Path
run = subprocess.Popen(sys.argv[1:])
journal, times = Path(os.environ["RUN"], "journal.jsonl"), Path("times")
count = lambda: journal.read_bytes().count(b'"report"') if journal.exists() else 0
begun = count()
if int(times.read_text() if times.exists() else 0) < 1:  # its time is over early
    while count() < begun + 30 and run.poll() is None:
        time.sleep(0.01)
    times.write_text(str(int(times.read_text() if times.exists() else 0) + 1))
    run.send_signal(signal.SIGUSR1)
sys.exit(run.wait())
"""
SCONTROL = '#!/bin/bash\necho "$1 $2" >> scontrol\n'
PBT_GAN = f'#!/bin/bash\nexec {sys.executable} -m pbt_gan "$@"\n'


def programs(folder: Path, **texts: str) -> Path:
    folder.mkdir()
    for name, text in texts.items():
        path = folder / name.replace("_", "-")
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return folder


def recipe(folder: Path) -> Path:
    (script,) = re.findall(r"```bash\n(.*?)```", RECIPE.read_text(encoding="utf-8"), re.DOTALL)
    path = folder / "train.sh"
    path.write_text(script)
    return path


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_job_is_put_into_the_queue_again_until_its_run_has_finished(
    tmp_path: Path, outcome: Callable[[Path], Any]
) -> None:
    run, script = tmp_path / "run", recipe(tmp_path)
    path = programs(tmp_path / "bin", srun=SRUN, scontrol=SCONTROL, pbt_gan=PBT_GAN)
    environment = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}", "RUN": str(run), "SLURM_JOB_ID": "7"}
    job = ["bash", str(script), *RUN, "--out", str(run)]
    for code, ending in ((128 + signal.SIGUSR1, "SIGUSR1"), (0, "finished")):
        done = subprocess.run(job, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, read_run(run).ending) == (code, ending)
        assert "Traceback" not in done.stdout + done.stderr
        assert (tmp_path / "scontrol").read_text() == "requeue 7\n"  # and not again
    subprocess.run([sys.executable, "-m", "pbt_gan", "train", *RUN, "--out", tmp_path / "uncut"], check=True)
    assert outcome(run) == outcome(tmp_path / "uncut")
