"""A small disk of its own for the runs of a storm, which can be filled and made read-only; or what comes nearest."""

import os
import resource
import subprocess
from contextlib import suppress
from pathlib import Path

_SIZE = "64m"


class Disk:
    """A file system in memory, mounted on a folder; only root may do that.

    Where nothing can be mounted, a limit on the size of files stands in for a full disk: the kernel refuses the run's
    process a write then too, in the middle of it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "pbt-gan-chaos", str(folder)]
        self.mounted = _succeeds(mount)

    def fill(self, process: int) -> None:
        """Leave no room for a process."""
        if not self.mounted:
            resource.prlimit(process, resource.RLIMIT_FSIZE, (1_000, 1_000))
            return
        with suppress(OSError), self._filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(2**20))
        with suppress(OSError), self._filler.open("ab", buffering=0) as file:
            while True:
                file.write(b"0")

    def free(self) -> None:
        """Make room again."""
        self._filler.unlink(missing_ok=True)

    def make_read_only(self, run: Path) -> bool:
        """Let nobody write; return whether that could be done."""
        if self.mounted:
            return _succeeds(["mount", "-o", "remount,ro", str(self.folder)])
        if os.geteuid() == 0:  # whom permissions do not stop
            return False
        run.chmod(0o500)
        return True

    def make_writable(self, run: Path) -> None:
        """Undo it."""
        if self.mounted:
            _succeeds(["mount", "-o", "remount,rw", str(self.folder)])
        else:
            run.chmod(0o755)

    def close(self) -> None:
        """Let it go, with all that lies there."""
        if self.mounted:
            _succeeds(["umount", "-l", str(self.folder)])

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"


def _succeeds(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False
