"""Train GANs, or any model of yours, with Population Based Training (Jaderberg et al. 2017, arXiv:1711.09846).

The public names: `run`, `resume` and `Run`; `load_generator`, which makes a trained generator a module of torch;
`evaluate` and `Evaluation`, for anybody's images; `ModuleTask` for ordinary PyTorch of your own, `Task` and `Training`
for anything else, `GroupTask` where several members train in one program (`Problem`, `Trainer` and `GroupTrainer` where
what is known before there is a device and what trains on it are two things); `Float`, `Integer`, `Choice` and `Range`
for its search space; `Listener`, to watch a run; `PbtGanError`, of which every error meant for a person is a subclass.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pbt_gan.core.space import Choice, Float, Integer, Range
    from pbt_gan.errors import PbtGanError
    from pbt_gan.interfaces import GroupTask, GroupTrainer, Listener, Problem, Task, Trainer, Training
    from pbt_gan.modules.task import ModuleTask
    from pbt_gan.runs.evaluating import Evaluation, evaluate
    from pbt_gan.runs.generator import load_generator
    from pbt_gan.runs.result import Run
    from pbt_gan.runs.run import resume, run

__all__ = [
    "Choice",
    "Evaluation",
    "Float",
    "GroupTask",
    "GroupTrainer",
    "Integer",
    "Listener",
    "ModuleTask",
    "PbtGanError",
    "Problem",
    "Range",
    "Run",
    "Task",
    "Trainer",
    "Training",
    "evaluate",
    "load_generator",
    "resume",
    "run",
]

_PLACES = {
    "Choice": "core.space",
    "Float": "core.space",
    "Integer": "core.space",
    "Range": "core.space",
    "PbtGanError": "errors",
    "GroupTask": "interfaces",
    "GroupTrainer": "interfaces",
    "Listener": "interfaces",
    "ModuleTask": "modules.task",
    "Problem": "interfaces",
    "Task": "interfaces",
    "Trainer": "interfaces",
    "Training": "interfaces",
    "Evaluation": "runs.evaluating",
    "evaluate": "runs.evaluating",
    "Run": "runs.result",
    "load_generator": "runs.generator",
    "resume": "runs.run",
    "run": "runs.run",
}


def __getattr__(name: str) -> Any:  # so that `pbt-gan --help` need not wait for what it does not use
    if name in _PLACES:
        return getattr(import_module(f"pbt_gan.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
