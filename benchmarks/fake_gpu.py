"""A GPU that is not there: tensors without numbers say that they lie on "cuda", and what would be done is counted.

They lie on torch's device `meta`, where only shapes are computed. Two modes of torch stand between: one for names,
which takes "cuda" for `meta` and tells it back, and one for operations, which counts what each would cost, what crosses
from one memory into the other, and where the host would have to wait. What is copied to the host is all ones there.
torch's own fake tensors are not enough: their "cuda" cannot be differentiated without a torch that was built for CUDA.
"""

import math
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Thread, get_ident
from typing import Any, NamedTuple, TypeVar
from unittest.mock import patch

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks.costs import Chip, Cost, cost_of

aten = torch.ops.aten

T = TypeVar("T")

GPU = torch.device("cuda", 0)
META = torch.device("meta")
NAME = "a GPU that is not there"

WAITING = {aten.nonzero, aten.masked_select, aten._unique2, aten.unique_dim, aten.unique_consecutive, aten.equal,
           aten.bincount, aten.is_nonzero, aten.repeat_interleave}  # fmt: skip
"""Operations whose result's shape, or value, the host has to know."""

CONVOLUTIONS = {"aten.convolution", "aten.convolution_backward"}

_DEVICE = vars(torch._C.TensorBase)["device"].__get__
_IS_CUDA = vars(torch._C.TensorBase)["is_cuda"].__get__

Place = str
"""A file of the program, such as "training/loop.py"."""


class Call(NamedTuple):
    """An operation, by what matters of it."""

    name: str
    dtype: torch.dtype  # of the first tensor that it is given
    cost: Cost


@dataclass
class Meter:
    """What a GPU was asked to do."""

    calls: Counter[Call] = field(default_factory=Counter)  # operations that start a kernel
    waits: Counter[Place] = field(default_factory=Counter)  # where the host waits for the GPU
    sent_bytes: int = 0  # to the GPU
    fetched_bytes: int = 0  # from it
    waits_beside: Counter[Place] = field(default_factory=Counter)  # where other threads wait for it
    replays: int = 0  # of CUDA graphs, each of which is one launch for the host; their kernels are among the calls
    thread: int = field(default_factory=get_ident)  # of the host that gives the GPU its work

    @property
    def total(self) -> Cost:
        """What all of it costs."""
        return sum((call.cost * times for call, times in self.calls.items()), Cost())

    @property
    def convolutions(self) -> int:
        """Calls of convolutions and of their gradients."""
        return sum(times for call, times in self.calls.items() if call.name in CONVOLUTIONS)

    @property
    def by_operation(self) -> Mapping[str, Cost]:
        """What operations cost, by name, the dearest first."""
        found: dict[str, Cost] = defaultdict(Cost)
        for call, times in self.calls.items():
            found[call.name] += call.cost * times
        return dict(sorted(found.items(), key=lambda each: -each[1].moved_bytes))

    def least_s(self, chip: Chip) -> float:
        """Return the seconds that a chip needs at least, one operation after another."""
        return sum(times * chip.least_s(call.cost, call.dtype) for call, times in self.calls.items())

    def copy(self) -> "Meter":
        """Return what was asked up to now."""
        return self - Meter()

    def __sub__(self, other: "Meter") -> "Meter":
        """Return what was asked beyond the other."""
        return Meter(
            _less(self.calls, other.calls),
            _less(self.waits, other.waits),
            self.sent_bytes - other.sent_bytes,
            self.fetched_bytes - other.fetched_bytes,
            _less(self.waits_beside, other.waits_beside),
            self.replays - other.replays,
        )

    def note(self, func: OpOverload, given: Sequence[Tensor], cost: Cost) -> None:
        """Take in what an operation costs."""
        if cost.launches:
            dtype = given[0].dtype if given else torch.float32
            self.calls[Call(str(func.overloadpacket), dtype, cost)] += 1

    def wait(self) -> None:
        """Take in that the host waits, here."""
        waits = self.waits if get_ident() == self.thread else self.waits_beside
        waits[place()] += 1


def _less(counts: Counter[T], others: Counter[T]) -> Counter[T]:
    """Return the difference of counts; where it is negative too."""
    left = counts.copy()
    left.subtract(others)
    return Counter({each: count for each, count in left.items() if count})


def place() -> Place:
    """Return the file of the program that is being run."""
    for frame, _ in traceback.walk_stack(None):
        path = Path(frame.f_code.co_filename)
        if "pbt_gan" in path.parts or "tests" in path.parts:
            return f"{path.parent.name}/{path.name}"
    return "elsewhere"


@dataclass(frozen=True)
class Properties:
    """What `torch.cuda.get_device_properties` tells."""

    name: str = NAME
    total_memory: int = 141 * 2**30
    multi_processor_count: int = 132
    major: int = 9
    minor: int = 0


class Pinned:
    """The tensors of the host that a GPU can fetch by itself, and their views."""

    def __init__(self) -> None:
        self._kept: dict[
            int, Tensor
        ] = {}  # by the place of their memory, which nobody else is given as long as it is kept

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
        for name, value in _torch_cuda(meter, graphs=graphs).items():
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


def _torch_cuda(meter: Meter, *, graphs: bool) -> dict[str, Any]:
    """Return what stands in for the functions of `torch.cuda`."""

    class Event:
        def __init__(self, *_: Any, **__: Any) -> None:
            pass

        def record(self, *_: Any) -> None:
            pass

        def wait(self, *_: Any) -> None:
            pass

        def query(self) -> bool:
            return True

        def synchronize(self) -> None:
            meter.wait()

        def elapsed_time(self, _: "Event") -> float:
            return 0.0 if graphs else math.inf  # a GPU that is done at once waits for the host

    class Stream:
        def __init__(self, *_: Any, **__: Any) -> None:
            pass

        def record_event(self, *_: Any) -> Event:
            return Event()

        def wait_event(self, *_: Any) -> None:
            pass

        def wait_stream(self, *_: Any) -> None:
            pass

        def synchronize(self) -> None:
            meter.wait()

    @contextmanager
    def stream(_: Any) -> Iterator[None]:
        yield

    class CUDAGraph:
        def __init__(self) -> None:
            self.calls: Counter[Call] = Counter()

        def replay(self) -> None:
            meter.calls.update(self.calls)
            meter.replays += 1

    @contextmanager
    def graph(recorded: CUDAGraph, **_: Any) -> Iterator[None]:
        before = meter.copy()
        yield
        found = meter - before
        if found.waits:
            raise RuntimeError(f"The host waits while a graph is recorded: {dict(found.waits)}")
        recorded.calls = found.calls
        meter.calls.subtract(found.calls)  # nothing is done yet

    def synchronize(*_: Any) -> None:
        meter.wait()

    return {
        "CUDAGraph": CUDAGraph,
        "graph": graph,
        "set_stream": lambda *_: None,
        "Event": Event,
        "Stream": Stream,
        "stream": stream,
        "current_stream": lambda *_: Stream(),
        "default_stream": lambda *_: Stream(),
        "synchronize": synchronize,
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "set_device": lambda *_: None,
        "mem_get_info": lambda *_: (140 * 2**30, 141 * 2**30),
        "set_per_process_memory_fraction": lambda *_: None,
        "reset_peak_memory_stats": lambda *_: None,
        "max_memory_allocated": lambda *_: 2**30,
        "empty_cache": lambda: None,
        "get_device_capability": lambda *_: (9, 0),
        "get_device_name": lambda *_: NAME,
        "get_device_properties": lambda *_: Properties(),
    }
