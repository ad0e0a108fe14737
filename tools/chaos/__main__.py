"""Let a storm rage: `python -m tools.chaos --faults 200 --seed 7` prints what it did, and what went wrong, as JSON."""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from tools.chaos.kinds import KINDS
from tools.chaos.storm import Storm


def main() -> int:
    """Return 1 if anything went wrong that must never happen."""
    parser = argparse.ArgumentParser(prog="python -m tools.chaos", description="A seeded storm over real runs.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--kinds", default="", help="only kinds of runs that hold this, such as 'async'")
    asked = parser.parse_args()
    _listen()
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="pbt-gan-chaos-") as name:
        os.environ.update(PBT_GAN_CACHE=f"{name}/cache", XDG_STATE_HOME=f"{name}/state", OMP_NUM_THREADS="1")
        runs = Path(name) / "runs"
        runs.mkdir()
        storm = Storm(asked.seed, runs, [kind for kind in KINDS if asked.kinds in str(kind)], _say)
        try:
            storm.rage(asked.faults)
        finally:
            storm.close()
    told = {
        "seed": asked.seed,
        "faults": storm.faults.total(),
        "by fault": dict(sorted(storm.faults.items())),
        "failures told": dict(sorted(storm.failures.items())),
        "by run": dict(sorted(storm.by_kind.items())),
        **dict(sorted(storm.tally.items())),
        "own disk": storm.mounted,
        "seconds": round(time.monotonic() - began_s),
        "violations": storm.violations,
    }
    print(json.dumps(told, indent=2))
    return bool(storm.violations)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _listen() -> None:
    """Let runs hear what a shell lets its background jobs ignore, which they would inherit."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # and leave nothing behind


if __name__ == "__main__":
    sys.exit(main())
