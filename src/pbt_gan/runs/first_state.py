"""The state with which all members of a run begin, where they begin with none of their own: found, checked, taken over.

It becomes a checkpoint of the new run, so that this one needs nothing else when it goes on. A state is tensors and
plain values: to read one runs no code of the run that it is from.
"""

import hashlib
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pbt_gan import codec, files
from pbt_gan.config.settings import Config
from pbt_gan.config.source import Table
from pbt_gan.config.start import StartSettings
from pbt_gan.core.population import START
from pbt_gan.errors import ConfigError, DamageError, PbtGanError, one_line, place
from pbt_gan.interfaces import Trainer
from pbt_gan.runs import average
from pbt_gan.runs.changes import differences
from pbt_gan.runs.folder import holds_run
from pbt_gan.runs.generator import WEIGHTS
from pbt_gan.runs.result import Run
from pbt_gan.store import checkpoints
from pbt_gan.store.reader import checkpoint_bytes
from pbt_gan.validation import validated

MOST_BYTES = 2**36
"""Of a checkpoint's file that lies in no run."""

_WHOLE = (
    "members start from a whole state, with both nets and their optimisers: name a run's folder, or a file of its "
    "checkpoints"
)
_MOST_TOLD = 3  # settings


class _Found(NamedTuple):
    checkpoint: str
    step: int
    data: bytes


def located(config: Config) -> Config:
    """Return a configuration that says which state it is that members start from, and not only where it is from.

    Raises:
        ConfigError: there is no such state, or it cannot be trained on.
        RunFolderError: the run does not keep it any more.
        DamageError: it is not what was written.
    """
    start = config.pbt.start_from
    if start is None or start.sha256 is not None:
        return config
    found = _found(start)
    exact = {"checkpoint": found.checkpoint, "step": found.step, "sha256": hashlib.sha256(found.data).hexdigest()}
    return _with_start(config, start.model_copy(update=exact))


def as_begun(config: Config, then: Table) -> Config:
    """Return a configuration in which a run that goes on starts from what it has started from.

    Args:
        config: as somebody says it now.
        then: the run's own.
    """
    start, before = config.pbt.start_from, then.get("pbt", {}).get("start_from")
    if start is None or start.sha256 is not None or before is None:
        return config
    begun = validated(StartSettings, before, "pbt.start_from")
    return _with_start(config, begun) if start.is_of(begun) else config


def first_checkpoints(config: Config, trainer: Trainer) -> Mapping[str, bytes]:
    """Return the checkpoint with which members begin, by its key, as one of this trainer's own; {}: there is none.

    Args:
        config: located.
        trainer: of the new run.

    Raises:
        ConfigError: it is not the state that is meant, or does not fit to what is trained here.
        RunFolderError, DamageError: as of `located`.
    """
    start = config.pbt.start_from
    if start is None:
        return {}
    data = _found(start.model_copy(update={"member": start.checkpoint})).data
    if hashlib.sha256(data).hexdigest() != start.sha256:
        raise ConfigError(
            f"pbt.start_from: {named(start)} is not the state that these settings mean, whose sha256 begins with "
            f"{str(start.sha256)[:12]}. Leave checkpoint, step and sha256 out to start from the one that is there."
        )
    try:
        state = trainer.adopt(codec.decode(data))
    except PbtGanError as error:
        raise ConfigError(f"Cannot start from {named(start)}: {_other_settings(start, config)}{error}") from error
    except Exception as error:
        raise ConfigError(
            f"Cannot start from {named(start)}: {type(trainer).__name__}.adopt raised {one_line(error)}, at "
            f"{place(error)}. Is it a state of the same task?"
        ) from error
    return {START: codec.encode(state)}


def named(start: StartSettings) -> str:
    """Return what a run starts from, for a person."""
    member = start.checkpoint or start.member
    return f"{start.source}, {member}" if member and member != Path(start.source).stem else start.source


def _with_start(config: Config, start: StartSettings) -> Config:
    return config.model_copy(update={"pbt": config.pbt.model_copy(update={"start_from": start})})


def _found(start: StartSettings) -> _Found:
    path = Path(start.source)
    if path.name.startswith("pretrained:"):
        raise ConfigError(f"pbt.start_from: {path.name} is a generator alone, and {_WHOLE}.")
    if holds_run(path):
        return _of_run(path, start.member or "best")
    if (exported := path / f"{WEIGHTS}.safetensors").is_file():
        return _of_file(exported, start.step)
    if start.member not in (None, START, path.stem):
        raise ConfigError(f"pbt.start_from: {path} holds no run, and so no member {start.member}.")
    if not path.is_file():
        raise ConfigError(
            f"pbt.start_from: {path} {'holds no run' if path.exists() else 'is not there'}; {_WHOLE}. A run that has "
            "started from it keeps it, as RUN:start."
        )
    if holds_run(path.parent) and path.name == f"{average.NAME}.safetensors":
        return _of_run(path.parent, average.NAME)
    if holds_run(run := path.parent.parent) and path == checkpoints.path_of(run, path.stem):
        return _of_run(run, path.stem)
    return _of_file(path, start.step)


def _of_run(folder: Path, member: str) -> _Found:
    """Return a state that a run keeps, verified by its journal."""
    run = Run.open(folder)
    if member == START:
        step = run.config["pbt"].get("start_from", {}).get("step")
        if step is None:
            raise ConfigError(
                f"pbt.start_from: {folder} has started from no other state, and so keeps none as {START}."
            )
        return _Found(START, step, checkpoint_bytes(folder, START))
    if member == average.NAME:
        assert run.best is not None, "an average is of the best"
        return _Found(average.NAME, run.best.step, codec.encode(run.state(average.NAME)))
    if written := re.fullmatch(r"m(\d+)", member):
        member = str(int(written[1]))
    report = run.member(run.whole(member))
    if not math.isfinite(report.score):
        raise ConfigError(
            f"pbt.start_from: member {report.member} of {folder} has diverged by step {report.step}; name another one."
        )
    return _Found(report.checkpoint, report.step, checkpoint_bytes(folder, report.checkpoint))


def _of_file(path: Path, step: int | None) -> _Found:
    """Return a state that lies alone. How old it is nobody knows; where it is not said, its age counts from here."""
    try:
        data = files.content(path, MOST_BYTES)
    except OSError as error:
        raise ConfigError(f"pbt.start_from: cannot read {path}: {error.strerror or error}.") from error
    try:
        codec.decode(data)
    except DamageError as error:
        raise ConfigError(f"pbt.start_from: {path} is {_kind(data)}, and {_WHOLE}.") from error
    return _Found(path.stem, step or 0, data)


def _kind(data: bytes) -> str:
    """Return what a file is that is no checkpoint."""
    try:
        _, texts = codec.decode_tensors(data)
    except DamageError:
        return "no checkpoint, or a damaged one"
    return "a generator alone, as `pbt-gan export` writes it" if "card" in texts else "a model of another program"


def _other_settings(start: StartSettings, config: Config) -> str:
    """Tell in what the run that a state is from has other settings of its task."""
    folder = Path(start.source)
    if not holds_run(folder):
        return ""
    theirs, ours = Run.open(folder).config["task"], config.plain()["task"]
    changed = [
        f"task.{key} is {then!r} there and {now!r} here"
        for key, (then, now) in differences(theirs, ours).items()
        if key != "data"
    ]
    return f"{', '.join(changed[:_MOST_TOLD])}. " if changed else ""
