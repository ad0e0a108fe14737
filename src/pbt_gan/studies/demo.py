"""The demo: PBT on handwritten digits, and random search with the same members, initial draws and cost beside it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pbt_gan.config.source import Table, folder_name, read_config
from pbt_gan.engine import Stop
from pbt_gan.reporting import default_listeners
from pbt_gan.runs.folder import new_folder
from pbt_gan.runs.launch import ListenerMaker, Project, start
from pbt_gan.runs.replay import NOBODY_COPIES
from pbt_gan.runs.report import write_results
from pbt_gan.runs.result import Run
from pbt_gan.store.reader import read_run

log = logging.getLogger(__name__)

PRESET = "digits"

ARMS: Mapping[str, Table] = {
    "PBT": {},
    "random search": {"pbt": NOBODY_COPIES},
}
"""What is changed of the preset. Random search is PBT in which nobody copies and nothing moves: births and training
draw from the same streams."""


@dataclass(frozen=True)
class Demo:
    """The two runs and what was written about them."""

    runs: Mapping[str, Run]
    page: Path


def demo(
    seed: int,
    root: Path,
    changes: Sequence[Table] = (),
    *,
    listeners: ListenerMaker = default_listeners,
    stop: Stop | None = None,
) -> Demo | None:
    """Train both, one after the other, in new folders; None: stopped before both had ended.

    Raises:
        PbtGanError: see its subclasses.
    """
    folders: dict[str, Path] = {}
    for name, strategy in ARMS.items():
        title = folder_name(f"{PRESET}-{name}" if strategy else PRESET)
        project = Project(read_config(PRESET, [{"seed": seed, "name": title}, *changes, strategy]))
        folders[name] = new_folder(title, root)
        log.info("%s, in %s", name, folders[name])
        if start(project, folders[name], listeners=listeners, stop=stop) != "finished":
            return None
    pbt, random_search = read_run(folders["PBT"]), read_run(folders["random search"])
    page = write_results(pbt, random_search)
    write_results(random_search)
    return Demo({name: Run.of(view) for name, view in zip(folders, (pbt, random_search), strict=True)}, page)
