import subprocess
import sys
from pathlib import Path

import pytest

from pbt_gan import Float, codec
from pbt_gan.core.rng import stream
from pbt_gan.errors import ConfigError, TaskError
from pbt_gan.modules.trainer import ModuleTrainer


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"bindings": {}}, "Small.space has 'lr', but nothing is bound to it"),
        ({"bindings": {"lr": "optimiser.lr", "wd": "optimiser.weight_decay"}}, "bindings has 'wd'"),
        ({"space": {"lr": Float(2.0, (0.0, 1.0))}}, "space.lr.init holds 2.0"),
    ],
)
def test_a_contradiction_is_told_when_the_adapter_is_made(small, changes, said):
    with pytest.raises(ConfigError) as error:
        small(**changes)().as_task()
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"bindings": {"lr": "optimizer.lr"}}, "Small.bindings['lr'] = 'optimizer.lr': there is no 'optimizer'. Did"),
        ({"bindings": {"lr": "optimiser.rate"}}, "there is no 'rate'. There are lr, momentum"),
        ({"build": lambda self, rng: None}, "Small.build returned a NoneType"),
    ],
)
def test_a_wrong_binding_is_told_before_any_training(small, changes, said, tmp_path):
    task = small(**changes)().as_task()
    with pytest.raises(TaskError) as error:
        task.attach(tmp_path, "cpu")
    assert said in str(error.value)


def test_a_task_refuses_what_does_not_go_together(small):
    def check_space(self, space):
        raise ConfigError(f"Not {', '.join(space)} together.")

    task = small(check_space=check_space)().as_task()
    with pytest.raises(ConfigError, match=r"Not lr together\."):
        task.check_space(task.space)


def test_hooks_device_and_folder_reach_the_task(small, tmp_path):
    def build(self, rng):
        assert (self.device, self.folder) == ("cpu", tmp_path)
        return small().build(self, rng)

    def prepare(self, folder: Path):
        (folder / "there").touch()

    def fingerprint(self):
        return {"data": str((self.folder / "there").exists())}

    def arguments(self):
        return {"width": 3}

    def sample(self, parts, count, rng):
        return rng.integers(256, size=(count, 1, 1, 1), dtype="uint8")

    hooks = (build, prepare, fingerprint, arguments, sample)
    task = small(**{hook.__name__: hook for hook in hooks})().as_task()
    task.prepare(tmp_path)
    trainer = task.attach(tmp_path, "cpu")
    assert (task.fingerprint(), task.arguments()) == ({"data": "True"}, {"width": 3})
    assert task.as_task() is task
    assert isinstance(trainer, ModuleTrainer)
    images = trainer.sample(trainer.init(stream(0)), 5, stream(0))
    assert images is not None
    assert images.shape == (5, 1, 1, 1)


def test_the_length_of_the_run_reaches_the_task_before_anything_is_built(small, tmp_path):
    seen = []

    def build(self, rng):
        seen.append(self.total_steps)
        return small().build(self, rng)

    task = small(build=build)().as_task()
    for total_steps in (100, 200):  # the second: a run that goes on and was made longer
        task.expect(total_steps)
        task.attach(tmp_path, "cpu")
    assert seen == [100, 200]


@pytest.mark.slow
def test_a_module_task_can_be_named_without_torch():
    program = "import sys, pbt_gan; pbt_gan.ModuleTask, pbt_gan.Run; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_problem_attached_twice_has_two_trainers_that_share_no_parts(small, tmp_path):
    problem = small()().as_task()
    one, other = (problem.attach(tmp_path, "cpu") for _ in range(2))
    assert one is not other
    streams = lambda block: stream(3, "train", block)  # noqa: E731
    born = one.init(stream(0))
    kept = codec.encode(born)
    other.train(other.init(stream(1)), {"lr": 0.5}, 2, streams)
    expected = problem.attach(tmp_path, "cpu").train(codec.decode(kept), {"lr": 0.1}, 2, streams).state
    assert codec.encode(one.train(born, {"lr": 0.1}, 2, streams).state) == codec.encode(expected)
