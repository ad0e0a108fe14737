"""A run from elsewhere runs none of its code before somebody says so; one that was trained here needs no word."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pbt_gan
from pbt_gan import references
from pbt_gan.config.settings import Config
from pbt_gan.engine import Stop
from pbt_gan.errors import ConfigError, RunFolderError
from pbt_gan.places import state_folder
from pbt_gan.runs.launch import go_on, start
from pbt_gan.runs.places import Moved
from pbt_gan.runs.project import Project
from pbt_gan.runs.replay import replay_config
from pbt_gan.runs.result import Run
from pbt_gan.runs.run import train
from pbt_gan.runs.trust import SIGNATURE, code_in
from pbt_gan.validation import validated

CODE = """
from pathlib import Path
from pbt_gan.interfaces import Listener
from pbt_gan.toy.quadratic import Quadratic
with Path(__file__).with_name("loaded").open("a") as file:
    file.write(__name__)
class Mine(Quadratic):
    def __init__(self, word="none"): self.word = word
    def arguments(self): return {"word": self.word}
def mine(recipient, view, rng): return None
class Ear(Listener): pass
"""

PARTS: dict[str, Any] = {
    "task": {"name": "CODE:Mine", "word": "mine"},
    "exploit": "CODE:mine",
    "listeners": ["CODE:Ear"],
}


def _placed(value: Any, code: Path) -> Any:
    if isinstance(value, str):
        return value.replace("CODE", str(code))
    if isinstance(value, dict):
        return {key: _placed(item, code) for key, item in value.items()}
    return [_placed(item, code) for item in value] if isinstance(value, list) else value


def config(code: Path, *parts: str) -> Config:
    own = {name: _placed(PARTS[name], code) for name in parts}
    pbt = {"population_size": 2, "total_steps": 20, "ready_interval": 10, "exploit": own.pop("exploit", "truncation")}
    return validated(Config, {"task": "quadratic", "pbt": pbt, "executor": "serial", **own})


def _forget() -> None:
    for name in [name for name in sys.modules if name.startswith("pbt_gan_user_")]:
        del sys.modules[name]


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "task.py").write_text(CODE)
    return folder / "task.py"


def begun(code: Path, folder: Path, *parts: str, stop: str | None = "enough") -> Path:
    """A run that was stopped; of what it has loaded nothing is left."""
    start(Project(config(code, *parts)), folder, stop=Stop(stop))
    _forget()
    code.with_name("loaded").unlink(missing_ok=True)
    return folder


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], None]:
    """Become somebody else."""
    return lambda: monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "other-state"))


USES: dict[str, Callable[[Path], object]] = {
    "resume": go_on,
    "the task": lambda run: Run.open(run).problem(),
    "parts": lambda run: Run.open(run).parts("0"),
    "sample": lambda run: Run.open(run).sample(1, member="0"),
    "average": lambda run: Run.open(run).average(),
    "generator": lambda run: pbt_gan.load_generator(run, "0"),
    "replay": lambda run: replay_config(Run.open(run), "0"),
    "evaluate": lambda run: pbt_gan.evaluate(run),
}


@pytest.mark.parametrize("use", USES)
def test_a_strangers_task_is_not_even_loaded(code, tmp_path, elsewhere, use):
    run = begun(code, tmp_path / "run", "task", stop=None)
    elsewhere()
    with pytest.raises(RunFolderError, match=rf"task\.name = '{code}:Mine'\. Read that code; .*--trust"):
        USES[use](run)
    assert not code.with_name("loaded").exists()


@pytest.mark.parametrize("part", PARTS)
def test_a_strangers_run_goes_on_when_it_is_trusted_and_is_ones_own_from_then_on(code, tmp_path, elsewhere, part):
    run = begun(code, tmp_path / "run", part)
    elsewhere()
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path.name != ".lock"}
    with pytest.raises(RunFolderError, match="--trust"):
        go_on(run)
    assert not code.with_name("loaded").exists()
    assert {path: path.read_bytes() for path in before} == before
    assert go_on(run, trust=True, stop=Stop("enough")) == "enough"
    assert go_on(run) == "finished"


@pytest.mark.parametrize("part", PARTS)
def test_a_run_that_its_user_trained_here_needs_no_word(code, tmp_path, part):
    run = begun(code, tmp_path / "run", part)
    assert not Run.open(run).foreign
    assert go_on(run, stop=Stop("enough")) == "enough"
    shutil.copytree(run, tmp_path / "copy")
    assert not Run.open(tmp_path / "copy").foreign
    code.write_text(f"{CODE}\n# better\n")  # its user may work on it
    assert not Run.open(run).foreign
    assert go_on(run) == "finished"


def test_rules_and_listeners_are_not_needed_to_look_at_the_weights(code, tmp_path, elsewhere):
    run = begun(code, tmp_path / "run", "exploit", "listeners", stop=None)
    elsewhere()
    opened = Run.open(run)
    assert sorted(opened.foreign) == ["listeners[0]", "pbt.exploit.name"]
    assert opened.problem().space
    with pytest.raises(RunFolderError, match=r"listeners\[0\]"):  # whoever replays would be listened to
        replay_config(opened, "0")
    assert not code.with_name("loaded").exists()


def test_the_same_code_that_lies_elsewhere_by_now_is_known_and_another_is_not(code, tmp_path):
    run = begun(code, tmp_path / "home" / "run", "task")
    (tmp_path / "home" / "code").mkdir()
    code.rename(tmp_path / "home" / "code" / "task.py")
    shutil.move(tmp_path / "home" / "code", tmp_path / "new-code")
    moved = tmp_path / "new-code" / "task.py"
    assert not Run.open(run, task_file=moved).foreign
    # A stranger's, laid where this run would look for it:
    code.write_text("raise SystemExit('run')")
    code.parent.rename(tmp_path / "away")
    (tmp_path / "shipped").mkdir()
    shutil.move(run, tmp_path / "shipped" / "deep" / "run")
    (tmp_path / "shipped" / "code").mkdir()
    evil = tmp_path / "shipped" / "code" / "task.py"
    evil.write_text("raise SystemExit('run')")
    with pytest.raises(RunFolderError, match=r"shipped/code/task\.py"):
        Run.open(tmp_path / "shipped" / "deep" / "run").problem()
    evil.write_text(CODE)
    assert Run.open(tmp_path / "shipped" / "deep" / "run").problem()


def test_a_task_that_is_named_by_hand_is_ones_own(code, tmp_path, elsewhere):
    run = begun(code, tmp_path / "run", "task")
    elsewhere()
    assert Run.open(run, task_file=code).problem()
    assert go_on(run, moved=Moved(task_file=code)) == "finished"


def test_code_that_the_caller_names_is_the_callers(code, tmp_path, elsewhere):
    run = begun(code, tmp_path / "run", "task", "listeners")
    elsewhere()
    with pytest.raises(RunFolderError, match=r"listeners\[0\]"):
        train(config(code, "task"), run)
    assert train(config(code, "task", "listeners"), run) == "finished"


def change_arguments(run: Path) -> None:
    """As somebody would who got one's own run and gives it back."""
    from pbt_gan.store.journal import Journal, path_of, read

    (first, *rest) = read(path_of(run)).entries
    first = json.loads(json.dumps(first).replace('"word": "mine"', '"word": "theirs"'))
    path_of(run).unlink()
    journal = Journal.create(path_of(run), first)
    journal.append(rest, durable=True)
    journal.close()


def test_other_arguments_for_known_code_are_seen(code, tmp_path):
    run = begun(code, tmp_path / "run", "task")
    change_arguments(run)
    assert Run.open(run).config["task"]["word"] == "theirs"
    with pytest.raises(RunFolderError, match="--trust"):
        Run.open(run).problem()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"signatures": 3}',
        '{"signatures": [3, {}, {"code": 1}, {"code": {}, "hmac": "é"}]}',
        "[" * 9_999,
        '{"signatures": [{"code": {"a:b": %s}, "hmac": "00"}]}' % ("[" * 900 + "]" * 900),
    ],
)
def test_what_is_no_signature_signs_nothing(code, tmp_path, text):
    run = begun(code, tmp_path / "run", "task")
    (run / SIGNATURE).write_text(text)
    with pytest.raises(RunFolderError, match="--trust"):
        go_on(run)


def test_a_signature_of_somebody_else_is_none(code, tmp_path, elsewhere):
    run = begun(code, tmp_path / "run", "task")
    elsewhere()
    begun(code, tmp_path / "mine", "listeners")  # there is a key now, another one
    with pytest.raises(RunFolderError, match="--trust"):
        go_on(run)


def test_the_key_is_nobody_elses_to_read(code, tmp_path):
    begun(code, tmp_path / "run", "task")
    key = state_folder() / "key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(key.read_bytes()) == 32
    assert [path.name for path in key.parent.iterdir()] == ["key"]


def test_where_no_key_can_be_kept_it_is_said_and_a_word_is_needed(code, tmp_path, monkeypatch, caplog):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    run = begun(code, tmp_path / "run", "task")
    assert "no key of yours can be kept" in caplog.text
    with pytest.raises(RunFolderError, match="--trust"):
        go_on(run)
    assert go_on(run, trust=True) == "finished"


def test_built_in_tasks_need_neither_key_nor_word(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    run = begun(tmp_path / "none.py", tmp_path / "run")
    assert not (tmp_path / "state").exists()
    assert not (run / SIGNATURE).exists()
    assert go_on(run) == "finished"


def test_all_code_of_a_configuration_is_found_wherever_it_stands():
    table = {
        "a": "task.py:T",
        "b": {"c": ["x", "package.module:f"]},
        "d": "cuda:0",
        "e": "/data/a:b",
        "f": "__main__:G",
    }
    assert code_in(table) == {"a": "task.py:T", "b.c[1]": "package.module:f", "f": "__main__:G"}


@given(st.text() | st.text("ab.:py/-_0<> \n", max_size=12))
def test_what_is_not_found_cannot_be_loaded(text):
    if not code_in({"key": text}):
        with pytest.raises(ConfigError, match="is no reference"):
            references.load(text)
