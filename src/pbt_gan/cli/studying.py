"""`demo` and `toy`."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from pbt_gan.config.source import parse_changes


def demo(seed: int, root: Path, sets: Sequence[str]) -> None:
    """Run the demo and say what came out."""
    from pbt_gan.studies.demo import demo as run_demo
    from pbt_gan.studies.summary import summary_table

    console = Console()
    done = run_demo(seed, root, [parse_changes(sets)])
    if done is None:
        console.print("Stopped before both runs had ended; `pbt-gan resume` goes on with the one that was under way.")
        return
    console.print(summary_table(done.runs))
    console.print(f"Look at {done.page}; it shows both.", soft_wrap=True)


def toy(task: str, out: Path, json: Path | None) -> None:
    """Repeat figure 2, draw it, and print its table."""
    from pbt_gan.studies.figure2 import figure2

    figure2(task, out, json, Console())
