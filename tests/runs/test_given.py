"""Tasks, rules and listeners handed over as objects."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import pbt_gan
from pbt_gan import references
from pbt_gan.core.records import Report
from pbt_gan.errors import ConfigError, RunFolderError
from pbt_gan.runs.launch import go_on
from pbt_gan.store.reader import read_run
from pbt_gan.toy.quadratic import Quadratic

WHOLE = f"{Path(__file__).parent.parent / 'modules' / 'whole.py'}:Whole"
SMALL: dict[str, Any] = {
    "population_size": 3,
    "total_steps": 12,
    "ready_interval": 3,
    "exploit": "tournament",
    "quiet": True,
}


class Scaled(Quadratic):
    """Takes an argument."""

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale

    def arguments(self):
        return {"scale": self.scale}

    def score(self, state, rng):
        return {"score": self.scale * super().score(state, rng)["score"]}


class Ear(pbt_gan.Listener):
    """Counts reports."""

    def __init__(self) -> None:
        self.count = 0

    def record(self, record, preview):
        self.count += isinstance(record, Report)


def my_exploit(recipient, view, rng, *, margin=0.0):
    best = view.at(len(view) - 1)
    return best if best.score > recipient.score + margin else None


def my_explore(hyperparams, space, rng):
    return {name: value / 2 for name, value in hyperparams.items()}


def scores(run: pbt_gan.Run) -> list[float]:
    return [row["score"] for row in sorted(run.table(), key=lambda row: (row["interval"], row["member"]))]


@pytest.mark.slow
def test_a_class_an_object_and_a_name_are_the_same_task(tmp_path):
    expected = scores(pbt_gan.run("quadratic", **SMALL))
    assert scores(pbt_gan.run(Quadratic, **SMALL)) == expected
    assert scores(pbt_gan.run(Quadratic(), **SMALL)) == expected
    assert scores(pbt_gan.run(task=Quadratic, **SMALL)) == expected
    run = pbt_gan.run(Quadratic, out=tmp_path / "run", executor={"workers": 2}, **SMALL)
    assert scores(run) == expected
    assert run.config["task"]["name"] == "pbt_gan.toy.quadratic:Quadratic"
    assert run.config["name"] == "quadratic"
    assert run.config["executor"]["name"] == "processes"


def test_arguments_of_a_class_stand_beside_it():
    doubled = [2 * score for score in scores(pbt_gan.run(Scaled, **SMALL))]
    assert scores(pbt_gan.run(Scaled, task={"scale": 2.0}, **SMALL)) == doubled
    assert scores(pbt_gan.run(task={"name": Scaled, "scale": 2.0}, **SMALL)) == doubled
    assert scores(pbt_gan.run(Scaled(2.0), **SMALL)) == doubled


@pytest.mark.slow
def test_a_module_task_ends_equally_wherever_it_is_trained_and_cut_off(tmp_path):
    whole = references.load(WHOLE)

    def ends(folder: Path) -> list[Any]:
        run = pbt_gan.Run.open(folder)
        return [scores(run), [json.dumps(run.state(str(m))["_hyperparams"]) for m in range(3)], weights(run)]

    def weights(run: pbt_gan.Run) -> list[bytes]:
        return [run.state(str(member))["net"]["first.weight"].numpy().tobytes() for member in range(3)]

    def trained(name: str, executor: str, **changes: Any) -> Path:
        settings = {**SMALL, "executor": {"name": executor, "workers": 2}, **changes}
        pbt_gan.run(whole, out=tmp_path / name, **settings)
        return Path(tmp_path, name)

    uncut = ends(trained("uncut", "serial"))
    assert ends(trained("processes", "processes")) == uncut
    for executor in ("serial", "processes"):
        trained(f"cut-{executor}", executor, total_steps=6)
        assert ends(trained(f"cut-{executor}", executor)) == uncut
    run = pbt_gan.Run.open(tmp_path / "processes")
    parts = run.parts("1")
    assert parts["net"].first.weight.detach().numpy().tobytes() == weights(run)[1]
    assert set(run.export("1")) == {"net", "small"}
    assert run.export("1")["net"]["first.weight"].numpy().tobytes() == weights(run)[1]
    assert parts["net"].dropped.p == run.member("1").hyperparams["dropout"]
    assert parts["scheduler"].base_lrs[0] == run.member("1").hyperparams["lr"]


@pytest.mark.slow
def test_an_object_is_trained_in_this_process_and_a_run_of_it_goes_on_with_it(tmp_path):
    task = Scaled(2.0)
    longer = {**SMALL, "total_steps": 24}
    run = pbt_gan.run(task, out=tmp_path / "run", **SMALL)
    assert run.config["executor"]["name"] == "serial"
    assert run.config["task"] == {"name": "__main__:Scaled", "scale": 2.0}
    assert run.config["name"] == "scaled"
    on = pbt_gan.run(Scaled(2.0), out=tmp_path / "run", **longer)
    assert scores(on) == scores(pbt_gan.run(Scaled, task={"scale": 2.0}, **longer))
    with pytest.raises(RunFolderError, match=r"task.scale is 2.0 in this run and 3.0 now"):
        pbt_gan.run(Scaled(3.0), out=tmp_path / "run", **longer)


@pytest.mark.slow
def test_a_run_of_an_object_that_is_resumed_from_elsewhere_says_where_it_goes_on(tmp_path):
    pbt_gan.run(Scaled(2.0), out=tmp_path / "run", **SMALL)
    with pytest.raises(ConfigError, match=r"'Scaled' was made in a program of its own.*call pbt_gan.run\(…, out=…\)"):
        go_on(tmp_path / "run")


@pytest.mark.slow
def test_workers_cannot_train_an_object(tmp_path):
    for executor in ("processes", {"name": "processes"}):
        with pytest.raises(ConfigError, match=r"Use executor=\"serial\", or define its class in a file"):
            pbt_gan.run(Scaled(2.0), executor=executor, out=tmp_path / "run", **SMALL)
    assert not (tmp_path / "run").exists()
    assert pbt_gan.run(Scaled(2.0), executor="serial", out=tmp_path / "run", **SMALL).ending == "finished"


@pytest.mark.slow
def test_a_class_without_a_name_from_outside_is_trained_in_this_process(tmp_path):
    class Local(Scaled):
        pass

    run = pbt_gan.run(Local, task={"scale": 3.0}, out=tmp_path / "run", **SMALL)
    assert run.config["executor"]["name"] == "serial"
    assert scores(run) == scores(pbt_gan.run(Scaled(3.0), **SMALL))


@pytest.mark.slow
def test_rules_may_be_functions(tmp_path):
    run = pbt_gan.run(
        Quadratic,
        out=tmp_path / "run",
        **{**SMALL, "exploit": {"name": my_exploit, "margin": 0.001}, "explore": my_explore, "executor": "serial"},
    )
    copies = [exploit for exploit in run.history.exploits if exploit.donor]
    assert {(e.rule, e.operation) for e in copies} == {(f"{__name__}:my_exploit", f"{__name__}:my_explore")}
    nested = pbt_gan.run(Quadratic, pbt={**{k: v for k, v in SMALL.items() if k != "quiet"}, "exploit": my_exploit})
    assert nested.config["pbt"]["exploit"]["name"] == f"{__name__}:my_exploit"


def test_a_rule_that_nobody_can_find_again_is_refused():
    with pytest.raises(ConfigError, match="A lambda has no name"):
        pbt_gan.run(Quadratic, **{**SMALL, "exploit": lambda recipient, view, rng: None})


@pytest.mark.slow
def test_listeners_may_be_objects_classes_and_names(tmp_path):
    ear = Ear()
    for out in (None, tmp_path / "run"):
        ear.count = 0
        pbt_gan.run(Quadratic, listeners=[ear], out=out, executor="serial", **SMALL)
        assert ear.count == 12
    run = pbt_gan.run(Quadratic, listeners=[Ear, ear, f"{__name__}:Ear"], **SMALL)
    assert run.config["listeners"] == [f"{__name__}:Ear"] * 2
    with pytest.raises(ConfigError, match=r"listeners holds 3, which is no listener; make it a"):
        pbt_gan.run(Quadratic, listeners=[3], **SMALL)


@pytest.mark.parametrize("thing", [3, object, print])
def test_what_is_no_task_is_refused(thing):
    with pytest.raises(ConfigError, match=r"is no pbt_gan.Task or pbt_gan.ModuleTask"):
        pbt_gan.run(thing, **SMALL)


def test_what_was_handed_over_is_not_changed():
    settings: dict[str, Any] = {
        "pbt": {"population_size": 2, "total_steps": 2, "ready_interval": 1, "exploit": my_exploit}
    }
    before = {**settings["pbt"]}
    pbt_gan.run(Quadratic, quiet=True, **settings)
    assert settings["pbt"] == before


@pytest.mark.slow
def test_a_run_from_python_leaves_what_one_of_the_command_line_leaves(tmp_path, capfd):
    pbt_gan.run(Quadratic, out=tmp_path / "run", executor="serial", **{**SMALL, "quiet": False})
    assert {path.name for path in (tmp_path / "run").iterdir()} >= {
        *("journal.jsonl", "config.toml", "environment.json", "checkpoints"),
        *("metrics.csv", "log.txt", "tensorboard", "plots", "report.html"),
    }
    assert "12/12 orders" in capfd.readouterr().err
    pbt_gan.run(Quadratic, **SMALL)
    assert capfd.readouterr().err == ""


NOTEBOOK = """
import pbt_gan
from pbt_gan.toy.quadratic import Quadratic

class Mine(Quadratic):
    pass

def mine(recipient, view, rng):
    return None

for steps in (4, 8):
    settings = dict(population_size=2, total_steps=steps, ready_interval=2, exploit=mine, quiet=True)
    run = pbt_gan.run(Mine, out={out!r}, **settings)
    print(run.ending, len(run.table()), run.config["executor"]["name"], run.config["task"]["name"])
"""


@pytest.mark.slow
def test_a_class_of_a_notebook_is_trained_there_and_goes_on_there(tmp_path):
    text = NOTEBOOK.format(out=str(tmp_path / "run"))
    done = subprocess.run([sys.executable, "-c", text], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["finished 4 serial __main__:Mine", "finished 8 serial __main__:Mine"]
    assert read_run(tmp_path / "run").ending == "finished"
    with pytest.raises(ConfigError, match=r"call pbt_gan.run\(…, out=…\) again there"):
        go_on(tmp_path / "run")


SCRIPT = """
from dataclasses import dataclass
import pbt_gan
from pbt_gan.toy.quadratic import Quadratic

print("loaded as", __name__)

class Mine(Quadratic):
    pass

def mine(recipient, view, rng):
    return None

if __name__ == "__main__":
    run = pbt_gan.run(Mine, out="run", population_size=2, total_steps=4, ready_interval=2, exploit=mine, quiet=True)
    print(run.ending, run.config["task"]["name"], run.config["executor"]["name"])
"""


@pytest.mark.slow
@pytest.mark.parametrize("way", ["script", "module"])
def test_a_class_of_a_script_is_found_by_workers_and_later(tmp_path, way, monkeypatch):
    (tmp_path / "my_script.py").write_text(SCRIPT)
    command = ["my_script.py"] if way == "script" else ["-m", "my_script"]
    done = subprocess.run([sys.executable, *command], check=True, capture_output=True, text=True, cwd=tmp_path)
    name = f"{tmp_path / 'my_script.py'}:Mine" if way == "script" else "my_script:Mine"
    assert done.stdout.splitlines() == ["loaded as __main__", f"finished {name} processes"]
    monkeypatch.syspath_prepend(tmp_path)
    assert go_on(tmp_path / "run") == "finished already"
