"""What acts, seen while parts train: what each bound place held when an optimiser last stepped, or a layer last ran."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from pbt_gan.core.population import Value
from pbt_gan.modules.paths import Chain, held
from pbt_gan.modules.reads import Target, target

# The hooks are objects of classes of this module, no closures: a loop may copy or pickle a net on which they lie.


@dataclass(eq=False)
class Sight(ABC):
    """One place under watch."""

    target: Target
    last: list[Any] = field(default_factory=list)  # what it held when it last acted; empty: it has not been seen to

    @property
    def values(self) -> list[Value]:
        """The value seen last, if any."""
        return [value.item() if isinstance(value, Tensor) else value for value in self.last]

    @abstractmethod
    def hooks(self) -> list[RemovableHandle]:
        """Begin to watch; the handles end it."""

    def look(self) -> None:
        """Note what the place holds; of a tensor a copy, which a device makes without being waited for."""
        value = self.target.owner
        for step in self.target.steps:  # as `paths.held`, but at each step of the training: no word is lost on mistakes
            if isinstance(value, dict):
                value = value[step]
            elif isinstance(value, list | tuple):
                value = value[int(step)]
            else:
                value = getattr(value, step)
        self.last = [value.detach().clone() if isinstance(value, Tensor) else value]


@dataclass(eq=False)
class _InGroup(Sight):
    """Acts when the optimiser has stepped with a gradient of this group."""

    def hooks(self) -> list[RemovableHandle]:
        return [self.target.owner.register_step_post_hook(self)]  # after it: a closure makes the gradients within

    def __call__(self, optimiser: Optimizer, arguments: Any, keywords: Any) -> None:
        group = optimiser.param_groups[int(self.target.steps[1])]
        if _has_gradients([group]):
            self.look()


@dataclass(eq=False)
class _OfScheduler(Sight):
    """Acts when the optimiser has stepped after the scheduler has."""

    began: int = 0

    def hooks(self) -> list[RemovableHandle]:
        self.began = self.target.owner.last_epoch
        return [self.target.owner.optimizer.register_step_post_hook(self)]

    def __call__(self, optimiser: Optimizer, arguments: Any, keywords: Any) -> None:
        if self.target.owner.last_epoch != self.began and _has_gradients(optimiser.param_groups):
            self.look()


@dataclass(eq=False)
class _OfLayer(Sight):
    """Acts when the layer is called while it trains."""

    def hooks(self) -> list[RemovableHandle]:
        return [self.target.owner.register_forward_pre_hook(self)]

    def __call__(self, layer: nn.Module, arguments: Any) -> None:
        if layer.training and not torch.compiler.is_compiling():
            self.look()


@dataclass(eq=False)
class _OfTensor(Sight):
    """Acts when the module is called while it trains, and hands the tensor to an operation of torch.

    Whether it does is looked at until it is seen once: code that is the same for every call reads the same tensors.
    """

    reading: "_Reading | None" = None
    is_read: bool = False

    @property
    def values(self) -> list[Value]:
        return super().values if self.is_read else []

    def hooks(self) -> list[RemovableHandle]:
        module: nn.Module = self.target.owner
        return [
            module.register_forward_pre_hook(self),
            module.register_forward_hook(_Returned(self), always_call=True),
        ]

    def __call__(self, module: nn.Module, arguments: Any) -> None:
        if not module.training or torch.compiler.is_compiling():
            return
        self.look()
        if not self.is_read and self.reading is None:
            self.reading = _Reading(held(module, self.target.steps))
            self.reading.__enter__()  # type: ignore[no-untyped-call]

    def returned(self) -> None:
        """End the look at a call."""
        if self.reading is not None:
            self.reading.__exit__(None, None, None)  # type: ignore[no-untyped-call]
            self.is_read |= self.reading.found
            self.reading = None


@dataclass(eq=False)
class _Returned:
    sight: _OfTensor

    def __call__(self, module: nn.Module, arguments: Any, result: Any) -> None:
        self.sight.returned()


class _Reading(TorchFunctionMode):
    """Sees whether a tensor is handed to an operation."""

    def __init__(self, tensor: Tensor) -> None:
        super().__init__()
        self.tensor = tensor
        self.found = False

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") != "__get__":  # its shape or device say nothing of its value
            self.found |= _holds((args, kwargs), self.tensor)
        return func(*args, **(kwargs or {}))


def _holds(tree: Any, tensor: Tensor) -> bool:
    if isinstance(tree, Mapping):
        return _holds([*tree.values()], tensor)
    if isinstance(tree, list | tuple):
        return any(_holds(each, tensor) for each in tree)
    return tree is tensor


def _has_gradients(groups: Sequence[Mapping[str, Any]]) -> bool:
    return any(parameter.grad is not None for group in groups for parameter in group["params"])


def _sight(chain: Chain) -> Sight | None:
    """Return how a place is watched; None: nobody can see whether it acts."""
    there = target(chain)
    match there:
        case Target(owner=torch.jit.ScriptModule()):
            return None  # takes no hooks
        case Target(owner=Optimizer(), read=True):
            return _InGroup(there)
        case Target(owner=LRScheduler(), read=True):
            return _OfScheduler(there)
        case Target(owner=nn.Module(), read=True):
            return _OfLayer(there)
        case Target(owner=nn.Module()) if isinstance(chain[-1][0], Tensor):
            return _OfTensor(there)
    return None


@contextmanager
def watched(chains: Mapping[str, Sequence[Chain]]) -> Iterator[Mapping[str, Sequence[Sight]]]:
    """Watch the places of each name while parts train; the sights tell afterwards what acted."""
    sights = {name: [seen for chain in several if (seen := _sight(chain))] for name, several in chains.items()}
    with ExitStack() as stack:
        for each in (sight for several in sights.values() for sight in several):
            for handle in each.hooks():
                stack.callback(handle.remove)
        yield sights
