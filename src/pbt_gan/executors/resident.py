"""States that stay on a worker's GPU: a donor's is copied there, and leaves it only to be safe."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch

from pbt_gan import codec
from pbt_gan.executors.exchange import SharedMemory
from pbt_gan.interfaces import Tree


class Resident:
    """In front of the memory that all workers share: what this worker has put there, its device still holds.

    A state is written by a thread, through pinned memory and on a stream of its own, while the device goes on: the
    worker scores its members meanwhile, and waits in `settle` before it reports them.

    Args:
        shared: says what is kept; what is gone there is dropped here.
        device: where the states are.
    """

    def __init__(self, shared: SharedMemory, device: str) -> None:
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
        self._held[key] = copy = codec.clone(state)
        made = None if self._device == "cpu" else torch.cuda.current_stream(self._device).record_event()
        self._writing.append(self._thread.submit(self._write, key, copy, made))

    def settle(self) -> None:
        """Return when all that was put is whole in the shared memory.

        Raises:
            StorageError: there was no room for it.
        """
        writing, self._writing = self._writing, []
        for each in writing:
            each.result()
        self._held = {key: state for key, state in self._held.items() if self._shared.holds(key)}

    def _write(self, key: str, state: Tree, made: torch.cuda.Event | None) -> None:
        self._shared.put(key, on_host(state, self._device, made))


def on_host(state: Tree, device: str, made: torch.cuda.Event | None = None) -> Tree:
    """Return a copy of a state in pinned memory, fetched beside whatever the device is doing.

    Args:
        state: what of it lies on the host already is returned as it is.
        device: where the rest lies. A thread's current device is its own, so nothing here may rely on it.
        made: what the device must have done before; None: it has.
    """
    if device == "cpu":
        return state
    cuda: Any = torch.cuda  # its annotations are not complete
    stream = cuda.Stream(device)
    with cuda.stream(stream):
        if made is not None:
            stream.wait_event(made)
        copy: Tree = codec.mapped(state, _sent)
    stream.synchronize()
    return copy


def _sent(leaf: Any) -> Any:
    return leaf.to("cpu", non_blocking=True) if isinstance(leaf, torch.Tensor) else leaf
