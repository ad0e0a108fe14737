"""States that stay on a worker's GPU: a donor's is copied there, and leaves it only to be safe."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import torch

from pbt_gan import codec
from pbt_gan.executors.work import States
from pbt_gan.interfaces import Tree

Moment = Any
"""A point in the work of a device: what it has been given until then."""


class Device(Protocol):
    """How states leave a device while it goes on with something else."""

    def moment(self, state: Tree) -> Moment:
        """Return the point that the work has reached where a state lies."""
        ...

    def fetched(self, state: Tree, made: Moment) -> Tree:
        """Return a copy of a state on the host, made when the device is past a moment. Called in another thread.

        What of it lies on the host already is returned as it is.
        """
        ...


class Shared(States, Protocol):
    """Where states are safe from the end of a worker, and where all workers find them."""

    def holds(self, key: str) -> bool:
        """Whether a state is there."""
        ...


class Resident:
    """In front of the memory that all workers share: what this worker has put there, its device still holds.

    A state is written by a thread while the device goes on: the worker scores its members meanwhile, and waits in
    `settle` before it reports them.

    Args:
        shared: says what is kept; what is gone there is dropped here.
        device: where the states are.
    """

    def __init__(self, shared: Shared, device: Device) -> None:
        self._shared = shared
        self._device = device
        self._held: dict[str, Tree] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="states")
        self._writing: list[Future[None]] = []

    def take(self, key: str) -> Tree:
        """Return a copy that belongs to the caller, on the device if this worker has put it."""
        return codec.clone(self._held[key]) if key in self._held else self._shared.take(key)

    def put(self, key: str, state: Tree) -> None:
        """Keep a copy of a state, and begin to write it."""
        # The copy is ordered on the device's own stream, before whatever the caller does to its state next.
        self._held[key] = copy = codec.clone(state)
        self._writing.append(self._thread.submit(self._write, key, copy, self._device.moment(copy)))

    def settle(self) -> None:
        """Return when all that was put is whole in the shared memory.

        Raises:
            StorageError: there was no room for it.
        """
        writing, self._writing = self._writing, []
        for each in writing:
            each.result()
        self._held = {key: state for key, state in self._held.items() if self._shared.holds(key)}

    def _write(self, key: str, state: Tree, made: Moment) -> None:
        self._shared.put(key, self._device.fetched(state, made))


class Cuda:
    """The GPUs of this process: states are fetched through pinned memory, on streams of their own.

    A thread's current device is its own, so nothing here may rely on it.
    """

    def moment(self, state: Tree) -> Moment:
        """Return an event of the stream on which this thread computes, of each GPU on which a part of a state lies."""
        found: dict[Any, Moment] = {}

        def note(leaf: Any) -> Any:
            if isinstance(leaf, torch.Tensor) and leaf.is_cuda and leaf.device not in found:
                found[leaf.device] = torch.cuda.current_stream(leaf.device).record_event()
            return leaf

        codec.mapped(state, note)
        return found

    def fetched(self, state: Tree, made: Moment) -> Tree:
        """Return a copy in pinned memory, fetched beside whatever the devices are doing."""
        cuda: Any = torch.cuda  # its annotations are not complete
        streams = {device: cuda.Stream(device) for device in made}
        for device, stream in streams.items():
            stream.wait_event(made[device])

        def sent(leaf: Any) -> Any:
            if not (isinstance(leaf, torch.Tensor) and leaf.is_cuda):
                return leaf
            with cuda.stream(streams[leaf.device]):
                return leaf.to("cpu", non_blocking=True)

        copy: Tree = codec.mapped(state, sent)
        for stream in streams.values():
            stream.synchronize()  # a copy that does not block is whole only then
        return copy
