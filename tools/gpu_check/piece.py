"""One piece, in a process of its own: `python -m tools.gpu_check.piece NAME RESULTS DEVICE full|tiny`."""

import importlib
import sys
from pathlib import Path

from tools.gpu_check.pieces import PIECES


def main(name: str, results: Path, device: str, size: str) -> None:
    """Do it, and write what is measured as it comes."""
    (piece,) = (piece for piece in PIECES if piece.name == name)
    work = importlib.import_module(f"tools.gpu_check.work.{piece.module}")
    with results.open("w", encoding="utf-8") as stream:
        for measurement in work.main(device, size == "tiny", *piece.arguments):
            line = measurement.line()
            print(line, flush=True)
            stream.write(f"{line}\n")
            stream.flush()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4])
