"""The tutorials, carried out as a reader would: every block in order, in one empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TUTORIALS = sorted((Path(__file__).parent.parent / "docs" / "tutorials").glob("*.md"))


@pytest.mark.slow
@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_a_tutorial_can_be_followed_to_its_end(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    names: dict[str, Any] = {"__name__": "tutorial"}
    for language, details, text in re.findall(r"^```(\w+) *(.*)\n((?s:.*?))^```", page.read_text("utf-8"), re.MULTILINE):
        title = re.search(r'title="([\w.-]+)"', details)
        if title:
            (tmp_path / title[1]).write_text(text, encoding="utf-8")
        elif language == "sh":
            done = subprocess.run(["sh", "-euc", text], capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        elif language == "python":
            exec(compile(text, page.name, "exec"), names)
