"""Write the recorded learning curves that the surrogate of `pbt-gan simulate` is made of, from the folders of runs.

    python experiments/recordings.py runs/walk runs/curves runs/sat > src/pbt_gan/studies/simulation/digits.csv

Of each member of each run a curve: one row a report. Nobody may have copied anybody, so that a curve is the life of one
member. How the runs of this package were made stands in docs/simulation.md.
"""

import csv
import math
import sys
from pathlib import Path

from pbt_gan.runs.result import Run

COLUMNS = ("curve", "step", "score", "held_out", "log_lr_g", "log_lr_d")


def main() -> None:
    """Write all curves to standard output."""
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(COLUMNS)
    for folder in map(Path, sys.argv[1:]):
        history = Run.open(folder).history
        if any(exploit.donor for exploit in history.exploits):
            sys.exit(f"{folder}: members copied each other, so there are no curves of single ones.")
        for member, reports in history.by_member.items():
            for report in reports:
                rates = (math.log10(float(report.hyperparams[name])) for name in ("lr_g", "lr_d"))
                scores = (report.score, report.metrics["held_out_cs"])
                figures = (f"{value:.3f}" for value in (*scores, *rates))
                out.writerow([f"{folder.name[0]}{member}", report.step, *figures])


if __name__ == "__main__":
    main()
