"""All members start from one trained state: whose it is, what the new run keeps of it, and what is refused."""

import shutil
from pathlib import Path
from typing import Any

import pytest

import pbt_gan
from pbt_gan import codec
from pbt_gan.config.settings import Config
from pbt_gan.config.start import StartSettings
from pbt_gan.core.lineage import History
from pbt_gan.core.population import START, WHOLE
from pbt_gan.core.records import Birth, to_json
from pbt_gan.engine import Stop
from pbt_gan.errors import ConfigError, DamageError, PbtGanError, RunFolderError
from pbt_gan.interfaces import Task, Training
from pbt_gan.reporting.text import started
from pbt_gan.runs.launch import go_on, start
from pbt_gan.runs.project import Project
from pbt_gan.runs.replay import agreement, replay_config
from pbt_gan.runs.report import write_results
from pbt_gan.runs.result import Run
from pbt_gan.store import checkpoints, journal
from pbt_gan.store.reader import checkpoint_bytes, read_run
from pbt_gan.testing.consistency import contradictions
from pbt_gan.validation import validated
from tests.runs.cut import Cut

Source = Any  # what `start_from` takes


class Fragile(Task):
    """A task that is lost in its first order; whoever begins anew begins with what the run started from."""

    @property
    def space(self) -> Any:
        return {"lr": pbt_gan.Float(0.1, (0.01, 1.0), "log")}

    def init(self, rng: Any) -> Any:
        return {"point": 0.0}

    def train(self, state: Any, hyperparams: Any, steps: int, streams: Any) -> Training:
        return Training({"point": state["point"] + steps}, hyperparams)

    def score(self, state: Any, rng: Any) -> Any:
        return {"score": state["point"] if state["point"] <= 20 else float("nan")}


def config(begin: Source = None, **changes: Any) -> Config:
    pbt: dict[str, Any] = {
        "population_size": 3,
        "total_steps": 40,
        "ready_interval": 10,
        "exploit": "tournament",
        **changes,
    }
    given: dict[str, Any] = {} if begin is None else {"start_from": begin}
    own: dict[str, Any] = {name: pbt.pop(name) for name in ("executor", "task", "seed") if name in pbt}
    others: dict[str, Any] = {
        "task": "quadratic",
        "executor": {"name": "serial"},
        "checkpoints": {"every_s": 0.0},
        **own,
    }
    return validated(Config, {**others, "pbt": {**pbt, **given}})


def trained(folder: Path, begin: Source = None, **changes: Any) -> Any:
    """Return a finished run; not as a `Run`, whose folder and best could be missing."""
    assert start(Project(config(begin, **changes)), folder) == "finished"
    assert not [*contradictions(Run.open(folder).records(), 10)]
    return Run.open(folder)


def decided(run: Run) -> list[str]:
    entries = [to_json(record) for record in run.records()]
    return sorted(repr({key: value for key, value in entry.items() if key != "time"}) for entry in entries)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source") / "run"
    trained(folder)
    return folder


def test_every_member_begins_with_the_one_state_and_with_its_own_draw(source, tmp_path):
    run, plain = trained(tmp_path / "run", str(source)), trained(tmp_path / "plain")
    best: Any = Run.open(source).best
    births = [record for record in run.records() if isinstance(record, Birth)]
    assert [birth.sources for birth in births] == [{WHOLE: START}] * 3
    assert [birth.step for birth in births] == [best.step] * 3 == [40] * 3
    assert [birth.trained_steps for birth in births] == [0] * 3
    assert [birth.hyperparams for birth in births] == [birth.hyperparams for birth in plain.history.births.values()]
    assert checkpoint_bytes(run.folder, START) == checkpoint_bytes(source, best.checkpoint)
    assert {(report.step, report.trained_steps) for report in run.history.reports} == {
        (40 + place, place) for place in (10, 20, 30, 40)
    }
    assert run.lineage()[0].start_step == 40
    assert run.config["pbt"]["start_from"]["checkpoint"] == best.checkpoint
    assert started(run.config) == f"All members started from {best.checkpoint} of {source}, at step 40."


def test_another_member_or_a_file_of_it_is_named_and_its_age_is_known(source, tmp_path):
    def found(begin: Source) -> tuple[str | None, int | None]:
        given = Project(config(begin)).config.pbt.start_from
        assert given is not None
        return given.checkpoint, given.step

    last = Run.open(source).history.last[1].checkpoint
    file = checkpoints.path_of(source, last)
    for name in ("1", "m01", last):
        assert found(f"{source}:{name}") == (last, 40)
    assert found(str(file)) == (last, 40)
    alone = tmp_path / "alone.safetensors"  # nobody knows how old that is
    shutil.copy(file, alone)
    assert found(str(alone)) == ("alone", 0)
    assert found({"source": str(alone), "step": 7}) == ("alone", 7)
    run = trained(tmp_path / "run", {"source": str(alone), "step": 7})
    assert {birth.step for birth in run.history.births.values()} == {7}
    assert checkpoint_bytes(run.folder, START) == file.read_bytes()


def test_a_run_from_a_run_from_a_run(source, tmp_path):
    once = trained(tmp_path / "once", str(source))
    again = trained(tmp_path / "again", f"{once.folder}:start", seed=5)
    further = trained(tmp_path / "further", str(once.folder))
    assert checkpoint_bytes(again.folder, START) == checkpoint_bytes(once.folder, START)
    assert [run.lineage()[0].start_step for run in (again, further)] == [40, 80]


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_cut_off_it_goes_on_without_what_it_started_from(source, tmp_path, mode, outcome):
    gone = tmp_path / "gone"
    shutil.copytree(source, gone)
    start(Project(config(str(gone), mode=mode)), tmp_path / "whole")
    stop = Stop()
    start(Project(config(str(gone), mode=mode)), tmp_path / "cut", listeners=lambda _: [Cut(stop, 5)], stop=stop)
    shutil.rmtree(gone)
    assert Run.open(tmp_path / "cut").ending == "enough"
    # As a job queue does: by the same command. What that finds now must not matter.
    assert go_on(tmp_path / "cut", config(str(gone), mode=mode)) == "finished"
    whole, cut_off = outcome(tmp_path / "whole"), outcome(tmp_path / "cut")
    assert whole[:2] == cut_off[:2]
    assert whole[2] == cut_off[2]


def test_cut_off_before_anybody_has_reported_it_begins_again_as_before(source, tmp_path, outcome):
    trained(tmp_path / "whole", str(source))
    stop = Stop(reason="at once")
    start(Project(config(str(source))), tmp_path / "cut", stop=stop)
    path = journal.path_of(tmp_path / "cut")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))  # the run, and what it starts from
    assert go_on(tmp_path / "cut") == "finished"
    assert outcome(tmp_path / "cut")[1:] == outcome(tmp_path / "whole")[1:]


def test_a_folder_that_holds_nothing_but_what_a_run_was_about_to_start_from_is_free(source, tmp_path):
    left = checkpoints.path_of(tmp_path / "run", START)
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    trained(tmp_path / "run", str(source))
    other = checkpoints.path_of(tmp_path / "theirs", "m00-i0001")
    other.parent.mkdir(parents=True)
    other.write_bytes(b"")
    with pytest.raises(RunFolderError, match="holds other files"):
        start(Project(config(str(source))), tmp_path / "theirs")


def test_it_may_not_start_from_something_else_on_the_way(source, tmp_path):
    run = trained(tmp_path / "run", str(source))
    for begin in (None, f"{source}:1"):
        with pytest.raises(RunFolderError, match=r"pbt\.start_from.*another run"):
            go_on(run.folder, config(begin))


def test_its_state_is_kept_and_its_damage_is_told(source, tmp_path):
    run = trained(tmp_path / "run", str(source))
    path = checkpoints.path_of(run.folder, START)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(DamageError, match=r"start.* missing or damaged"):
        go_on(run.folder, change={"pbt": {"total_steps": 80}})


@pytest.mark.parametrize("seed", [None, 7])
def test_a_replay_needs_the_run_alone(source, tmp_path, seed):
    gone = tmp_path / "gone"
    shutil.copytree(source, gone)
    trained(tmp_path / "run", str(gone))
    shutil.rmtree(gone)
    run = Run.open(tmp_path / "run")
    settings = replay_config(run, seed=seed)
    assert settings.pbt.total_steps == 40
    assert start(Project(settings), tmp_path / "replay") == "finished"
    again = Run.open(tmp_path / "replay")
    assert again.lineage()[0].start_step == 40
    assert agreement(run, again).weights  # this task draws nothing


def test_schedules_count_from_the_start(source, tmp_path):
    schedule = {"rows": [{"step": 0, "values": {"h0": 0.1}}, {"step": 20, "values": {"h0": 0.2}}]}
    settings = config(str(source), schedule=schedule, exploit="none", explore="none")
    assert start(Project(settings), tmp_path / "run") == "finished"
    run: Any = Run.open(tmp_path / "run")
    found = {report.trained_steps: report.hyperparams["h0"] for report in run.history.reports}
    assert found == {10: 0.1, 20: 0.1, 30: 0.2, 40: 0.2}
    write_results(read_run(run.folder))
    assert "step = 0" in (run.folder / "schedule.toml").read_text()
    assert "All members started from" in (run.folder / "report.html").read_text()


def test_whoever_begins_late_or_anew_begins_with_it_too(source, tmp_path):
    run = trained(tmp_path / "run", str(source))
    go_on(run.folder, change={"pbt": {"total_steps": 80}}, population=5, newcomers="fresh")
    births = Run.open(run.folder).history.births
    assert {(births[new].step, births[new].sources[WHOLE]) for new in (3, 4)} == {(40, START)}
    task = f"{__file__}:Fragile"
    trained(tmp_path / "fragile", task=task, total_steps=20)
    stop = Stop()
    start(
        Project(config(str(tmp_path / "fragile"), task=task)),
        tmp_path / "lost",
        listeners=lambda _: [Cut(stop, 7)],
        stop=stop,
    )
    history = History.of(read_run(tmp_path / "lost").records)
    assert {(exploit.step, exploit.sources[WHOLE]) for exploit in history.exploits} == {(20, START)}


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_every_executor_comes_to_the_same(source, tmp_path, mode):
    """Asynchronous ones have one worker: with more, who comes first decides."""
    serial = trained(tmp_path / "serial", str(source), mode=mode)
    workers = 2 if mode == "sync" else 1
    others = {"name": "processes", "workers": workers, "vectorize": 3}
    apart = trained(tmp_path / "apart", str(source), mode=mode, executor={**others, "vectorize": "off"})
    assert decided(serial) == decided(apart)
    for member in serial.history.last.values():
        assert checkpoint_bytes(serial.folder, member.checkpoint) == checkpoint_bytes(apart.folder, member.checkpoint)


def test_in_python_and_in_memory(source):
    settings: Any = {"population_size": 3, "total_steps": 40, "ready_interval": 10, "quiet": True}
    run = pbt_gan.run("quadratic", start_from=source, **settings)
    assert run.lineage()[0].start_step == 40
    again = pbt_gan.run("quadratic", start_from={"source": str(source), "member": "1"}, **settings)
    assert again.config["pbt"]["start_from"]["checkpoint"] == Run.open(source).history.last[1].checkpoint


def test_a_state_is_named_by_the_words_that_name_members():
    for text, member in (("a:best", "best"), ("a:3", "3"), ("a:m03", "m03"), ("a:m03-i0012", "m03-i0012"), ("a", None)):
        assert StartSettings.model_validate(text).member == member
    assert StartSettings.model_validate("a:b").source == "a:b"


def test_what_cannot_be_started_from_is_told_in_one_line(source, tmp_path):
    exported = tmp_path / "exported"
    exported.mkdir()
    (exported / "generator.safetensors").write_bytes(codec.encode_tensors({}, {"card": "{}"}))
    (tmp_path / "other.safetensors").write_bytes(codec.encode_tensors({}, {}))
    (tmp_path / "text").write_text("hello")
    (tmp_path / "state.safetensors").write_bytes(codec.encode({"other": 1}))
    damaged = tmp_path / "damaged"
    shutil.copytree(source, damaged)
    for path in checkpoints.folder_of(damaged).iterdir():
        path.write_bytes(b"")
    for begin, said in (
        (tmp_path / "nowhere", "nowhere is not there; members start from a whole state"),
        (tmp_path, "holds no run"),
        (f"{source}:9", "there is none"),
        (f"{source}:start", "has started from no other state"),
        (f"{source}:average", "holds no average"),
        (exported, "is a generator alone, as `pbt-gan export` writes it, and members start from a whole state"),
        (exported / "generator.safetensors", "is a generator alone"),
        ("pretrained:digits", "is a generator alone"),
        (tmp_path / "other.safetensors", "is a model of another program"),
        (tmp_path / "text", "is no checkpoint, or a damaged one"),
        (damaged, "damaged"),
    ):
        with pytest.raises(PbtGanError, match=said.replace("(", r"\(")) as told:
            Project(config(str(begin)))
        assert "\n" not in str(told.value)
    with pytest.raises(
        ConfigError, match=r"Cannot start from .*state.safetensors: A state of this task has theta; .* other"
    ):
        start(Project(config(str(tmp_path / "state.safetensors"))), tmp_path / "run")
    meant = Project(config(str(source))).config.plain()["pbt"]["start_from"]
    with pytest.raises(ConfigError, match="is not the state that these settings mean"):
        start(Project(config({**meant, "sha256": 64 * "0"})), tmp_path / "run")
    assert start(Project(config(meant)), tmp_path / "run") == "finished"


@pytest.mark.slow
def test_a_state_of_other_nets_is_refused_with_what_differs(tmp_path):
    def project(width: int, **changes: Any) -> Project:
        task = {"name": "gan", "width": width, "z_size": 4, "batch_size": 4}
        pbt = {"population_size": 1, "total_steps": 1, "ready_interval": 1, **changes}
        return Project(validated(Config, {"task": task, "pbt": pbt, "executor": "serial"}))

    assert start(project(2), tmp_path / "first") == "finished"
    with pytest.raises(ConfigError, match=r"task\.width is 2 there and 4 here\. A state to be trained on has"):
        start(project(4, start_from=str(tmp_path / "first")), tmp_path / "other")
    same = project(2, start_from=str(tmp_path / "first"))
    same.prepare(tmp_path / "first")
    report = Run.open(tmp_path / "first").best
    assert report is not None
    kept = checkpoint_bytes(tmp_path / "first", report.checkpoint)
    assert same.first_checkpoints(tmp_path / "first") == {START: kept}


@pytest.mark.slow
def test_a_module_task_takes_over_nets_and_optimisers(tmp_path):
    task = str(Path(__file__).parent.parent / "modules" / "whole.py") + ":Whole"
    settings = {"task": task, "population_size": 2, "total_steps": 4, "ready_interval": 2}
    first = trained_module(tmp_path / "first", settings)
    second = trained_module(tmp_path / "second", {**settings, "start_from": str(first.folder)})
    assert second.lineage()[0].start_step == 4
    assert checkpoint_bytes(second.folder, START) == checkpoint_bytes(first.folder, first.best.checkpoint)


def trained_module(folder: Path, settings: dict[str, Any]) -> Any:
    pbt = {key: value for key, value in settings.items() if key != "task"}
    assert start(Project(validated(Config, {"task": settings["task"], "pbt": pbt, "executor": "serial"})), folder)
    return Run.open(folder)
