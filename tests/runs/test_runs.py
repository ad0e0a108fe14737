import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

import pbt_gan
from pbt_gan.config.objects import workers_of
from pbt_gan.config.settings import Config
from pbt_gan.config.source import merged
from pbt_gan.core.records import Exploit, Report, timeless
from pbt_gan.engine import Stop
from pbt_gan.errors import ConfigError, RunFolderError
from pbt_gan.runs.changes import differences
from pbt_gan.runs.folder import new_folder
from pbt_gan.runs.launch import go_on, start
from pbt_gan.runs.project import Project
from pbt_gan.runs.result import Run
from pbt_gan.runs.run import Recorder
from pbt_gan.store.reader import read_run
from pbt_gan.validation import validated

TOY: dict[str, Any] = {
    "task": "quadratic",
    "pbt": {"population_size": 3, "total_steps": 40, "ready_interval": 10, "exploit": "tournament"},
    "executor": {"name": "serial", "workers": 1},
    "checkpoints": {"every_s": 0.0},
}


def config(**changes) -> Config:
    return validated(Config, merged(TOY, changes))


def decided(run: Run) -> list[str]:
    """What two equal runs have in common."""
    return sorted(str(timeless(r)) for r in run.records() if isinstance(r, Report | Exploit))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    assert start(Project(config()), folder) == "finished"
    return folder


def test_a_run_in_memory_and_one_in_a_folder_are_equal(finished):
    kept = Run.open(finished)
    free = pbt_gan.run(**TOY)
    assert decided(free) == decided(kept)
    assert (free.folder, kept.folder) == (None, finished)
    assert free.best == kept.best
    assert free.schedule() == kept.schedule()


@pytest.mark.slow
def test_workers_change_no_record(tmp_path, finished):
    start(Project(config(executor={"name": "processes", "workers": 2})), tmp_path / "two")
    assert decided(Run.open(tmp_path / "two")) == decided(Run.open(finished))


def test_a_table_row_holds_everything_of_a_report(finished):
    rows = Run.open(finished).table()
    assert len(rows) == 12
    assert {"member", "interval", "step", "trained_steps", "score", "theta_0", "h0", "h1", "cost_s"} <= set(rows[0])


def test_a_finished_run_is_left_as_it_is(finished):
    before = contents(finished)
    assert go_on(finished) == "finished already"
    assert contents(finished) == before


def test_more_steps_give_the_run_that_had_them_from_the_start(tmp_path, finished):
    longer = {"pbt": {"total_steps": 80}}
    assert go_on(finished, config(**longer)) == "finished"
    start(Project(config(**longer)), tmp_path / "longer")
    assert decided(Run.open(finished)) == decided(Run.open(tmp_path / "longer"))
    assert Run.open(finished).config["pbt"]["total_steps"] == 80


@pytest.mark.slow
def test_a_stopped_run_goes_on_with_another_executor_to_the_same_end(tmp_path, finished):
    folder = tmp_path / "stopped"
    assert start(Project(config()), folder, stop=Stop("enough")) == "enough"
    assert go_on(folder, config(executor={"name": "processes", "workers": 2})) == "finished"
    assert decided(Run.open(folder)) == decided(Run.open(finished))


def test_a_run_that_was_done_when_the_wish_to_stop_came_is_finished(tmp_path):
    stop = Stop()

    class Late(Recorder):
        def flush(self):
            if sum(isinstance(record, Report) for record in self.records) == 12:
                stop.reason = "too late"

    assert start(Project(config()), tmp_path / "run", listeners=lambda folder: [Late()], stop=stop) == "finished"
    assert stop.reason == "too late"
    assert Run.open(tmp_path / "run").ending == "finished"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 1}, "seed is 0 in this run and 1 now"),
        ({"pbt": {"population_size": 4}}, "pbt.population_size is 3"),
        ({"pbt": {"exploit": {"name": "truncation"}}}, "pbt.exploit.name is 'tournament'"),
        ({"space": {"h0": {"bounds": [0.0, 0.5], "init": [0.0, 0.5]}, "h1": {}}}, "space.h0.bounds"),
    ],
)
def test_what_would_make_another_run_is_refused_and_nothing_is_touched(finished, change, said):
    before = contents(finished)
    with pytest.raises(RunFolderError, match="it would be another run") as error:
        go_on(finished, config(**change))
    assert said in str(error.value)
    assert contents(finished) == before


def test_a_run_goes_on_under_a_version_that_has_one_more_setting(tmp_path):
    task = tmp_path / "versions.py"
    source = """
from pbt_gan.toy.quadratic import Quadratic
class Version(Quadratic):
    def __init__(self, **settings): self.settings = {{**{defaults}, **settings}}
    def arguments(self): return self.settings
"""
    (tmp_path / "v1.py").write_text(source.format(defaults={"a": 1}))
    (tmp_path / "v2.py").write_text(source.format(defaults={"a": 2, "b": 3}))
    task.write_text("from v1 import Version")
    mine = config(task=f"{task}:Version")
    start(Project(mine), tmp_path / "run", stop=Stop("enough"))
    assert Run.open(tmp_path / "run").config["task"]["a"] == 1
    for name in [name for name in sys.modules if name.startswith("pbt_gan_user_versions")]:
        del sys.modules[name]
    task.write_text("from v2 import Version")
    assert go_on(tmp_path / "run") == "finished"
    assert Run.open(tmp_path / "run").config["task"]["a"] == 1


def test_fewer_steps_than_trained_are_refused(finished):
    with pytest.raises(ConfigError, match="members have trained 40"):
        go_on(finished, config(pbt={"total_steps": 20}))


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(RunFolderError, match=r"holds other files \(holiday.jpg\)"):
        start(Project(config()), tmp_path)
    with pytest.raises(RunFolderError, match="is a file"):
        start(Project(config()), tmp_path / "holiday.jpg")


def test_a_folder_without_a_run_is_no_run(tmp_path):
    with pytest.raises(RunFolderError, match="holds no run"):
        go_on(tmp_path)
    with pytest.raises(RunFolderError):
        Run.open(tmp_path / "nowhere")


def test_data_that_changed_is_refused(tmp_path):
    task = tmp_path / "changing.py"
    task.write_text(
        "from pathlib import Path\n"
        "from pbt_gan.toy.quadratic import Quadratic\n"
        "class Changing(Quadratic):\n"
        "    def fingerprint(self):\n"
        f"        return {{'data': Path({str(tmp_path / 'data')!r}).read_text()}}\n"
    )
    (tmp_path / "data").write_text("one")
    mine = config(task=f"{task}:Changing")
    start(Project(mine), tmp_path / "run", stop=Stop("enough"))
    (tmp_path / "data").write_text("two")
    before = contents(tmp_path / "run")
    with pytest.raises(RunFolderError, match="data is not what it was"):
        go_on(tmp_path / "run")
    assert contents(tmp_path / "run") == before


def test_the_settings_and_the_environment_are_written_beside_the_journal(finished):
    import tomllib

    written = validated(Config, tomllib.loads((finished / "config.toml").read_text()))
    assert written == Project(config(executor={"name": "serial", "workers": 1, "vectorize": "off"})).config
    environment = json.loads((finished / "environment.json").read_text())
    assert environment["machine"]["pid"] == os.getpid()
    assert "numpy" in environment["versions"]


@pytest.mark.parametrize("name", ["config.toml", "environment.json", "report.html", "checkpoints"])
def test_what_lies_in_a_folder_before_its_run_is_not_written_over(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(RunFolderError, match=f"holds other files \\({name}\\)"):
        start(Project(config()), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.slow
def test_the_number_of_workers_is_that_of_the_machine_on_which_a_run_goes_on(tmp_path, monkeypatch):
    open_ended = config(pbt={"population_size": 6}, executor={"name": "serial", "workers": "auto"})
    start(Project(open_ended), tmp_path / "run", stop=Stop("enough"))
    assert read_run(tmp_path / "run").config["executor"]["workers"] == "auto"
    project = Project(validated(Config, merged(read_run(tmp_path / "run").config, {"executor": {"name": "processes"}})))
    for cores in (2, 5):
        monkeypatch.setattr("pbt_gan.config.objects.usable_cores", lambda cores=cores: cores)
        assert workers_of(project.config) == cores
    go_on(tmp_path / "run", change={"executor": {"name": "processes"}})
    environment = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert environment["machine"]["workers"] == 5
    assert read_run(tmp_path / "run").config["executor"]["workers"] == "auto"


def test_a_resume_may_fix_the_number_of_workers_and_leave_it_open_again(finished):
    for steps, said, kept in ((50, 3, 3), (60, "auto", "auto"), (70, "2", 2)):
        go_on(finished, change={"executor": {"workers": said}, "pbt": {"total_steps": steps}})
        assert read_run(finished).config["executor"]["workers"] == kept


def test_runs_are_numbered_and_a_number_is_never_given_twice(tmp_path):
    folders = [new_folder("digits", tmp_path), new_folder("toy", tmp_path), new_folder("digits", tmp_path)]
    assert [folder.name for folder in folders] == ["0001-digits", "0002-toy", "0003-digits"]
    folders[1].rmdir()
    assert new_folder("x", tmp_path).name == "0004-x"


def test_which_member_is_told_by_name_or_number(finished):
    run = Run.open(finished)
    assert run.member("best") == run.best
    assert run.member("2").member == 2
    with pytest.raises(ConfigError, match="best, last-best, 0, 1, 2"):
        run.member("7")
    with pytest.raises(ConfigError, match="makes no images"):
        run.sample(3)


def test_a_misspelt_setting_is_no_silent_nothing():
    with pytest.raises(ConfigError, match="populationsize"):
        pbt_gan.run("quadratic", populationsize=3)


def test_differences_are_told_by_dotted_key():
    assert differences({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3, "d": 4}}) == {
        "a.c": (2, 3),
        "a.d": (None, 4),
    }


def test_a_listener_of_ones_own_hears_a_run(tmp_path):
    ear = tmp_path / "ear.py"
    ear.write_text(
        "from pathlib import Path\n"
        "class Ear:\n"
        "    def __init__(self, folder): self.folder, self.count = folder, 0\n"
        "    def start(self, context): pass\n"
        "    def record(self, record, preview): self.count += 1\n"
        "    def flush(self): pass\n"
        "    def close(self, ending): (self.folder / 'heard.txt').write_text(f'{self.count} {ending}')\n"
    )
    start(Project(config(listeners=[f"{ear}:Ear"])), tmp_path / "run")
    heard, ending = (tmp_path / "run" / "heard.txt").read_text().split()
    assert int(heard) == len(read_run(tmp_path / "run").records)
    assert ending == "finished"


@pytest.mark.slow
def test_rules_of_ones_own_decide_in_a_run_and_when_it_goes_on(tmp_path):
    rules = tmp_path / "my_rules.py"
    rules.write_text(
        "def mine(recipient, view, rng, *, margin):\n"
        "    best = view.at(len(view) - 1)\n"
        "    return best if best.score > recipient.score + margin else None\n"
        "def halve(hyperparams, space, rng):\n"
        "    return {name: value / 2 for name, value in hyperparams.items()}\n"
    )
    own = {
        "exploit": {"name": f"{rules}:mine", "margin": 0.001},
        "explore": {"name": f"{rules}:halve"},
    }
    for executor in ("serial", "processes"):
        mine = config(pbt=own, executor={"name": executor, "workers": 2})
        start(Project(mine), tmp_path / f"{executor}-uncut")
        start(Project(mine), tmp_path / executor, stop=Stop("enough"))
        assert go_on(tmp_path / executor) == "finished"
        assert decided(Run.open(tmp_path / executor)) == decided(Run.open(tmp_path / f"{executor}-uncut"))
    copies = [e for e in Run.open(tmp_path / "serial").history.exploits if e.donor]
    assert {e.rule for e in copies} == {f"{rules}:mine"}
    assert {e.operation for e in copies} == {f"{rules}:halve"}


def test_a_member_s_state_is_what_its_checkpoint_holds(finished):
    run = Run.open(finished)
    assert run.best is not None
    theta = run.state()["theta"]
    assert run.best.metrics["theta_0"] == theta[0]
    assert run.state("2")["theta"][1] == run.member("2").metrics["theta_1"]
    with pytest.raises(ConfigError, match="best, last-best, 0, 1, 2"):
        run.state("7")


def test_only_a_module_task_has_parts_and_only_a_run_in_a_folder_has_weights(finished):
    with pytest.raises(ConfigError, match=r"no ModuleTask; run.state\('2'\) gives"):
        Run.open(finished).parts("2")
    run = pbt_gan.run(**TOY)
    for ask in (run.state, run.parts, lambda: run.sample(3)):
        with pytest.raises(RunFolderError, match="keeps no weights; train with `out`"):
            ask()


def test_a_table_is_rows_of_plain_values_as_pandas_takes_them(finished):
    run = Run.open(finished)
    assert all(type(value) in (int, float, str, bool) for row in run.table() for value in row.values())
    assert len({tuple(row) for row in run.table()}) == 1
    assert len([record for record in run.records() if isinstance(record, Report)]) == len(run.table())


def test_a_decayed_run_that_is_trained_further_decays_to_the_new_end_and_says_so(tmp_path, caplog):
    decay = {"decay": "linear", "of": ["h1"], "to": 0.01}
    short = config(pbt={"schedule": decay, "explore": "none", "exploit": "none"})
    assert start(Project(short), tmp_path / "run") == "finished"
    steps = short.pbt.total_steps
    assert go_on(tmp_path / "run", change={"pbt": {"total_steps": 4 * steps}}) == "finished"
    assert f"h1 decay to step {4 * steps} now, and decayed to step {steps} until here." in caplog.messages
    own = {r.trained_steps: float(r.hyperparams["h1"]) for r in Run.open(tmp_path / "run").history.by_member[0]}
    end, beyond = own[steps], [own[step] for step in sorted(own) if step > steps]
    assert beyond[0] > 5 * end, "the longer decay is not that far down yet"
    assert beyond == sorted(beyond, reverse=True)
    assert beyond[-1] < 0.2 * beyond[0]


def test_a_population_that_shrinks_is_trained_from_python_by_its_budget():
    run = pbt_gan.run("quadratic", quiet=True, population=[[0, 8], [0.5, 1]], budget_steps=1_600, ready_interval=50)
    assert run.config["pbt"]["phases"] == [{"begins": 100, "members": 1}]
    assert (run.history.member_steps, len(run.history.births), len(run.history.living)) == (1_600, 8, 1)
    assert run.best is not None
    assert run.config["pbt"]["total_steps"] == 900
