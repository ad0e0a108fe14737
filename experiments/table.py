"""Finished experiments in one table, and their figures as small files: `python experiments/table.py FOLDER …`."""

import argparse
from pathlib import Path

from pbt_gan.studies.experiment.overview import kept, overview, read_record

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiments", nargs="+", type=Path, help="folders of experiments, or files of --json")
    parser.add_argument("--json", type=Path, default=Path("experiments/results"), help="where the small files are put")
    parser.add_argument("--table", type=Path, help="a Markdown file to write; if not given, it is printed")
    parser.add_argument("--baselines", default="", help="A,B,…: the arms that are compared with")
    parser.add_argument("--figure", help="such as 'best held_out_fcd'; if not given, the one that judges")
    parser.add_argument("--saturation", nargs="*", default=[], metavar="TASK=STEPS", help="such as digits=12000")
    asked = parser.parse_args()
    records = [read_record(kept(path, asked.json) if path.is_dir() else path) for path in asked.experiments]
    steps = {task: float(number) for task, _, number in (each.partition("=") for each in asked.saturation)}
    sheet = overview(records, [name for name in asked.baselines.split(",") if name], asked.figure, steps)
    text = f"{sheet.title}.\n\n{sheet.markdown()}\n"
    if asked.table is None:
        print(text, end="")
    else:
        asked.table.write_text(text, encoding="utf-8")
