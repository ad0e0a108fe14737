"""Where members' states lie between two orders: in this process, or in memory that all workers map."""

import errno
import mmap
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from pbt_gan import codec, files
from pbt_gan.errors import StorageError
from pbt_gan.executors.failing import FULL
from pbt_gan.executors.work import States
from pbt_gan.interfaces import Tree

_FULL = (*FULL, errno.ENOMEM)


class Kept(States, Protocol):
    """The states of a whole run, as a crew keeps them for its workers."""

    def encoded(self, key: str) -> bytes | memoryview:
        """Return a state in the checkpoint codec."""
        ...

    def restore(self, key: str, data: bytes) -> None:
        """Take an encoded state in."""
        ...

    def keep(self, keys: frozenset[str]) -> None:
        """Drop every state that is not named."""
        ...


class Memory:
    """States of members that train in this process."""

    def __init__(self) -> None:
        self._states: dict[str, Tree] = {}
        self._encoded: dict[str, bytes] = {}  # taken in from a run's folder; decoded when they are asked for

    def take(self, key: str) -> Tree:
        """Return a copy that belongs to the caller."""
        return codec.decode(self._encoded[key]) if key in self._encoded else codec.clone(self._states[key])

    def put(self, key: str, state: Tree) -> None:
        """Keep a copy: a task may go on to use the tensors that it handed back."""
        self._states[key] = codec.clone(state)

    def settle(self) -> None:
        """Return at once: nothing here outlives this process."""

    def encoded(self, key: str) -> bytes:
        """Return a state in the checkpoint codec."""
        return self._encoded[key] if key in self._encoded else codec.encode(self._states[key])

    def restore(self, key: str, data: bytes) -> None:
        """Take an encoded state in."""
        self._encoded[key] = data

    def keep(self, keys: frozenset[str]) -> None:
        """Drop every state that is not named."""
        self._states = {key: state for key, state in self._states.items() if key in keys}
        self._encoded = {key: data for key, data in self._encoded.items() if key in keys}


class SharedMemory:
    """States of members that train in other processes: encoded, one file each, in folders that lie in memory.

    A state appears under its key when it is whole and never changes. It goes into the first folder that has room.
    Nothing here is synced: the folders do not outlive the run.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = list(folders)

    def take(self, key: str) -> Tree:
        """Return a copy that belongs to the caller."""
        return codec.decode(self.encoded(key))

    def put(self, key: str, state: Tree) -> None:
        """Keep a copy of a state.

        Raises:
            StorageError: no folder has room for it.
        """
        self._write(key, codec.Encoding(state).parts)

    def settle(self) -> None:
        """Return at once: what was put is whole."""

    def holds(self, key: str) -> bool:
        """Whether a state is there."""
        return any((folder / key).exists() for folder in self._folders)

    def encoded(self, key: str) -> memoryview:
        """Return a state in the checkpoint codec; the view outlives the file.

        Raises:
            StorageError: the state is gone, or cannot be opened.
        """
        for folder in self._folders:
            path = folder / key
            with files.explained(path), suppress(FileNotFoundError), path.open("rb") as file:
                return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        raise StorageError(
            f"The state {key} is gone from {self._folders[0]}; did something clean that folder? Resume the run."
        )

    def restore(self, key: str, data: bytes) -> None:
        """Take an encoded state in.

        Raises:
            StorageError: no folder has room for it.
        """
        self._write(key, [data])

    def keep(self, keys: frozenset[str]) -> None:
        """Drop every state that is not named, and the halves that killed workers left of them.

        Raises:
            StorageError: the system refused, such as to open a folder beside too many others.
        """
        for folder in self._folders:
            with files.explained(folder):
                for path in folder.iterdir():
                    if path.name.removeprefix(".") not in keys:
                        path.unlink()

    def _write(self, key: str, parts: Sequence[bytes | memoryview]) -> None:
        for folder in self._folders:
            half = folder / f".{key}"  # of one writer: a key is trained by one worker at a time
            try:
                with half.open("wb") as file:
                    file.writelines(parts)
            except OSError as error:
                half.unlink(missing_ok=True)
                if error.errno not in _FULL:
                    raise
            else:
                half.replace(folder / key)
                return
        size_mb = sum(len(part) for part in parts) / 1e6
        raise StorageError(
            f"There is no room for a member's state of {size_mb:.0f} MB in {' or '.join(map(str, self._folders))}. "
            "Free some space, or point the variable TMPDIR to a larger disk."
        )
