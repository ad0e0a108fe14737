"""`demo` and `toy`."""

import sys
from collections.abc import Sequence
from pathlib import Path

from pbt_gan.cli.reading import contents
from pbt_gan.cli.terminal import console
from pbt_gan.config.source import parse_changes
from pbt_gan.engine import Stop
from pbt_gan.runs.signals import SIGNALS


def demo(seed: int, root: Path, sets: Sequence[str]) -> None:
    """Run the demo and say what came out."""
    from pbt_gan.studies.demo import demo as run_demo
    from pbt_gan.studies.summary import summary_table

    out, stop = console(), Stop()
    done = run_demo(seed, root, [parse_changes(sets)], stop=stop)
    if done is None:
        out.print(f"Stopped ({stop.reason}). `pbt-gan demo` begins anew; what was trained so far stays in {root}.")
        sys.exit(128 + SIGNALS[str(stop.reason)])
    out.print(summary_table(done.runs))
    out.print()
    out.print(contents(done.page.parent))
    out.print(f"\nLook at {done.page}: it shows both.", soft_wrap=True)


def toy(task: str, out: Path, json: Path | None) -> None:
    """Repeat figure 2, draw it, and print its table."""
    from pbt_gan.studies.figure2 import figure2

    figure2(task, out, json, console())
