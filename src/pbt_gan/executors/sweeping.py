"""The program of a sweeper: it waits until the run's process is gone, and ends and removes what that has left.

Started by `executors.sweeper`. It imports nothing of this package, to be small and there at once. Its input has a line
for each process group that begins (`+123`) or has ended (`-123`).
"""

import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

_TRIES = 100  # a worker that is being killed may write a last file meanwhile


def main() -> None:
    """Sweep the folders that are named."""
    folders, groups = [Path(folder) for folder in sys.argv[1:]], set[int]()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    for _ in range(_TRIES):
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        if not any(folder.exists() for folder in folders):
            return
        time.sleep(0.02)


if __name__ == "__main__":
    main()
