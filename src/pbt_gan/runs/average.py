"""The average of the last survivors of one line: made, kept beside the run, and read again."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pbt_gan import codec, files
from pbt_gan.core.lineage import History
from pbt_gan.core.records import Report
from pbt_gan.core.rng import stream
from pbt_gan.errors import DamageError, RunFolderError
from pbt_gan.executors.work import score
from pbt_gan.interfaces import Trainer, Tree
from pbt_gan.runs.soup import Scores, greedy, mean, overlaid
from pbt_gan.store.journal import strict
from pbt_gan.store.lock import held
from pbt_gan.store.reader import checkpoint_bytes, kept_checkpoints

NAME = "average"
"""What the average is called where a member is named, and its files in the run's folder."""

FORMAT = 1

_MOST_CARD_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class Average:
    """What averaging came to."""

    candidates: Sequence[Report]  # the states of one line that are kept, the best of the run first
    ingredients: Sequence[Report]  # those of them whose mean was measured as `average`
    best: Scores  # the score and the other metrics of the best alone, measured again beside the average
    average: Scores
    path: Path  # where its state lies, if it is kept

    @property
    def kept(self) -> bool:
        """Whether it is better than the best alone, by the score that selects, and so was written."""
        return len(self.ingredients) > 1 and self.average["score"] > self.best["score"]


def candidates(history: History, kept: frozenset[str]) -> list[Report]:
    """Return the best report, and the newest ones of living members of its line, best first, whose states are kept.

    States of different lines began with different weights and lie in different basins, where a mean is no model.
    """
    best = history.best
    if best is None:
        return []
    living = [report for member, report in history.last.items() if member not in history.retirements]
    others = sorted(
        (report for report in living if report != best and math.isfinite(report.score)),
        key=lambda report: (-report.score, report.interval, report.member),
    )
    place = (best.member, best.interval)
    return [best] + [
        report
        for report in others
        if report.checkpoint in kept and history.one_line(place, (report.member, report.interval))
    ]


def make(folder: Path, history: History, trainer: Trainer, seed: int) -> Average:
    """Average the survivors of the best one's line greedily, and keep the average if it is better.

    Each state is scored as it was in training: with the latents of every report. What the trainer names as weights is
    averaged, statistics of batch norm and running averages included; all else is the best one's own. Of an average
    made before nothing is left.

    Source: Wortsman et al. 2022, arXiv:2203.05482, recipe 1; along one line of training: Izmailov et al. 2018,
    arXiv:1803.05407, which pass over the data once more for the statistics of batch norm; here they are averaged too.

    Raises:
        RunFolderError: the run still trains, or keeps fewer than two states of that line.
        DamageError: a checkpoint is not what was written.
        TaskError: the task cannot score a state, or those of one line are unlike each other.
        StorageError: the disk refused.
    """
    if held(folder):
        raise RunFolderError(f"{folder} is being trained; average it when that has ended.")
    found = candidates(history, kept_checkpoints(folder))
    if len(found) < 2:
        raise RunFolderError(
            f"{folder} keeps {len(found) or 'no'} state{'' if len(found) == 1 else 's'} of its best line, and an "
            "average is of two or more. A run that ends with more members, some of them copies, keeps more."
        )
    states = {report.checkpoint: codec.decode(checkpoint_bytes(folder, report.checkpoint)) for report in found}

    def averaged(reports: Sequence[Report]) -> Tree:
        weights = [trainer.weights_of(states[report.checkpoint]) for report in reports]
        return overlaid(states[reports[0].checkpoint], mean(weights))

    def measure(reports: Sequence[Report]) -> Scores:
        (scores,) = score(trainer, [averaged(reports)], stream(seed, "eval"))
        return {name: float(value) for name, value in scores.items()}

    soup = greedy(found, measure)
    made = Average(found, soup.taken, soup.alone, soup.together, _state_of(folder))
    for path in (_card_of(folder), _state_of(folder)):
        files.remove(path)
    if made.kept:
        data = codec.encode(averaged(soup.taken))
        files.write(_state_of(folder), data)
        card = json.dumps(strict(_card(made, history, data)), indent=2, allow_nan=False)
        files.write(_card_of(folder), f"{card}\n".encode())  # last: what it names is there, whenever a crash comes
    return made


def card(folder: Path, history: History) -> Mapping[str, Any]:
    """Return the card of a run's average.

    Raises:
        RunFolderError: there is none, or the run has moved on since.
        DamageError: it is not what was written.
    """
    path = _card_of(folder)
    again = f"make it again: pbt-gan average {folder}"
    try:
        found = json.loads(files.content(path, _MOST_CARD_BYTES))
        made_from = found["made_from"]
        if found["format"] != FORMAT:
            raise RunFolderError(f"{path} was written by another pbt-gan; {again}")
    except FileNotFoundError as error:
        raise RunFolderError(
            f"{folder} holds no average. `pbt-gan average {folder}` makes one, and keeps it if it is better."
        ) from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamageError(f"{path} is damaged; {again}") from error
    if made_from != _made_from(history):
        raise RunFolderError(f"{folder} has trained on since its average was made; {again}")
    return dict(found)


def read(folder: Path, history: History) -> Tree:
    """Return the state of a run's average.

    Raises:
        RunFolderError, DamageError: as of `card`.
    """
    digest = card(folder, history).get("sha256")
    path = _state_of(folder)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DamageError(
            f"Cannot read {path}: {error.strerror or error}; make it again: pbt-gan average {folder}"
        ) from error
    if _digest(data) != digest:
        raise DamageError(f"{path} is damaged; make it again: pbt-gan average {folder}")
    return codec.decode(data)


def _card(made: Average, history: History, data: bytes) -> Mapping[str, Any]:
    return {
        "format": FORMAT,
        "made_from": _made_from(history),
        "candidates": [report.checkpoint for report in made.candidates],
        "ingredients": [
            {
                "member": report.member,
                "interval": report.interval,
                "step": report.step,
                "checkpoint": report.checkpoint,
                "score": report.score,
            }
            for report in made.ingredients
        ],
        "scores": {"best": made.best, "average": made.average},
        "sha256": _digest(data),
    }


def _made_from(history: History) -> Mapping[str, Any]:
    """Return what tells that a run is as far as it was."""
    return {"reports": len(history.reports), "best": history.best.checkpoint if history.best else None}


def _state_of(folder: Path) -> Path:
    return folder / f"{NAME}.safetensors"


def _card_of(folder: Path) -> Path:
    return folder / f"{NAME}.json"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
