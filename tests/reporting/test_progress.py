import io
import logging
import subprocess
import sys

import pytest
from rich.console import Console

from pbt_gan.core.records import Failure
from pbt_gan.reporting import progress
from pbt_gan.reporting.progress import Progress


def show(synthetic, records, before=(), total_orders=240, **console):
    output = io.StringIO()
    listener = Progress(Console(file=output, width=100, **console))
    listener.start(synthetic.context(None, before, total_orders))
    for record in records:
        listener.record(record, None)
    listener.flush()
    listener.close("finished")
    return output.getvalue()


def test_piped_output_is_a_plain_line_a_generation(synthetic, monkeypatch):
    monkeypatch.setattr(progress, "_LINE_S", 0.0)
    text = show(synthetic, synthetic.records(4, 3), total_orders=12)
    assert "\x1b" not in text
    lines = text.splitlines()
    assert len(lines) == 4
    assert [line.split(" | ")[0] for line in lines[:3]] == ["4/12 orders", "8/12 orders", "12/12 orders"]
    assert " left" in lines[0]
    assert "best m0" in lines[0]
    assert lines[3].startswith("finished after ")


def test_a_fast_run_does_not_flood_a_log_with_lines(synthetic, monkeypatch):
    monkeypatch.setattr(progress, "_LINE_S", 1e9)
    assert len(show(synthetic, synthetic.records(4, 10), total_orders=40).splitlines()) == 2


def test_a_terminal_sees_the_table_and_the_bar(synthetic, monkeypatch):
    monkeypatch.setattr(progress, "_REFRESH_S", 0.0)
    text = show(synthetic, synthetic.records(6, 3), total_orders=18, force_terminal=True, height=40)
    assert "18/18 orders" in text
    for word in ("member", "score", "lr_g", "donor", "m05", "exploits"):
        assert word in text


@pytest.mark.slow
def test_a_large_population_fits_the_terminal(synthetic, monkeypatch):
    monkeypatch.setattr(progress, "_REFRESH_S", 0.0)
    text = show(synthetic, synthetic.records(50, 1), total_orders=50, force_terminal=True, height=20)
    assert "and 37 more that rank lower" in text


def test_a_resumed_run_counts_from_where_it_is(synthetic):
    records = synthetic.records(4, 3)
    assert "12/12 orders" in show(synthetic, records[12:], before=records[:12], total_orders=12)


@pytest.mark.parametrize("terminal", [True, False])
def test_what_the_executor_says_of_its_workers_is_shown_while_nothing_else_happens(synthetic, terminal):
    output = io.StringIO()
    listener = Progress(Console(file=output, width=200, force_terminal=terminal))
    listener.start(synthetic.context(None, (), 240))
    logging.getLogger("pbt_gan.executors.crew").warning("worker-0 has been silent for 10 s: [member] 3.\nMore.")
    assert "worker-0 has been silent for 10 s: [member] 3." in output.getvalue()
    assert "More" not in output.getvalue()
    listener.close("finished")
    logging.getLogger("pbt_gan.executors.crew").warning("worker-0 answers again.")
    assert "again" not in output.getvalue()


def test_a_failure_is_told_at_once_and_its_text_is_no_markup(synthetic):
    records = [*synthetic.records(2, 1), Failure(1, 2, 1, "w3", "[red]no such tag[/nope]")]
    assert "m01 failed in interval 2 (attempt 1, w3): [red]no such tag[/nope]" in show(synthetic, records)


def test_the_default_listeners_import_neither_torch_nor_matplotlib():
    code = (
        "import sys; from pathlib import Path; from pbt_gan.reporting import default_listeners; "
        "default_listeners(Path('.')); assert not {'torch', 'matplotlib', 'tensorboard'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_on_a_terminal_too_narrow_to_draw_in_place_there_are_lines(synthetic, monkeypatch):
    monkeypatch.setattr(progress, "_LINE_S", 0.0)
    narrow = io.StringIO()
    listener = Progress(Console(file=narrow, width=30, force_terminal=True))
    listener.start(synthetic.context(None, (), 12))
    for record in synthetic.records(4, 3):
        listener.record(record, None)
    listener.close("finished")
    assert "\x1b" not in narrow.getvalue()
    assert "12/12 orders" in narrow.getvalue()
