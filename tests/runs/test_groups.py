"""Whole runs of GANs: how members are grouped changes no bit of them on a CPU."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from pbt_gan import references
from pbt_gan.config.settings import Config
from pbt_gan.config.source import merged
from pbt_gan.core.records import Exploit, Report
from pbt_gan.errors import ConfigError, OutOfMemoryError
from pbt_gan.gan.data import load_dataset
from pbt_gan.gan.nets.members_in_channels import MembersInChannels
from pbt_gan.gan.scores import recipes
from pbt_gan.gan.task import GanTask
from pbt_gan.interfaces import Problem
from pbt_gan.runs import groups
from pbt_gan.runs.launch import go_on, start
from pbt_gan.runs.project import Project
from pbt_gan.runs.trial import Trial
from pbt_gan.store.reader import read_run
from pbt_gan.validation import validated

GAN: dict[str, Any] = {
    "task": {"name": "gan", "data": "digits", "width": 4, "z_size": 8, "batch_size": 16},
    "pbt": {"population_size": 5, "total_steps": 12, "ready_interval": 4, "exploit": {"fraction": 0.4}},
    "space": {"lr_g": [1e-4, 1e-2], "lr_d": [1e-4, 1e-2], "n_critic": [1, 3]},
    "metrics": {"samples": 100, "held_out_samples": 100},
    "executor": {"name": "serial", "vectorize": "off"},
    "checkpoints": {"every_s": 0.0},
}

GAMES: dict[str, dict[str, Any]] = {
    "non-saturating": {},
    "hinge": {"loss": "hinge"},
    "wgan-gp": {"loss": "wgan-gp", "discriminator_norm": "none"},
    "float64": {"dtype": "float64"},
    "bfloat16": {"dtype": "bfloat16"},
}

PLACES: dict[str, dict[str, Any]] = {
    "serial, stacked": {"name": "serial", "vectorize": 5},
    "serial, in groups of three": {"name": "serial", "vectorize": 3},
    "workers": {"name": "processes", "workers": 2, "vectorize": "off"},
    "workers with groups": {"name": "processes", "workers": 2, "vectorize": 2},
}


def config(game: str = "non-saturating", **executor: Any) -> Config:
    return validated(Config, merged(GAN, {"task": GAMES[game], "executor": executor}))


@pytest.fixture(scope="module")
def reference(tmp_path_factory, outcome):
    """Return what comes of a game when members train one after another."""
    known: dict[str, Any] = {}

    def of(game: str) -> Any:
        if game not in known:
            folder = tmp_path_factory.mktemp("reference") / "run"
            start(Project(config(game)), folder)
            known[game] = outcome(folder)
        return known[game]

    return of


@pytest.mark.slow
@pytest.mark.parametrize("place", sorted(PLACES))
@pytest.mark.parametrize("game", sorted(GAMES))
def test_neither_groups_nor_workers_change_a_bit_of_a_run(game, place, reference, outcome, tmp_path):
    start(Project(config(game, **PLACES[place])), tmp_path / "run")
    assert outcome(tmp_path / "run") == reference(game)


@pytest.mark.slow
def test_nor_does_one_worker_on_several_devices(reference, outcome, tmp_path):
    start(Project(config(name="processes", workers=1, device="cpu,cpu", vectorize=2)), tmp_path / "run")
    assert outcome(tmp_path / "run") == reference("non-saturating")


@pytest.mark.slow
@pytest.mark.parametrize("game", ["non-saturating", "hinge", "wgan-gp"])
def test_large_images_in_one_program_lead_to_the_same_decisions(game, tmp_path, monkeypatch):
    """As on a GPU; in float64, in which the formulations differ by some 1e-12."""
    monkeypatch.setattr(recipes, "STEPS", 20)
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "images.npz", images=rng.integers(0, 256, (60, 32, 32, 1), np.uint8), labels=np.arange(60) % 3)
    large = {"data": str(tmp_path / "images.npz"), "dtype": "float64", "width": 2, **GAMES[game]}
    found = {}
    for group in ("off", 5):
        monkeypatch.setattr(MembersInChannels, "exact", group == 5)
        folder = tmp_path / str(group)
        start(Project(validated(Config, merged(GAN, {"task": large, "executor": {"vectorize": group}}))), folder)
        found[group] = read_run(folder).records
    decisions, scores = {}, {}
    for group, records in found.items():
        decisions[group] = [replace(each, scores=(), reason="") for each in records if isinstance(each, Exploit)]
        scores[group] = [each.score for each in records if isinstance(each, Report)]
    assert decisions["off"] == decisions[5]
    assert any(each.donor for each in decisions["off"])
    assert scores["off"] == pytest.approx(scores[5], rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("groups", [("off", 5), (5, "off"), (2, 3)])
def test_a_run_may_go_on_in_other_groups(groups, reference, outcome, tmp_path):
    first, second = (config(vectorize=group) for group in groups)
    folder = tmp_path / "run"
    half = merged(GAN, {"pbt": {"total_steps": 4}, "executor": first.executor.model_dump()})
    start(Project(validated(Config, half)), folder)
    assert go_on(folder, second) == "finished"
    assert outcome(folder) == reference("non-saturating")


@pytest.fixture
def trials(monkeypatch, tmp_path):
    """Let every trial find a group of three, and return how many there were."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made: list[int] = []

    def fastest(step_s, most):
        made.append(most)
        assert step_s(1) > 0
        return 3

    monkeypatch.setattr(groups, "fastest", fastest)
    monkeypatch.setattr(GanTask, "together", Problem.together)  # of a GAN on a CPU it is known
    return made


def vectorize(folder: Path) -> Any:
    return read_run(folder).config["executor"]["vectorize"]


@pytest.mark.slow
def test_the_group_is_chosen_by_a_trial_and_stands_in_the_config_of_the_run(tmp_path, trials):
    start(Project(config(vectorize="auto")), tmp_path / "run")
    assert vectorize(tmp_path / "run") == 3
    assert "vectorize = 3" in (tmp_path / "run" / "config.toml").read_text()
    assert trials == [5]


@pytest.mark.slow
def test_the_same_circumstances_need_no_second_trial_and_others_do(tmp_path, trials):
    for name in ("one", "two"):
        start(Project(config(vectorize="auto")), tmp_path / name)
    assert trials == [5]
    start(Project(config("hinge", vectorize="auto")), tmp_path / "hinge")
    start(Project(config(vectorize="auto", name="processes", workers=2)), tmp_path / "workers")
    assert trials == [5, 5, 3]
    assert vectorize(tmp_path / "two") == vectorize(tmp_path / "workers") == 3


@pytest.mark.slow
def test_what_was_chosen_is_not_chosen_again_when_the_run_goes_on(tmp_path, trials):
    folder = tmp_path / "run"
    start(
        Project(validated(Config, merged(GAN, {"pbt": {"total_steps": 4}, "executor": {"vectorize": "auto"}}))), folder
    )
    (tmp_path / "cache").rename(tmp_path / "gone")
    go_on(folder, config(vectorize="auto"))
    assert trials == [5]
    assert vectorize(folder) == 3


@pytest.mark.slow
@pytest.mark.parametrize(("given", "written"), [("off", "off"), (1, "off"), ("2", 2), (40, 40)])
def test_what_is_given_is_not_tried(tmp_path, trials, given, written):
    start(Project(config(vectorize=given)), tmp_path / "run")
    assert vectorize(tmp_path / "run") == written
    assert trials == []


def test_a_task_without_groups_is_not_tried_and_refuses_them(tmp_path, trials):
    toy = {"task": "quadratic", "pbt": {"population_size": 3, "total_steps": 10, "ready_interval": 5}}
    start(Project(validated(Config, {**toy, "executor": "serial"})), tmp_path / "run")
    assert vectorize(tmp_path / "run") == "off"
    assert trials == []
    with pytest.raises(ConfigError, match=r"quadratic trains one member at a time; use off"):
        Project(validated(Config, {**toy, "executor": {"name": "serial", "vectorize": 2}}))


@pytest.mark.parametrize(
    ("changes", "members", "group"),
    [
        ({}, 4, 4),
        ({}, 8, 8),
        ({}, 9, 5),
        ({}, 20, 7),
        ({"resolution": 16, "batch_size": 256}, 8, 8),
        ({"resolution": 28, "batch_size": 128}, 8, 1),
        ({"resolution": 32}, 8, 8),
        ({"resolution": 32, "batch_size": 128}, 8, 1),
        ({"resolution": 48}, 8, 1),
        ({"net": "resnet"}, 8, 1),
    ],
)
def test_how_many_members_of_a_gan_a_cpu_trains_together_is_known(changes, members, group):
    assert GanTask(data="digits", **changes).together(members, "cpu") == group


def test_of_a_gpu_it_is_not_known():
    assert GanTask(data="digits").together(8, "cuda:0") is None


def test_a_member_that_trains_alone_on_a_cpu_is_not_stacked(monkeypatch):
    task = GanTask(data="digits", generator=f"{__file__}:GAN")
    monkeypatch.setattr(GanTask, "dataset", load_dataset("digits"))
    assert task.together(8, "cpu") == 1


def test_what_a_task_knows_is_not_tried(tmp_path, trials, monkeypatch):
    monkeypatch.setattr(GanTask, "together", lambda self, members, device: 2)
    project = Project(config(vectorize="auto"))
    made = groups.decided(project.config, project.task, project.plan.space, tmp_path)
    assert made.executor.vectorize == 2
    assert trials == []


class OnAGpu:
    """A trial whose timings nobody may ask for: a member takes 100 bytes and its states 10 each."""

    def __init__(self, *arguments: object) -> None:
        pass

    def state_bytes(self) -> int:
        return 10

    def peak_bytes(self, group: int) -> int:
        return 100 * group

    def free_bytes(self) -> int:
        pytest.fail("what is free now is another number the next time")

    def total_bytes(self) -> int:
        return self.memory_bytes

    def step_s(self, group: int, steps: int) -> float:
        pytest.fail("a timing is another number the next time")

    def release(self) -> None:
        pass

    memory_bytes = 1_000_000


@pytest.mark.parametrize(
    ("memory_bytes", "fraction", "devices", "group"),
    [(1_000_000, None, 1, 5), (450, None, 1, 3), (1_000_000, None, 2, 3), (900, 0.5, 1, 3)],
)
def test_on_a_gpu_that_is_to_be_deterministic_memory_decides_and_no_timing(
    memory_bytes, fraction, devices, group, monkeypatch, tmp_path, caplog
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(OnAGpu, "memory_bytes", memory_bytes)
    monkeypatch.setattr(groups, "Trial", OnAGpu)
    monkeypatch.setattr(groups, "make_deterministic", lambda device: None)
    monkeypatch.setattr(groups, "gpus", lambda devices: {"devices": devices})
    caplog.set_level("INFO")
    device = ",".join(f"cuda:{number}" for number in range(devices))
    given = config(vectorize="auto", name="processes", device=device, deterministic=True, memory_fraction=fraction)
    project = Project(config(vectorize="off"))
    made = groups.decided(given, project.task, project.plan.space, tmp_path)
    assert made.executor.vectorize == group
    assert "executor.deterministic leaves nothing to a timing" in caplog.messages[-1]


class Narrow(OnAGpu):
    """A trial on a GPU whose memory is said to be there, and is not when it is asked for."""

    def free_bytes(self) -> int:
        return self.memory_bytes

    def step_s(self, group: int, steps: int) -> float:
        if group > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return 0.01 / group


def test_a_group_that_runs_out_of_memory_in_the_trial_is_halved_and_not_given_up(monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(groups, "Trial", Narrow)
    monkeypatch.setattr(groups, "gpus", lambda devices: {"devices": devices})
    project = Project(config(vectorize="off"))
    given = config(vectorize="auto", name="processes", device="cuda:0")
    assert groups.decided(given, project.task, project.plan.space, tmp_path).executor.vectorize == 2
    assert "3 members do not fit into the memory together (OutOfMemoryError: CUDA out of memory)." in caplog.messages


def test_what_was_chosen_on_one_kind_of_gpu_is_chosen_anew_on_another_and_whatever_the_host_is_called(
    monkeypatch, tmp_path, trials
):
    monkeypatch.setattr(groups, "Trial", Narrow)
    project = Project(config(vectorize="off"))
    given = config(vectorize="auto", name="processes", device="cuda:0")
    for name, memory, host in (("H200", 141, "a"), ("H200", 141, "b"), ("H200", 96, "a"), ("A100", 141, "a")):
        card = SimpleNamespace(name=name, total_memory=memory, multi_processor_count=132)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device, card=card: card)
        monkeypatch.setattr("platform.node", lambda host=host: host)
        groups.decided(given, project.task, project.plan.space, tmp_path)
    assert len(trials) == 3


def test_a_trial_draws_one_member_only_whatever_its_groups_are(tmp_path, monkeypatch):
    task = references.load(f"{Path(__file__).parents[1] / 'executors' / 'odd_tasks.py'}:Roommates")()
    born: list[Any] = []

    def init(rng: Any) -> dict[str, Any]:
        born.append(rng)
        return {"point": np.zeros(3)}

    monkeypatch.setattr(task, "init", init)
    trial = Trial(task, {}, tmp_path, "cpu")
    for group in (1, 4):
        assert trial.step_s(group, 2) >= 0
    assert trial.state_bytes() > 24
    assert len(born) == 1


@pytest.mark.slow
def test_on_a_cpu_a_deterministic_run_has_the_fastest_groups_since_they_change_no_bit(tmp_path, trials):
    start(Project(config(vectorize="auto", deterministic=True)), tmp_path / "run")
    assert vectorize(tmp_path / "run") == 3
    assert trials == [5]


def test_a_task_that_fails_in_the_trial_is_told_of_by_the_run(tmp_path, trials, caplog):
    task = f"{Path(__file__).parents[1] / 'executors' / 'odd_tasks.py'}:Roommates"
    failing = {
        "task": {"name": task, "room": 0},
        "pbt": {"population_size": 2, "total_steps": 2, "ready_interval": 1},
        "executor": "serial",
    }
    with pytest.raises(OutOfMemoryError, match="MemoryError: no room"):
        start(Project(validated(Config, failing)), tmp_path / "run")
    assert "Groups cannot be tried (MemoryError: no room); members are trained one at a time." in caplog.messages
    assert vectorize(tmp_path / "run") == "off"
