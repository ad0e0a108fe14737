"""Draw the schedules that arms of an experiment found: `python experiments/schedules.py FOLDER FILE.png --arms A,B`.

A line is the lineage of the best member of one run, over the age of its weights; a dot is where it began.
"""

import argparse
from pathlib import Path
from typing import Any

from pbt_gan import files
from pbt_gan.reporting.canvas import COLORS, png, powers_of_ten
from pbt_gan.studies.experiment.conduct import finished_runs
from pbt_gan.studies.experiment.plan import FILE, read_experiment


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", type=Path, help="the folder of an experiment")
    parser.add_argument("out", type=Path, help="the picture")
    parser.add_argument("--arms", default="pbt,pbt-wide", help="whose; a colour each")
    asked = parser.parse_args()
    experiment = read_experiment(str(asked.experiment / FILE))
    runs = finished_runs(experiment, asked.experiment)
    names = list(experiment.space)

    def draw(figure: Any) -> None:
        for axes, name in zip(figure.subplots(1, len(names), sharey=True, squeeze=False)[0], names, strict=True):
            for arm, color in zip(asked.arms.split(","), COLORS, strict=False):
                for number, run in enumerate(run for (of, _), run in runs.items() if of == arm):
                    line = run.lineage()
                    ends = [line[0].start_step, *(segment.end_step for segment in line)]
                    values = [float(segment.hyperparams[name]) for segment in line]
                    axes.stairs(
                        values,
                        ends,
                        baseline=None,
                        color=color,
                        linewidth=1.8,
                        alpha=0.8,
                        label=None if number else arm,
                    )
                    axes.plot([0], values[:1], "o", color=color, markersize=4)
            axes.set(title=name, xlabel="steps")
            powers_of_ten(axes)
        figure.axes[-1].legend()

    files.write(asked.out, png(draw, 5.2 * len(names), 3.6))


if __name__ == "__main__":
    main()
