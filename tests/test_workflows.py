"""The workflows, held to the Makefile and to what the package declares."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
each = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


def read(path: Path) -> dict[Any, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in read(path)["jobs"].values() for step in job["steps"]]


@each
def test_a_step_runs_one_target_of_the_makefile_or_an_action_of_a_pinned_version(path: Path):
    for step in steps(path):
        assert ("run" in step) != ("uses" in step)
        if "run" in step:
            command = re.fullmatch(r"make ([\w-]+)( [A-Z]+=\S+)*", step["run"])
            assert command, step["run"]
            assert command[1] in TARGETS
        else:
            assert re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"])


@each
def test_a_workflow_may_only_read_and_ends(path: Path):
    content = read(path)
    assert content["permissions"] == {"contents": "read"}
    assert "concurrency" in content
    assert all("timeout-minutes" in job and "permissions" not in job for job in content["jobs"].values())
    assert "secrets." not in path.read_text(encoding="utf-8")


def test_the_tests_run_on_every_python_that_the_package_declares():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = [re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line) for line in project["classifiers"]]
    declared = [match[1] for match in found if match]
    assert read(ROOT / ".github/workflows/ci.yml")["jobs"]["test"]["strategy"]["matrix"]["python"] == declared
    assert project["requires-python"] == f">={declared[0]}"


def test_what_ci_runs_here_the_workflows_run_too():
    local = set(re.findall(r"^make ([\w-]+)", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE))
    there = {step["run"].removeprefix("make ") for step in steps(ROOT / ".github/workflows/ci.yml") if "run" in step}
    assert local == there
