import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from pbt_gan.errors import RunFolderError
from pbt_gan.studies.experiment.conduct import conduct
from pbt_gan.studies.experiment.overview import kept, overview, read_record
from pbt_gan.studies.experiment.plan import read_experiment
from pbt_gan.studies.experiment.result import Result
from tests.studies.experiment.conftest import TOY

SCRIPT = Path(__file__).parent.parent.parent.parent / "experiments" / "table.py"


def told(name: str, better: str = "higher", **arms: list[float | None]) -> dict[str, Any]:
    return {
        "name": name,
        "budget_steps": 2_400,
        "seeds": [400, 401, 402],
        "baselines": ["longer"],
        "judged": "best held_out_x",
        "better": {"best held_out_x": better},
        "short": {"best held_out_x": "held-out X"},
        "arms": {arm: {"figures": {"best held_out_x": values}} for arm, values in arms.items()},
    }


def test_arms_stand_by_experiment_the_best_first_with_their_gains():
    wide = told("digits-wide", longer=[1.0, 2.0, 3.0], pbt=[2.0, 3.0, 5.0], random=[0.0, 0.0, 0.0])
    lower = told("mine", "lower", longer=[1.0, 2.0, 3.0], pbt=[0.5, 1.5, 2.5])
    sheet = overview([wide, lower], saturation={"digits": 9_600})
    assert sheet.header == [
        "task",
        "ranges",
        "budget, steps",
        "arm",
        "held-out X or held-out X (lower is better)",
        "against longer",
    ]
    assert [row[:4] for row in sheet.rows] == [
        ["digits", "wide", "2,400 (0.25 × saturation)", "pbt"],
        ["digits", "wide", "2,400 (0.25 × saturation)", "longer"],
        ["digits", "wide", "2,400 (0.25 × saturation)", "random"],
        ["mine", "–", "2,400", "pbt"],
        ["mine", "–", "2,400", "longer"],
    ]
    assert [row[5] for row in sheet.rows] == [
        "+1.333 (-0.101 … +2.768)",
        "–",
        "-2.000 (-4.484 … +0.484)",
        "+0.500 (+0.500 … +0.500)",
        "–",
    ]


def test_a_baseline_that_an_experiment_lacks_and_what_was_not_measured_leave_a_gap():
    sheet = overview([told("digits-wide", longer=[1.0, None, 3.0], pbt=[2.0, 3.0, None])], ["longer", "two-stage"])
    assert [row[3:] for row in sheet.rows] == [
        ["pbt", "2.500 ± 0.707", "+1.000 (–)", "–"],
        ["longer", "2.000 ± 1.414", "–", "–"],
    ]


@pytest.mark.slow
def test_an_experiment_is_kept_as_a_small_file_from_which_its_table_can_be_made(done, tmp_path: Path):
    experiment, folder = done
    path = kept(folder, tmp_path / "results")
    assert path.name == "quadratic-180.json"
    assert path.stat().st_size < 8_000
    found = read_record(path)
    result = Result.read(experiment, folder)
    assert result is not None
    for arm, runs in result.outcomes.items():
        assert found["arms"][arm]["figures"]["best"] == pytest.approx([run.figures["best"] for run in runs], rel=1e-5)
        assert found["arms"][arm]["steps"] == [180, 180]
    gains = {row[3]: row[5] for row in overview([found]).rows}
    shown = {row[1]: f"{row[2]} ({row[3]})" for row in result.sheets[1].rows if row[0] == "best"}
    assert {arm: gains[arm] for arm in shown} == shown


@pytest.mark.slow
def test_what_is_kept_names_no_place_of_this_machine(tmp_path: Path):
    task = tmp_path / "mine.py"
    task.write_text("from pbt_gan.toy.quadratic import Quadratic\n\n\nclass Mine(Quadratic):\n    pass\n")
    experiment = read_experiment(
        f"{task}:Mine", [TOY, {"experiment": {"arms": ["pbt", "random-search"], "seeds": [0]}}]
    )
    assert conduct(experiment, tmp_path / "here")
    text = kept(tmp_path / "here", tmp_path / "results").read_text()
    assert json.loads(text)["task"] == json.loads(text)["config"]["task"]["name"] == "mine.py:Mine"
    assert str(tmp_path) not in text


def test_what_is_no_experiment_is_told(tmp_path: Path):
    with pytest.raises(RunFolderError, match="holds no experiment"):
        kept(tmp_path, tmp_path)
    (tmp_path / "other.json").write_text(json.dumps([1]))
    with pytest.raises(RunFolderError, match="does not hold the figures"):
        read_record(tmp_path / "other.json")


@pytest.mark.slow
def test_the_script_writes_the_table_of_folders_and_of_kept_files(done, tmp_path: Path, monkeypatch):
    _, folder = done
    kept_file = kept(folder, tmp_path / "before")
    table = tmp_path / "table.md"
    asked = [str(folder), str(kept_file), "--json", str(tmp_path / "results"), "--table", str(table)]
    monkeypatch.setattr(sys, "argv", ["table.py", *asked])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    text = table.read_text()
    assert text.count("| replay |") == 2
    assert "95 % intervals" in text
    assert (tmp_path / "results" / "quadratic-180.json").read_bytes() == kept_file.read_bytes()
