"""A GPU that is not there: tensors without numbers say that they lie on "cuda", and what would be done is counted.

They lie on torch's device `meta`, where only shapes are computed. Two modes of torch stand between: one for names,
which takes "cuda" for `meta` and tells it back, and one for operations, which counts what each would cost, what crosses
from one memory into the other, and where the host would have to wait. What is copied to the host is all ones there.
torch's own fake tensors are not enough: their "cuda" cannot be differentiated without a torch that was built for CUDA.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from threading import Thread
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks.costs import cost_of
from benchmarks.fake_cuda import torch_cuda
from benchmarks.meter import Meter, place

aten = torch.ops.aten

GPU = torch.device("cuda", 0)
META = torch.device("meta")

WAITING = {aten.nonzero, aten.masked_select, aten._unique2, aten.unique_dim, aten.unique_consecutive, aten.equal,
           aten.bincount, aten.is_nonzero, aten.repeat_interleave}  # fmt: skip
"""Operations whose result's shape, or value, the host has to know."""


_DEVICE = vars(torch._C.TensorBase)["device"].__get__
_IS_CUDA = vars(torch._C.TensorBase)["is_cuda"].__get__


class Pinned:
    """The tensors of the host that a GPU can fetch by itself, and their views."""

    def __init__(self) -> None:
        # By the place of their memory, which nobody else is given as long as it is kept.
        self._kept: dict[int, Tensor] = {}

    def add(self, tensor: Tensor) -> None:
        """Pin a tensor."""
        self._kept[tensor.untyped_storage().data_ptr()] = tensor

    def has(self, tensor: Tensor) -> bool:
        """Return whether it is pinned."""
        return tensor.untyped_storage().data_ptr() in self._kept


@contextmanager
def fake_gpu(*, graphs: bool = False) -> Iterator[Meter]:
    """Have "cuda" for as long as this lasts, also in threads that begin meanwhile, and count what it is asked to do.

    Args:
        graphs: whether it records steps, always; if not, each kernel is launched by itself.
    """
    meter, pinned, run = Meter(), Pinned(), Thread.run

    def run_there(thread: Thread) -> None:
        with _Names(pinned), _Operations(meter, pinned):
            run(thread)

    with ExitStack() as stack:
        for name, value in torch_cuda(meter, graphs=graphs).items():
            stack.enter_context(patch.object(torch.cuda, name, value))
        stack.enter_context(patch.object(torch.backends.cuda, "is_built", lambda: graphs))
        stack.enter_context(patch.object(Thread, "run", run_there))
        stack.enter_context(patch.object(Tensor, "record_stream", lambda *_: None, create=True))
        stack.enter_context(_Names(pinned))
        stack.enter_context(_Operations(meter, pinned))
        yield meter


class _Names(TorchFunctionMode):
    """Takes "cuda" for `meta`, and tells it back."""

    def __init__(self, pinned: Pinned) -> None:
        super().__init__()
        self._pinned = pinned

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.device:
            return func(*args, **kwargs)
        if getattr(func, "__name__", "") == "__get__":
            return self._attribute(func, args)
        if func in (Tensor.pin_memory, Tensor.is_pinned):
            return self._pin(func, args[0])
        if func is Tensor.data_ptr and args[0].is_meta:  # a place of its own for what lies nowhere
            return args[0].untyped_storage()._cdata + args[0].storage_offset() * args[0].element_size()
        if func is Tensor.cuda:
            return args[0].to(META, **kwargs)
        if func is Tensor.tolist and args[0].is_meta:
            return args[0].cpu().tolist()
        pinned = kwargs.pop("pin_memory", False)
        args = tuple(_to_meta(each) for each in args)
        kwargs = {key: _to_meta(each) for key, each in kwargs.items()}
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") == META:
            made = func(*args, **{**kwargs, "device": "cpu"})
            return made.to(META)
        made = func(*args, **kwargs)
        if pinned:
            self._pinned.add(made)
        return made

    def _attribute(self, func: Any, args: Any) -> Any:
        value = func(*args)
        if func == _DEVICE:
            return GPU if value == META else value
        if func == _IS_CUDA:
            return args[0].is_meta
        return value

    def _pin(self, func: Any, tensor: Tensor) -> Any:
        if func is Tensor.is_pinned:
            return self._pinned.has(tensor)
        made = tensor.clone()
        self._pinned.add(made)
        return made


def _to_meta(leaf: Any) -> Any:
    if isinstance(leaf, torch.device):
        return META if leaf.type == "cuda" else leaf
    return META if isinstance(leaf, str) and (leaf == "cuda" or leaf.startswith("cuda:")) else leaf


class _Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts operations, and lets none see tensors of both memories."""

    def __init__(self, meter: Meter, pinned: Pinned) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._meter = meter
        self._pinned = pinned

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if _is_made_of_others(func):  # with tensors of the inference mode they come as they are
            with self:
                return func.decompose(*args, **kwargs)
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if func.overloadpacket is aten._to_copy:
            return self._copied(func, given, args, kwargs)
        if func.overloadpacket is aten.copy_ and len({tensor.is_meta for tensor in given}) == 2:
            return self._filled(*args, **kwargs)
        if func.overloadpacket is aten._local_scalar_dense and given[0].is_meta:
            self._cross(given[0], waits=True)
            return torch.ones((), dtype=given[0].dtype).item()
        on_gpu = any(tensor.is_meta for tensor in given)
        if on_gpu:
            elsewhere = [tensor for tensor in given if not tensor.is_meta and tensor.ndim]
            assert not elsewhere, f"{func} is given tensors on the GPU and on the host, at {place()}"
            if func.overloadpacket in WAITING:
                self._meter.wait()
        made = func(*args, **kwargs)
        if on_gpu or any(isinstance(leaf, Tensor) and leaf.is_meta for leaf in tree_leaves(made)):
            self._meter.note(func, given, cost_of(func, args, kwargs, made))
        return made

    def _copied(self, func: Any, given: Sequence[Tensor], args: Any, kwargs: Any) -> Any:
        (source,) = args
        target = kwargs.get("device") or source.device
        if (target.type == "meta") == source.is_meta:
            made = func(*args, **kwargs)
            if source.is_meta:
                self._meter.note(func, given, cost_of(func, args, kwargs, made))
            return made
        dtype = kwargs.get("dtype") or source.dtype
        self._cross(source, waits=not kwargs.get("non_blocking"))
        if source.is_meta:
            return torch.ones(source.shape, dtype=dtype)
        return torch.empty(source.shape, dtype=dtype, device="meta")

    def _filled(self, target: Tensor, source: Tensor, non_blocking: bool = False) -> Tensor:
        if source.ndim or source.is_meta:
            self._cross(source, waits=not non_blocking)
        return target if target.is_meta else target.fill_(1)

    def _cross(self, source: Tensor, *, waits: bool) -> None:
        """Copy from one memory to the other; from one that is not pinned, the host waits whatever was asked."""
        nbytes = source.numel() * source.element_size()
        if source.is_meta:
            self._meter.fetched_bytes += nbytes
        else:
            self._meter.sent_bytes += nbytes
            waits = waits or not self._pinned.has(source)
        if waits:
            self._meter.wait()


@cache
def _is_made_of_others(func: OpOverload) -> bool:
    name: str = func.name()  # type: ignore[no-untyped-call]
    return torch._C._dispatch_has_kernel_for_dispatch_key(name, "CompositeImplicitAutograd")
