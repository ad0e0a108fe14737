"""Accept a GPU: `python -m tools.gpu_check` checks and measures all that needs one, in pieces.

It starts with nothing but Python, torch and NumPy, and needs no network: `--collect` brings the other packages together
beforehand, `--wheels` uses them. A call ends in time and the next one goes on; what is done is not done again. Then
`python -m benchmarks.page` makes the page of performance from `measurements.jsonl`, beside what `make bench` printed.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tools.gpu_check import packages
from tools.gpu_check.ledger import Entry, Ledger, Outcome, measured
from tools.gpu_check.pieces import PIECES, Piece
from tools.gpu_check.process import run

ROOT = Path(__file__).resolve().parent.parent.parent


def main() -> int:
    """Return 0 if everything is done, 1 if something went wrong, 3 if there is more to do."""
    asked = arguments()
    if asked.list:
        for piece in PIECES:
            print(f"{piece.name:28} {piece.seconds:4.0f} s")
        return 0
    if asked.collect:
        packages.collect(asked.collect, ROOT / "pyproject.toml", asked.python, asked.present)
        return 0
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="pbt-gan-gpu-check-") as name:
        environment = surroundings(Path(name), asked.wheels)
        if not asked.cpu and not sees_gpu(environment, Path(name)):
            sys.exit("torch sees no GPU here; --cpu tries the logic of this check without one.")
        check = Check(Ledger(asked.out), Path(name), environment, "cpu" if asked.cpu else "cuda", asked.cpu)
        check.ledger.forget(check_names(asked.again))
        only = check_names(asked.only)
        check.go([piece for piece in PIECES if not only or piece.name in only], began_s + asked.seconds)
    print(check.summary(), flush=True)
    if any(entry.outcome != "done" for entry in check.ledger.entries.values()):
        return 1
    return 0 if all(check.ledger.done(piece) for piece in PIECES) else 3


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tools.gpu_check", description="Check and measure all on a GPU.")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "gpu", help="remembers what is done")
    parser.add_argument("--seconds", type=float, default=540.0, help="end within this time")
    parser.add_argument("--cpu", action="store_true", help="try the logic, tiny and without a GPU")
    parser.add_argument("--only", nargs="+", default=[], metavar="PIECE", help="nothing else")
    parser.add_argument("--again", nargs="+", default=[], metavar="PIECE", help="do this anew; all: everything")
    parser.add_argument("--list", action="store_true", help="say which pieces there are")
    parser.add_argument("--wheels", type=Path, metavar="DIR", help="packages that may be missing here")
    parser.add_argument("--collect", type=Path, metavar="DIR", help="only bring those packages together")
    parser.add_argument("--python", default="3.12", help="collect: of the machine with the GPU")
    parser.add_argument("--present", type=Path, metavar="FILE", help="collect: what `pip list` says there")
    return parser.parse_args()


def check_names(names: Sequence[str]) -> list[str]:
    """Return the names of pieces, of which there must be some by these names."""
    every = [piece.name for piece in PIECES]
    if unknown := set(names) - {*every, "all"}:
        sys.exit(f"There is no piece {', '.join(sorted(unknown))}; choose from: {', '.join(every)}.")
    return every if "all" in names else list(names)


def surroundings(folder: Path, wheels: Path | None) -> dict[str, str]:
    """Return the variables that pieces run under."""
    places = [str(ROOT / "src"), str(ROOT)]
    if wheels:
        packages.install(wheels, folder / "packages")
        places.append(str(folder / "packages"))
    places += filter(None, [os.environ.get("PYTHONPATH")])
    own = {"PYTHONPATH": os.pathsep.join(places), "PYTHONUNBUFFERED": "1", "XDG_STATE_HOME": str(folder / "state")}
    return {**os.environ, **own, "PBT_GAN_CACHE": str(folder / "cache")}


def sees_gpu(environment: dict[str, str], folder: Path) -> bool:
    """Say whether torch sees a GPU; not in this process, which is not to hold any of its memory."""
    ask = "import sys, torch; sys.exit(not torch.cuda.is_available())"
    return run([sys.executable, "-c", ask], 120.0, folder / "asked.log", environment).code == 0


class Check:
    """The pieces on their way.

    Args:
        ledger: remembers.
        folder: for files that nobody needs afterwards.
        environment: of the pieces.
        device: "cuda" or "cpu".
        tiny: only try the logic.
    """

    def __init__(self, ledger: Ledger, folder: Path, environment: dict[str, str], device: str, tiny: bool) -> None:
        self.ledger = ledger
        self._folder = folder
        self._environment = environment
        self._device = device
        self._tiny = tiny

    def go(self, pieces: Sequence[Piece], until_s: float) -> None:
        """Do what is left and what there is time for, up to a moment of the monotonic clock."""
        for piece in self.ledger.left(pieces):
            left_s = until_s - time.monotonic()
            if left_s < (5.0 if self._tiny else piece.seconds):
                print(f"{piece.name}: needs more time than there is left", flush=True)
                continue
            self._do(piece, left_s)

    def _do(self, piece: Piece, left_s: float) -> None:
        log, results = self._folder / "piece.log", self._folder / "piece.jsonl"
        results.unlink(missing_ok=True)
        size = "tiny" if self._tiny else "full"
        command = [sys.executable, "-m", "tools.gpu_check.piece", piece.name, str(results), self._device, size]
        ending = run(command, min(piece.limit_s, left_s), log, self._environment)
        if ending.code is None and ending.seconds < piece.limit_s:
            print(f"{piece.name}: cut short by the end of this call; the next one does it", flush=True)
            return
        told = log.read_bytes()
        outcome: Outcome = "stuck" if ending.code is None else "failed" if ending.code else "done"
        last = told.decode(errors="replace").strip().rpartition("\n")[2][:300]
        entry = Entry(outcome, round(ending.seconds, 1), "" if outcome == "done" else last)
        lines = [{**line, "tiny": True} if self._tiny else line for line in measured(results)]
        self.ledger.note(piece, entry, lines, told)
        print(f"{piece.name}: {outcome} after {ending.seconds:.0f} s {entry.told}".rstrip(), flush=True)

    def summary(self) -> str:
        """Return what was measured, a line each, and what is missing."""
        lines = []
        for line in self.ledger.lines:
            setting = " ".join(str(value) for key, value in line["setting"].items() if key not in ("device", "threads"))
            target = f"  (target {line['target']})" if line["target"] else ""
            lines.append(f"{line['name']} [{setting}]: {line['value']:g} {line['unit']}{target}")
        for piece in self.ledger.left(PIECES):
            entry = self.ledger.entries.get(piece.name)
            lines.append(f"NOT DONE: {piece.name}" + (f", {entry.outcome}: {entry.told}" if entry else ""))
        return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
