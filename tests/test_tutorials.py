"""The tutorials, and the README's path to a model of one's own, carried out as a reader would: block by block."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pbt_gan import Run, codec
from pbt_gan.config.settings import Config
from pbt_gan.runs.launch import go_on, start
from pbt_gan.runs.project import Project
from pbt_gan.validation import validated

ROOT = Path(__file__).parent.parent
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
BLOCK = re.compile(r"^```(\w+) *(.*)\n((?s:.*?))^```", re.MULTILINE)

Follow = Callable[[str], None]


@pytest.fixture
def follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Follow]:
    """Carry out a page's blocks in order, in one empty folder; one with a title is saved under that name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    before = set(sys.modules)

    def follow(page: str) -> None:
        names: dict[str, Any] = {"__name__": "tutorial"}
        for language, details, text in BLOCK.findall(page):
            title = re.search(r'title="([\w.-]+)"', details)
            if title:
                (tmp_path / title[1]).write_text(text, encoding="utf-8")
            elif language == "sh":
                done = subprocess.run(["sh", "-euc", text], capture_output=True, text=True, check=False)
                assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
            elif language == "python":
                exec(compile(text, "tutorial", "exec"), names)

    yield follow
    for name in set(sys.modules) - before:  # another page may save another file under the same name
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.slow
@pytest.mark.timeout(300)  # whole programs, one after another
@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_a_tutorial_can_be_followed_to_its_end(page: Path, follow: Follow):
    text = page.read_text(encoding="utf-8").replace("--seeds 0-7", "--seeds 0-1")
    text = text.replace("--budget 2400", "--budget 800").replace("--steps 2000", "--steps 300")
    text = text.replace("--population 4 --steps 200", "--population 2 --steps 100")
    follow(text.replace("--population 2", "--executor serial --population 2").replace("0.5, 5\n", "0.5, 1\n"))


@pytest.mark.slow
def test_the_gan_of_the_tutorial_is_short_and_goes_on_with_the_very_batches_that_it_would_have_seen(tmp_path: Path):
    page = (ROOT / "docs" / "tutorials" / "own-gan.md").read_text(encoding="utf-8")
    (text,) = (text for _, details, text in BLOCK.findall(page) if "dcgan_task.py" in details)
    assert len(text.splitlines()) < 60
    (tmp_path / "dcgan_task.py").write_text(text, encoding="utf-8")

    def config(total_steps: int) -> Config:
        pbt = {"population_size": 2, "total_steps": total_steps, "ready_interval": 5}
        task = f"{tmp_path / 'dcgan_task.py'}:DCGAN"
        return validated(Config, {"task": task, "executor": {"name": "serial"}, "pbt": pbt})

    start(Project(config(20)), tmp_path / "whole")
    start(Project(config(10)), tmp_path / "cut")
    go_on(tmp_path / "cut", config(20))
    whole, cut = (Run.open(tmp_path / name) for name in ("whole", "cut"))
    for member in ("0", "1"):
        assert codec.encode(cut.state(member)) == codec.encode(whole.state(member))
    rows = whole.table()
    assert all(row["images"] == 5 * row["batch_size"] for row in rows)
    assert len({row["batch_size"] for row in rows}) > 2, "it evolves"
    assert not any(report.unverified for report in whole.history.reports)


@pytest.mark.slow
def test_the_way_to_a_model_of_ones_own_in_the_readme_leads_there(tmp_path: Path, follow: Follow):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme[readme.index("## Around your own model") : readme.index("## From the command line")]
    (task,) = (text for _, title, text in BLOCK.findall(section) if title)
    assert len(task.splitlines()) <= 30
    follow(section.replace("=400", "=80").replace("s 400", "s 80").replace("=50", "=20").replace("0-6", "0-1"))
    assert (tmp_path / "runs/classifier/plots/schedules.png").exists()
    (report,) = tmp_path.glob("runs/*-experiment/report.md")
    assert "| cosine |" in report.read_text(encoding="utf-8")
