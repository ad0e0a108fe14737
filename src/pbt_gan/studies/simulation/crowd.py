"""Many seeds: in this process if that is soon done, otherwise in one process a core."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import asdict
from queue import Empty, SimpleQueue
from typing import Any

from pbt_gan import errors
from pbt_gan.cores import usable_cores
from pbt_gan.engine import Stop
from pbt_gan.errors import PbtGanError, WorkerError
from pbt_gan.runs.signals import stopped_by_signals
from pbt_gan.studies.experiment.plan import read_experiment
from pbt_gan.studies.simulation.trial import Outcome, Trial, landscape
from pbt_gan.terminal import put

Table = Mapping[str, Any]

_FEW = 60
"""Runs that are done sooner than other processes have begun."""

_POLL_S = 0.2


def outcomes(
    source: str,
    change: Table,
    name: str,
    slots: int | None = None,
    *,
    stop: Stop | None = None,
    done: Callable[[int, int], None] = lambda count, total: None,
) -> tuple[Trial, list[Outcome]]:
    """Simulate every arm with every seed; return the outcomes of whole seeds, by seed and arm.

    Args:
        source: an experiment, as of `read_experiment`.
        change: laid over it.
        name: of the landscape.
        slots: members that train side by side; None: all.
        stop: ends it early; so do signals.
        done: is told how many seeds are, and of how many.

    Raises:
        ConfigError: something is wrong with the settings, or the landscape does not fit them.
        PbtGanError: a rule failed.
    """
    trial, stop = _trial(source, change, name, slots), stop or Stop()
    seeds, arms = trial.experiment.settings.seeds, trial.experiment.settings.arms
    workers = min(usable_cores(), len(seeds)) if len(seeds) * len(arms) > _FEW else 1
    found: dict[int, list[Outcome]] = {}
    done(0, len(seeds))
    with stopped_by_signals(stop), ExitStack() as closing:
        if workers > 1:
            job = {"source": source, "change": change, "name": name, "slots": slots}
            each = _shared_out(job, [seeds[place::workers] for place in range(workers)], stop, closing)
        else:
            each = ((seed, trial.outcomes(seed)) for seed in seeds)
        while not stop.wanted() and (result := next(each, None)) is not None:
            found[result[0]] = result[1]
            done(len(found), len(seeds))
    return trial, [outcome for seed in seeds if seed in found for outcome in found[seed]]


def main() -> None:
    """Simulate what another process asks for, a line a seed."""
    job, seeds = json.loads(sys.stdin.readline())
    try:
        trial = _trial(**job)
        for seed in seeds:
            put(json.dumps([seed, [asdict(outcome) for outcome in trial.outcomes(seed)]]))
    except PbtGanError as error:
        put(json.dumps({"error": type(error).__name__, "says": str(error)}))
    except BrokenPipeError:
        sys.stdout = None  # nobody is left to tell  # type: ignore[assignment]


def _trial(source: str, change: Table, name: str, slots: int | None) -> Trial:
    trial = Trial(read_experiment(source, [change]), landscape(name), slots)
    trial.check()
    return trial


def _shared_out(
    job: Mapping[str, Any], shares: Sequence[Sequence[int]], stop: Stop, closing: ExitStack
) -> Iterator[tuple[int, list[Outcome]]]:
    """Yield the outcomes of each seed as they come from processes that are ended with the stack."""
    lines: SimpleQueue[str | None] = SimpleQueue()
    readers = closing.enter_context(ThreadPoolExecutor(len(shares)))
    for share in shares:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "pbt_gan.studies.simulation.crowd"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C goes to this process, which ends the others
        )
        closing.callback(_end, process)
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # its end is seen below
            process.stdin.write(json.dumps([job, list(share)]) + "\n")
            process.stdin.flush()
        readers.submit(_read, process, lines)
    left, expected = len(shares), sum(map(len, shares))
    while expected and not stop.wanted():
        try:
            line = lines.get(timeout=_POLL_S)
        except Empty:
            continue
        if line is not None:
            expected -= 1
            yield _told(line)
            continue
        left -= 1
        if not left:
            raise WorkerError("A process that simulated has ended early; what it said stands above.")


def _read(process: "subprocess.Popen[str]", lines: "SimpleQueue[str | None]") -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put(None)


def _told(line: str) -> tuple[int, list[Outcome]]:
    told = json.loads(line)
    if isinstance(told, dict):
        raise getattr(errors, told["error"], PbtGanError)(told["says"])
    seed, found = told
    return seed, [Outcome(**values) for values in found]


def _end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        assert stream is not None
        with suppress(BrokenPipeError):
            stream.close()


if __name__ == "__main__":
    main()
