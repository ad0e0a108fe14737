"""Whatever a person's own code raises, they are told the line of it, and in Python given the cause."""

import re

import pytest

import pbt_gan
from pbt_gan.errors import ConfigError, PbtGanError, RemoteError, TaskError, place
from pbt_gan.interfaces import Listener

TASK = """\
import os
from pbt_gan import Float, ModuleTask, Range
class Box:
    def __init__(self): self.x, self.rate = 0.0, 0.1
    def state_dict(self): return {"x": self.x, "rate": self.rate}
    def load_state_dict(self, state): self.x, self.rate = state["x"], state["rate"]
def broken(where):
    if os.environ["BROKEN"] == where:
        return {}["no-such-key"]
class Mine(ModuleTask):
    space = {"rate": Float(Range(0.1, 0.5), (0.01, 1.0), "log")}
    bindings = {"rate": "box.rate"}
    def __init__(self): broken("__init__")
    def prepare(self, folder): broken("prepare")
    def fingerprint(self): broken("fingerprint"); return {}
    def cards(self): broken("cards"); return {}
    def build(self, rng): broken("build"); return {"box": Box()}
    def train(self, parts, steps, rng): broken("train"); parts["box"].x += steps * parts["box"].rate
    def evaluate(self, parts, rng): broken("evaluate"); return {"score": parts["box"].x}
    def preview(self, parts, rng): broken("preview")
def exploit(recipient, view, rng):
    broken("exploit")
def explore(values, space, rng):
    broken("explore")
    return values
"""

SIZE = {"population_size": 2, "total_steps": 2, "ready_interval": 1}

ORDERED = ["train", "evaluate", "preview"]  # carrying out an order, wherever that is done


@pytest.fixture
def mine(tmp_path, monkeypatch):
    path = tmp_path / "mine.py"
    path.write_text(TASK)
    monkeypatch.setenv("BROKEN", "")
    return path


def failed(mine, executor, **settings) -> PbtGanError:
    run = mine.parent / "run"
    with pytest.raises(PbtGanError) as error:
        pbt_gan.run(f"{mine}:Mine", out=run, quiet=True, executor={"name": executor, "workers": 1}, **SIZE, **settings)
    assert re.search(rf"KeyError: 'no-such-key'.*{re.escape(str(mine))}, line 9\b", str(error.value))
    assert "\n" not in str(error.value)
    return error.value


@pytest.mark.parametrize("where", ["__init__", "build", *ORDERED])
def test_in_this_process_the_exception_itself_is_the_cause(mine, monkeypatch, where):
    monkeypatch.setenv("BROKEN", where)
    told = failed(mine, "serial")
    assert isinstance(told.__cause__, KeyError)
    assert told.__cause__.__traceback__ is not None


@pytest.mark.parametrize("where", ["prepare", "fingerprint", "cards"])
def test_what_is_called_before_any_training_raises_as_it_is(mine, monkeypatch, where):
    monkeypatch.setenv("BROKEN", where)
    with pytest.raises(KeyError) as error:
        pbt_gan.run(f"{mine}:Mine", out=mine.parent / "run", quiet=True, **SIZE)
    assert place(error.value) == f"{mine}, line 9"


@pytest.mark.slow
@pytest.mark.parametrize("where", ["build", *ORDERED])
def test_of_a_worker_its_traceback_is_the_cause(mine, monkeypatch, where):
    monkeypatch.setenv("BROKEN", where)
    told = failed(mine, "processes")
    assert isinstance(told.__cause__, RemoteError)
    assert f'File "{mine}", line 9, in broken' in str(told.__cause__)


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_log_txt_is_named_and_has_the_traceback(mine, monkeypatch, executor):
    monkeypatch.setenv("BROKEN", "train")
    assert "log.txt has the whole traceback" in str(failed(mine, executor))
    assert f'File "{mine}", line 9, in broken' in (mine.parent / "run" / "log.txt").read_text()


@pytest.mark.parametrize("kind", ["exploit", "explore"])
def test_a_rule_of_ones_own_likewise(mine, monkeypatch, kind):
    monkeypatch.setenv("BROKEN", kind)
    told = failed(mine, "serial", **{kind: f"{mine}:{kind}"})
    assert isinstance(told, ConfigError)  # rules are tried before any training
    assert isinstance(told.__cause__, KeyError)


def test_a_rule_that_fails_on_the_way_is_told_with_its_line_and_the_log(mine, monkeypatch):
    on_the_way = 'broken("exploit" if recipient.checkpoint == "m0" else "late")'  # m0: of the trial before
    mine.write_text(TASK.replace('broken("exploit")', on_the_way))
    monkeypatch.setenv("BROKEN", "late")
    told = failed(mine, "serial", exploit=f"{mine}:exploit")
    assert isinstance(told, TaskError)
    assert isinstance(told.__cause__, KeyError)
    assert "log.txt has the whole traceback" in str(told)
    assert "in broken" in (mine.parent / "run" / "log.txt").read_text()


@pytest.mark.slow
def test_a_listener_that_fails_is_named_in_the_log_with_its_line(mine, tmp_path):
    class Ear(Listener):
        def record(self, record, preview):
            raise KeyError("no-such-key")

    pbt_gan.run(f"{mine}:Mine", out=tmp_path / "run", quiet=True, executor="serial", listeners=[Ear()], **SIZE)
    log = (tmp_path / "run" / "log.txt").read_text()
    line = Ear.record.__code__.co_firstlineno + 1
    assert (
        f"Ear failed and is switched off; the run goes on. KeyError: 'no-such-key', at {__file__}, line {line}" in log
    )
