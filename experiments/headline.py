"""The picture on the README's first screen: `python experiments/headline.py GENERATOR FILE.png RESULTS.json …`.

Left, images of a generator; beside them, for each file of `experiments/results`, what arms reached at equal cost: a
dot a seed, a line the mean, by the figure that judges.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from pbt_gan import files, load_generator
from pbt_gan.reporting.canvas import BLUE, FAINT, INK, VERMILION, png
from pbt_gan.studies.experiment.overview import Record, read_record

SIDE = 8
"""Images along a side."""

OURS = ("recommended", "pbt", "pbt-wide")


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("generator", help="a run, an exported generator, or pretrained:NAME")
    parser.add_argument("out", type=Path, help="the picture")
    parser.add_argument("results", nargs="+", type=Path, help="files of experiments/results")
    parser.add_argument("--arms", default="recommended,longer,pbt-wide,random-wide,pbt,fixed,decay", help="from above")
    parser.add_argument("--titles", nargs="*", default=[], help="of the results, in their order")
    parser.add_argument("--figures", nargs="*", default=[], help="of the results, such as 'best held_out_fcd'")
    asked = parser.parse_args()
    records = [read_record(path) for path in asked.results]
    for place, figure in enumerate(asked.figures):
        records[place] = {**records[place], "judged": figure}
    images = load_generator(asked.generator).sample(SIDE * SIDE, seed=0)
    height, width, channels = images.shape[1:]
    sheet = images.reshape(SIDE, SIDE, height, width, channels).transpose(0, 2, 1, 3, 4)
    sheet = sheet.reshape(SIDE * height, SIDE * width, channels)

    def draw(figure: Any) -> None:
        left, *rest = figure.subplots(1, 1 + len(records), width_ratios=(1.15, *[1] * len(records)))
        left.imshow(sheet if channels == 3 else sheet[..., 0], cmap="gray", interpolation="nearest")
        left.axis("off")
        for place, (axes, record) in enumerate(zip(rest, records, strict=True)):
            title = asked.titles[place] if place < len(asked.titles) else record["name"]
            _dots(axes, record, title, [arm for arm in asked.arms.split(",") if arm in record["arms"]])

    files.write(asked.out, png(draw, 4.6 + 3.6 * len(records), 4.2))


def _dots(axes: Any, record: Record, title: str, arms: list[str]) -> None:
    figure = record["judged"]
    for place, arm in enumerate(reversed(arms)):
        values = np.array(record["arms"][arm]["figures"][figure], float)
        color = VERMILION if arm in OURS else BLUE
        axes.scatter(values, np.full(len(values), place), s=22, color=color, alpha=0.75, zorder=3)
        axes.vlines(values.mean(), place - 0.28, place + 0.28, color=INK, linewidth=2.2, zorder=4)
    axes.set_yticks(range(len(arms)), arms[::-1])
    axes.set(title=title)
    lower = record["better"].get(figure) == "lower"
    axes.set_xlabel(f"{record['short'].get(figure) or figure} ({'lower' if lower else 'higher'} is better)")
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", colors=FAINT, labelcolor=INK)


if __name__ == "__main__":
    main()
