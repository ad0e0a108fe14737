"""What whole runs are compared by."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pbt_gan.core.records import Failure, to_json
from pbt_gan.runs.result import Run
from pbt_gan.store import journal
from pbt_gan.store.effective import EffectiveJournal
from pbt_gan.store.reader import checkpoint_bytes

Outcome = Callable[[Path], tuple[Any, ...]]


@pytest.fixture(scope="session")
def outcome() -> Outcome:
    """Return everything about a run that no crash may change, with the weights of its last commit."""

    def read(folder: Path) -> tuple[Any, ...]:
        run = Run.open(folder)
        decided = [to_json(record) for record in run.records() if not isinstance(record, Failure)]
        for entry in decided:
            entry.pop("time", None)
        path = journal.path_of(folder)
        committed = EffectiveJournal.of(path, journal.read(path).entries).commit.checkpoints
        weights = {key: checkpoint_bytes(folder, key) for key in committed}
        return run.ending, sorted(map(repr, decided)), weights

    return read
