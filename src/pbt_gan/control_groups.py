"""Linux's control groups in which this process lies: folders that say how much of a machine it may use."""

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

_GROUPS = Path("sys/fs/cgroup")


def folders(root: Path, controller: str, mounts: Sequence[str]) -> Iterator[Path]:
    """Return the folders of the groups that may limit this process, each from itself out to the outermost one.

    In a container the paths of /proc may be the host's: not every folder is there.

    Args:
        root: where the system's own folders lie.
        controller: of what, such as cpu or memory.
        mounts: folders in which systems mount version 1's controller of it.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        lines = []
    groups = root / _GROUPS
    for line in [*lines, "0::/", f"0:{controller}:/"]:  # the last two: whatever that says, the outermost are ours too
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        tops = [groups / name for name in mounts] if controllers else [groups, groups / "unified"]
        inside = PurePosixPath(path.lstrip("/"))
        for top in tops:
            yield from (top / part for part in (inside, *inside.parents))
