"""Averages of whole runs: which states go in, what is kept, and what is told."""

import json
import math
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock
from torch import nn

from pbt_gan import Float, ModuleTask, Range
from pbt_gan.config.settings import Config
from pbt_gan.config.source import merged
from pbt_gan.core.lineage import History
from pbt_gan.core.records import Birth, Donor, Exploit, Report, Retire
from pbt_gan.errors import ConfigError, DamageError, RunFolderError
from pbt_gan.interfaces import Task, Training
from pbt_gan.runs import average
from pbt_gan.runs.launch import go_on, start
from pbt_gan.runs.project import Project
from pbt_gan.runs.result import Run
from pbt_gan.store.reader import kept_checkpoints
from pbt_gan.testing.leaves import differences
from pbt_gan.validation import validated


def square(theta):
    return float((theta**2).sum())


class Valley(Task):
    """Members lie all around the bottom of a valley, so that a mean of them lies deeper; only `theta` is averaged."""

    space = {"push": Float(Range(0.9, 1.0), (0.0, 1.0))}

    def init(self, rng):
        return {"theta": np.ones(64), "memory": np.array(0.0), "seen": np.array([0]), "pushes": [0.0]}

    def train(self, state, hyperparams, steps, streams):
        push = hyperparams["push"]
        after = {
            "theta": push * streams(0).normal(size=64),
            "memory": np.array(push),
            "seen": state["seen"] + steps,
            "pushes": [*state["pushes"], push],
        }
        return Training(after, dict(hyperparams))

    def score(self, state, rng):
        return {"score": -square(state["theta"]), "held_out": float(state["theta"][0]), "drawn": rng.normal()}

    def weights_of(self, state):
        return {"theta": state["theta"]}


class Ridge(Valley):
    """The further away, the better: a mean is worse than the best."""

    def score(self, state, rng):
        return {"score": square(state["theta"])}


class Line(ModuleTask):
    """A net whose weights lie all around 0, where they are best, with a batch norm."""

    space: Any = {"lr": Float(Range(0.01, 0.1), (0.0, 1.0))}
    bindings: Any = {"lr": "optimiser.lr"}

    def build(self, rng):
        net = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8))
        return {"net": net, "optimiser": torch.optim.SGD(net.parameters(), momentum=0.5)}

    def train(self, parts, steps, rng):
        for _ in range(steps):
            parts["optimiser"].zero_grad()
            net = parts["net"]
            net(torch.randn(4, 8)).square().sum().backward()
            parts["optimiser"].step()
            nn.init.normal_(net[0].weight)

    def evaluate(self, parts, rng):
        return {"score": -parts["net"][0].weight.square().sum().item()}


GROWING: dict[str, Any] = {  # one member, from which three more are born: all of one line
    "task": f"{__file__}:Valley",
    "pbt": {
        "population": [[0, 1], [0.5, 4]],
        "total_steps": 4,
        "ready_interval": 1,
        "exploit": "none",
        "explore": "resample",
    },
    "executor": {"name": "serial", "workers": 1},
}


def trained(folder: Path, **changes: Any) -> Any:
    assert start(Project(validated(Config, merged(GROWING, changes))), folder) == "finished"
    return Run.open(folder)


@pytest.fixture
def run(tmp_path: Path) -> Any:
    return trained(tmp_path / "run")


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_an_average_is_the_mean_of_states_that_a_hand_would_take(run):
    made = run.average()
    assert len(made.candidates) >= 3
    thetas = [run.state(str(each.member) if each != run.best else "best")["theta"] for each in made.candidates]
    taken = [0]
    for k in range(1, len(thetas)):
        if square(np.mean([thetas[i] for i in (*taken, k)], 0)) <= square(np.mean([thetas[i] for i in taken], 0)):
            taken.append(k)
    assert list(made.ingredients) == [made.candidates[i] for i in taken]
    assert made.kept
    assert run.state("average")["theta"] == pytest.approx(np.mean([thetas[i] for i in taken], 0))


def test_best_and_average_are_measured_with_the_random_numbers_of_training(run):
    made = run.average()
    assert made.best == {"score": run.best.score, **run.best.metrics}
    assert made.average["drawn"] == made.best["drawn"]
    assert made.average["score"] == pytest.approx(-square(run.state("average")["theta"]))
    assert made.average["score"] > made.best["score"]


def test_all_that_is_not_weights_is_the_best_one_s_own(run):
    assert run.average().kept
    assert list(differences(run.state(), run.state("average"))) == ["theta"]


def test_an_average_changes_nothing_of_the_run_and_comes_out_the_same_again(run):
    before = files_of(run.folder)
    assert run.average().kept
    after = files_of(run.folder)
    assert {path: data for path, data in after.items() if "average" not in Path(path).name} == before
    assert {Path(path).name for path in after.keys() - before.keys()} == {"average.safetensors", "average.json"}
    run.average()
    assert files_of(run.folder) == after
    assert Run.open(run.folder).ending == "finished"


def test_the_card_says_what_it_was_made_of(run):
    made = run.average()
    card = json.loads((run.folder / "average.json").read_text())
    assert [each["checkpoint"] for each in card["ingredients"]] == [each.checkpoint for each in made.ingredients]
    assert card["made_from"] == {"reports": len(run.history.reports), "best": run.best.checkpoint}
    assert card["scores"] == {"best": made.best, "average": made.average}
    assert card["ingredients"][0]["score"] == run.best.score


def test_an_average_that_is_no_better_is_not_kept_and_an_older_one_is_removed(tmp_path):
    run = trained(tmp_path / "run", task=f"{__file__}:Ridge")
    for name in ("average.json", "average.safetensors"):
        (run.folder / name).write_text("of before")
    made = run.average()
    assert made.ingredients[0] == run.best
    assert not made.kept
    assert not list(run.folder.glob("average*"))
    with pytest.raises(RunFolderError, match=r"holds no average.*keeps it if it is better"):
        run.state("average")


def test_a_run_that_has_moved_on_has_no_average(run):
    assert run.average().kept
    assert go_on(run.folder, change={"pbt": {"total_steps": 6}}) == "finished"
    further = Run.open(run.folder)
    with pytest.raises(RunFolderError, match="has trained on since its average was made; make it again"):
        further.state("average")
    assert further.average().kept
    further.state("average")


def test_members_of_different_lines_are_not_averaged(tmp_path):
    run = trained(tmp_path / "run", pbt={"population": [[0, 4]]})
    found = average.candidates(run.history, kept_checkpoints(run.folder))
    assert {each.member for each in found} == {run.best.member}


@pytest.mark.parametrize("damage", ["flipped", "gone"])
def test_a_damaged_checkpoint_is_told_and_nothing_is_written(run, damage):
    path = run.folder / "checkpoints" / f"{run.average().candidates[1].checkpoint}.safetensors"
    before = files_of(run.folder)
    data = bytearray(path.read_bytes())
    path.unlink()
    if damage == "flipped":
        data[-1] ^= 1
        path.write_bytes(data)
    with pytest.raises(DamageError, match=f"{path.name} is (damaged|missing)"):
        run.average()
    assert {name: data for name, data in files_of(run.folder).items() if name != str(path)} == {
        name: data for name, data in before.items() if name != str(path)
    }


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("average.safetensors", lambda data: data[:-1] + bytes([data[-1] ^ 1])),
        ("average.safetensors", None),
        ("average.json", lambda data: data[:40]),
        ("average.json", lambda data: b"[1]"),
        ("average.json", lambda data: b"\xff"),
    ],
)
def test_a_damaged_average_is_told(run, name, change):
    assert run.average().kept
    path = run.folder / name
    data = path.read_bytes()
    path.unlink()
    if change is not None:
        path.write_bytes(change(data))
    with pytest.raises(DamageError, match=f"{name}.*make it again: pbt-gan average"):
        run.state("average")


def test_a_run_that_trains_is_not_averaged(run):
    with FileLock(run.folder / ".lock"), pytest.raises(RunFolderError, match="is being trained; average it when"):
        run.average()


def test_an_average_is_no_member(run):
    with pytest.raises(ConfigError, match="is no member, and has no report"):
        run.member("average")
    with pytest.raises(ConfigError, match="Did you mean 'average'"):
        run.member("averag")


def report(member: int, interval: int, score: float) -> Report:
    return Report(member, interval, interval, interval, score, {}, {}, f"m{member:02d}-i{interval:04d}")


def copy(recipient: int, interval: int, sources: dict[str, str]) -> Exploit:
    donor = Donor(0, interval, interval, "m00-i0001")
    return Exploit(recipient, interval, donor, ("weights",), "none", {}, {}, "truncation", "", sources=sources)


HISTORY = History.of(
    [
        *(Birth(member, {}, "drawn") for member in range(7)),
        *(report(member, 1, 5.0 - member) for member in range(7)),
        copy(1, 1, {"*": "m00-i0001"}),
        copy(2, 1, {"*": "m00-i0001"}),
        copy(3, 1, {"*": "m00-i0001", "g": "m06-i0001"}),  # of two lines
        copy(4, 1, {"*": "m00-i0001"}),
        copy(5, 1, {"*": "m00-i0001"}),
        *(report(member, 2, score) for member, score in enumerate([3.0, 2.0, 4.0, 6.0, math.nan, 9.0, 7.0])),
        Retire(5, 2, "too old"),
    ]
)
KEPT = frozenset(each.checkpoint for each in HISTORY.last.values())


def test_candidates_are_the_living_of_the_best_one_s_line_the_best_first():
    # Its best, m05, has retired but is kept; m03 has a component of another line, m04 diverged, m06 is of another line.
    assert [each.checkpoint for each in average.candidates(HISTORY, KEPT)] == [
        "m05-i0002",
        "m02-i0002",
        "m00-i0002",
        "m01-i0002",
    ]


def test_a_state_that_is_not_kept_is_no_candidate():
    assert "m02-i0002" not in [each.checkpoint for each in average.candidates(HISTORY, KEPT - {"m02-i0002"})]


def test_a_run_in_which_nobody_has_a_score_has_no_candidates():
    assert average.candidates(History.of([Birth(0, {}, "drawn"), report(0, 1, math.nan)]), frozenset()) == []


def test_lines_that_share_components_since_are_one_again():
    # Both come of m03 after it was put together: what they share is all of it.
    records: list[Any] = [*HISTORY.births.values(), *HISTORY.reports, *HISTORY.exploits]
    copied = replace(copy(0, 2, {"*": "m03-i0002"}), interval=2)
    history = History.of([*records, copied, report(0, 3, 1.0), report(3, 3, 1.0)])
    assert history.one_line((0, 3), (3, 3))
    assert not history.one_line((0, 3), (0, 1))
    assert history.one_line((0, 2), (1, 2))
    assert not history.one_line((0, 1), (6, 2))


def test_of_a_module_task_nets_are_averaged_and_nothing_else(tmp_path):
    run = trained(tmp_path / "run", task=f"{__file__}:Line")
    made = run.average()
    assert made.kept, (made.best, made.average)
    changed = set(differences(run.state(), run.state("average")))
    assert {path for path in changed if not path.startswith("net.")} == set()
    assert {"net.0.weight", "net.1.running_mean"} <= changed
    assert "net.1.num_batches_tracked" not in changed
    states = [run.export(str(r.member))["net"] if r != run.best else run.export()["net"] for r in made.ingredients]
    weights = torch.stack([state["0.weight"] for state in states]).mean(0)
    torch.testing.assert_close(run.export("average")["net"]["0.weight"], weights)
    torch.testing.assert_close(run.parts("average")["net"][0].weight.detach(), weights)


@pytest.mark.slow
def test_of_a_gan_both_nets_and_the_average_of_the_generator_are_averaged(tmp_path, monkeypatch):
    task = {"name": "gan", "data": "digits", "width": 2, "z_size": 4, "batch_size": 8, "ema": True}
    metrics = {"samples": 100, "held_out_samples": 100}
    run = trained(tmp_path / "run", task=task, metrics=metrics)
    of_best = {"score": run.best.score, "score_error": run.best.score_error, **run.best.metrics}
    made = run.average()
    assert made.best == pytest.approx({name: of_best[name] for name in made.best}, rel=1e-4)
    rising = count()
    monkeypatch.setattr(average, "score", lambda *_: [{"score": next(rising)}])
    made = run.average()
    assert list(made.ingredients) == list(made.candidates)
    assert made.kept
    changed = set(differences(run.state(), run.state("average")))
    assert {"g.params", "g.average.params", "d.params"} <= changed
    assert not [path for path in changed if "moments" in path]
    assert run.sample(3, member="average").shape == (3, 8, 8, 1)
    assert run.export("average")["params"].keys() == run.export()["params"].keys()
