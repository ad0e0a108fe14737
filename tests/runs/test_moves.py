"""A run goes on, and is read, wherever its data, its task and whatever else its configuration names lie by now."""

import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pbt_gan
from pbt_gan.config.settings import Config
from pbt_gan.config.source import merged
from pbt_gan.engine import Stop
from pbt_gan.errors import ConfigError, RunFolderError
from pbt_gan.runs.launch import go_on, start
from pbt_gan.runs.places import Moved, check_places, followed, located, noted
from pbt_gan.runs.project import Project
from pbt_gan.runs.replay import replay_config
from pbt_gan.runs.result import Run
from pbt_gan.runs.run import train
from pbt_gan.store.reader import read_run
from pbt_gan.validation import validated

CODE = """
from pathlib import Path
import hashlib
from pbt_gan.interfaces import Listener
from pbt_gan.toy.quadratic import Quadratic
class Mine(Quadratic):
    def __init__(self, data): self.data = Path(data)
    def fingerprint(self): return {"data": hashlib.sha256(self.data.read_bytes()).hexdigest()}
def mine(recipient, view, rng): return None
class Ear(Listener):
    def __init__(self): pass
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    (home / "code").mkdir(parents=True)
    for name in ("task", "rules", "ear"):
        (home / "code" / f"{name}.py").write_text(CODE)
    (home / "data.bin").write_bytes(b"the data")
    assert start(Project(config(home)), home / "run", stop=Stop("enough")) == "enough"
    return home


def config(home: Path, **changes: Any) -> Config:
    code = home / "code"
    table = {
        "task": {"name": f"{code / 'task.py'}:Mine", "data": str(home / "data.bin")},
        "pbt": {
            "population_size": 2,
            "total_steps": 20,
            "ready_interval": 10,
            "exploit": f"{code / 'rules.py'}:mine",
        },
        "executor": {"name": "serial", "workers": 1},
        "listeners": [f"{code / 'ear.py'}:Ear"],
    }
    return validated(Config, merged(table, changes))


def move(home: Path, *names: str) -> Path:
    elsewhere = home.parent / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    for name in names:
        shutil.move(home / name, elsewhere / name)
    return elsewhere


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_what_was_moved_together_with_its_run_needs_no_word(home: Path) -> None:
    moved = home.rename(home.with_name("moved"))
    assert Run.open(moved / "run").config["task"]["data"] == str(moved / "data.bin")
    assert go_on(moved / "run") == "finished"
    text = (moved / "run" / "config.toml").read_text()
    assert f"{home}/" not in text
    assert tomllib.loads(text)["listeners"] == [f"{moved / 'code' / 'ear.py'}:Ear"]
    assert Run.open(moved / "run").config == Project(config(moved)).config.plain() | {
        "executor": Run.open(moved / "run").config["executor"]
    }


def test_a_run_that_was_moved_alone_finds_the_rest_where_it_was(home: Path) -> None:
    elsewhere = move(home, "run")
    assert go_on(elsewhere / "run") == "finished"


def test_a_run_that_goes_on_from_a_new_place_is_found_from_there_later(home: Path) -> None:
    elsewhere = move(home, "data.bin")
    assert go_on(home / "run", moved=Moved(data=elsewhere / "data.bin"), stop=Stop("enough")) == "enough"
    both = home.parent.rename(home.parent.with_name(f"{home.parent.name}-moved"))
    assert go_on(both / "home" / "run") == "finished"


@pytest.mark.parametrize(
    ("name", "key", "option"),
    [
        ("data.bin", "task.data", "--data PATH"),
        ("code/task.py", "task.name", "--task-file PATH"),
        ("code/rules.py", "pbt.exploit.name", "--set pbt.exploit.name=PATH:mine"),
        ("code/ear.py", "listeners", "--set listeners='[\"PATH:Ear\"]'"),
    ],
)
def test_what_is_gone_is_named_with_the_way_to_say_where_it_is(home: Path, name: str, key: str, option: str) -> None:
    (home / name).rename(home / name.replace(".", "-moved."))
    before = contents(home / "run")
    with pytest.raises(RunFolderError) as caught:
        go_on(home / "run")
    assert str(caught.value).startswith(f"{key}: {home / name} is not there any more.")
    assert option in str(caught.value)
    assert contents(home / "run") == before


def test_a_policy_that_is_gone_is_named_likewise(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"pbt\.policy\.name: .*gone\.py is not there any more.*PATH:Mine"):
        check_places({"pbt": {"policy": {"name": f"{tmp_path / 'gone.py'}:Mine"}}})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "moved", "change"),
    [
        ("data.bin", "data", {}),
        ("data.bin", None, {"task": {"data": "{}"}}),
        ("code/task.py", "task_file", {}),
        ("code/task.py", None, {"task": {"name": "{}:Mine"}}),
        ("code/rules.py", None, {"pbt": {"exploit": {"name": "{}:mine"}}}),
        ("code/ear.py", None, {"listeners": ["{}:Ear"]}),
    ],
)
def test_a_run_goes_on_with_what_is_said_to_lie_elsewhere(home: Path, name: str, moved: Any, change: Any) -> None:
    new = home / name.replace(".", "-moved.")
    (home / name).rename(new)

    def said(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: said(item) for key, item in value.items()}
        return [item.format(new) for item in value] if isinstance(value, list) else value.format(new)

    assert go_on(home / "run", change=said(change), moved=Moved(**{moved: new} if moved else {})) == "finished"
    assert go_on(home / "run", change={"pbt": {"total_steps": 30}}) == "finished"  # it is known by now


def test_what_lay_beside_the_task_is_found_beside_it(home: Path) -> None:
    elsewhere = move(home, "code")
    assert go_on(home / "run", moved=Moved(task_file=elsewhere / "code" / "task.py")) == "finished"


def test_the_same_call_from_a_new_place_goes_on_with_the_run(home: Path) -> None:
    elsewhere = move(home, "code", "data.bin")
    assert train(config(elsewhere), home / "run") == "finished"
    assert read_run(home / "run").config["task"]["data"] == str(elsewhere / "data.bin")


def test_an_equal_copy_is_the_same_and_an_edited_one_is_not(home: Path) -> None:
    elsewhere = Path(shutil.copytree(home / "code", home.parent / "elsewhere" / "code")).parent
    (elsewhere / "data.bin").write_bytes(b"the data")
    assert train(config(elsewhere), home / "run", stop=Stop("enough")) == "enough"
    (home / "code" / "task.py").write_text(f"{CODE}# edited")
    with pytest.raises(RunFolderError, match=r"task\.name is .* it would be another run"):
        train(config(home), home / "run")


def test_other_data_is_refused_wherever_it_lies(home: Path) -> None:
    elsewhere = move(home, "data.bin")
    other = elsewhere / "data.bin"
    other.write_bytes(b"other data")
    before = contents(home / "run")
    for ask in (
        lambda: go_on(home / "run", moved=Moved(data=other)),
        lambda: go_on(home / "run", change={"task": {"data": str(other)}}),
        lambda: train(config(home, task={"data": str(other)}), home / "run"),
        lambda: Run.open(home / "run", data=other).problem(),
    ):
        with pytest.raises(RunFolderError, match="data is not what it was when this run began"):
            ask()
        assert contents(home / "run") == before


def test_what_cannot_be_moved_is_not(tmp_path: Path) -> None:
    start(Project(config_of_toy()), tmp_path / "run", stop=Stop("enough"))
    with pytest.raises(ConfigError, match=r"--data .*: this run's task has no setting task.data"):
        go_on(tmp_path / "run", moved=Moved(data=tmp_path))
    with pytest.raises(ConfigError, match=r"--task-file .*: this run's task is quadratic"):
        Run.open(tmp_path / "run", task_file=tmp_path / "task.py")


def config_of_toy() -> Config:
    return validated(Config, {"task": "quadratic", "executor": "serial", "pbt": {"population_size": 2}})


def test_a_replay_needs_neither_rules_nor_their_files(home: Path) -> None:
    assert go_on(home / "run") == "finished"
    (home / "data.bin").rename(home / "moved.bin")
    elsewhere = move(home, "code", "moved.bin")
    with pytest.raises(RunFolderError, match="--data PATH"):
        replay_config(Run.open(home / "run", task_file=elsewhere / "code" / "task.py"))
    run = Run.open(home / "run", data=elsewhere / "moved.bin", task_file=elsewhere / "code" / "task.py")
    (elsewhere / "code" / "rules.py").unlink()
    assert start(Project(replay_config(run)), home / "again") == "finished"


def test_images_are_drawn_from_a_run_whose_data_is_gone_and_training_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pbt_gan.gan.scores.recipes.STEPS", 2)
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1), np.uint8)
    np.save(tmp_path / "mine.npy", images)
    np.save(tmp_path / "other.npy", images[::-1])
    start(Project(validated(Config, gan(tmp_path / "mine.npy"))), tmp_path / "run")
    (tmp_path / "mine.npy").rename(tmp_path / "moved.npy")
    before = contents(tmp_path / "run")
    assert Run.open(tmp_path / "run").sample(3).shape == (3, 8, 8, 1)
    assert Run.open(tmp_path / "run", data=tmp_path / "moved.npy").sample(3).shape == (3, 8, 8, 1)
    with pytest.raises(RunFolderError, match=r"other images|not what it was"):
        go_on(tmp_path / "run", moved=Moved(data=tmp_path / "other.npy"), change={"pbt": {"total_steps": 4}})
    assert contents(tmp_path / "run") == before


def gan(data: Path) -> dict[str, Any]:
    return {
        "task": {"name": "gan", "data": str(data), "width": 2, "z_size": 4, "batch_size": 4},
        "pbt": {"population_size": 1, "total_steps": 2, "ready_interval": 2},
        "metrics": {"samples": 100, "held_out_samples": 100},
        "executor": {"name": "serial", "workers": 1, "vectorize": "off"},
    }


@pytest.mark.slow
def test_a_relative_reference_means_the_same_from_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rules.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    settings: dict[str, Any] = {"population_size": 2, "total_steps": 10, "ready_interval": 10, "executor": "serial"}
    pbt_gan.run("quadratic", out="run", quiet=True, exploit="rules.py:mine", listeners=["rules.py:Ear"], **settings)
    monkeypatch.chdir("/")
    assert go_on(tmp_path / "run", change={"pbt": {"total_steps": 20}}) == "finished"


def test_what_is_no_place_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    table = {"a": "digits", "b": ["x.py:y", f"{tmp_path}/there", 3], "c": {"d": None, "e": "/no/where", "f": "a\0/"}}
    notes = noted(table, tmp_path / "run")
    assert notes == {f"{tmp_path}/there": "../there"}
    assert located(table, notes, tmp_path / "run", Moved()) == table
    assert followed(table, {"a": "/", "b": ["z.py:y"], "c": 3}, {}) == table


def test_a_data_set_by_its_name_lies_where_somebody_says(tmp_path: Path) -> None:
    table = {"task": {"name": "gan", "data": "fashion-mnist"}}
    assert located(table, {}, tmp_path, Moved()) == table
    assert located(table, {}, tmp_path, Moved(data=tmp_path))["task"]["data"] == str(tmp_path.resolve())
    with pytest.raises(ConfigError, match="digits, which is built in"):
        located({"task": {"data": "digits"}}, {}, tmp_path, Moved(data=tmp_path))
    with pytest.raises(ConfigError, match=r"no setting task\.data"):
        located({"task": {}}, {}, tmp_path, Moved(data=tmp_path))


def test_nonsense_among_the_notes_is_left_alone(tmp_path: Path) -> None:
    table = {"a": "/no/where"}
    assert located(table, {"/no/where": 3}, tmp_path, Moved()) == table


def test_a_new_place_where_there_is_nothing_is_told(home: Path) -> None:
    nowhere = home / "nowhere.bin"
    for ask in (
        lambda: go_on(home / "run", moved=Moved(data=nowhere)),
        lambda: Run.open(home / "run", data=nowhere).problem(),
    ):
        with pytest.raises(RunFolderError, match=r"task\.data: .*nowhere\.bin is not there"):
            ask()
