import ast
import io
import json
import sys
import tomllib
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

import pbt_gan
from pbt_gan import terminal
from pbt_gan.terminal.cleaning import clean, escaped

SOURCE = Path(pbt_gan.__file__).parent

EVERYTHING = st.text(st.characters(exclude_categories=[]))  # control characters, directions, halves of letters

ENCODINGS = st.sampled_from(["ascii", "utf-8", "latin-1", "cp1252"])


class Stream(io.TextIOWrapper):
    def __init__(self, encoding: str) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, newline="")

    def said(self) -> str:
        self.flush()
        self.seek(0)
        return self.read()


def printed(monkeypatch: pytest.MonkeyPatch, encoding: str, *what: object, **options: str) -> list[str]:
    stream = Stream(encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    for name, value in options.items():
        monkeypatch.setenv(name, value)
    console = terminal.console()
    for each in what:
        console.print(each)
    return stream.said().splitlines()


@given(EVERYTHING, ENCODINGS)
def test_what_is_cleaned_can_be_written_stays_a_line_and_keeps_its_letters(text, encoding):
    cleaned = clean(text, encoding)
    cleaned.encode(encoding)
    assert cleaned.isprintable()
    assert len(cleaned) == len(text)
    assert all(now in (then, *"?- ~'>x") for then, now in zip(text, cleaned, strict=True))


@given(EVERYTHING, ENCODINGS)
def test_what_is_cleaned_for_a_console_is_as_wide_as_it_was(text, encoding):
    assert cell_len(clean(text, encoding, cell_len)) == sum(map(cell_len, text))


@given(st.text(st.characters(exclude_categories=["Cs"])), ENCODINGS)
def test_toml_and_json_mean_the_same_after_they_are_escaped(text, encoding):
    table = {"value": text}
    for written, read in ((tomli_w.dumps(table), tomllib.loads), (json.dumps(table), json.loads)):
        shown = escaped(written, encoding)
        shown.encode(encoding)
        assert all(line.isprintable() for line in shown.split("\n"))
        assert read(shown) == table


@given(EVERYTHING)
def test_nothing_in_a_table_moves_the_cursor_or_the_columns(text):
    table = Table(box=None)
    table.add_column(Text(text))
    table.add_column("second")
    table.add_row(Text(text, overflow="fold"), Text("x"))
    with pytest.MonkeyPatch.context() as patch:
        lines = printed(patch, "ascii", table, Text(text), text)
    assert all(line.isprintable() and line.isascii() for line in lines)


def test_colours_of_ours_remain_on_a_terminal(monkeypatch):
    (line,) = printed(monkeypatch, "utf-8", Text("a\x1b[31mb", "bold"), FORCE_COLOR="1", TERM="xterm")
    assert line == "\x1b[1ma[31mb\x1b[0m"


def test_a_terminal_of_ascii_gets_signs_that_it_knows_and_a_mark_for_each_letter_it_does_not(monkeypatch):
    assert printed(monkeypatch, "ascii", "3×4 – Zürich … 画") == ["3x4 - Z?rich ~ ??"]


@pytest.mark.parametrize("columns", ["0", "1", "7", "-3", "", "many", "9" * 30, "9" * 5_000])
def test_whatever_width_is_claimed_something_is_printed(monkeypatch, columns):
    table = Table("one", "two", box=None)
    table.add_row("first", "second")
    lines = printed(monkeypatch, "utf-8", table, "a line", COLUMNS=columns)
    assert "a line" in lines
    assert any("first" in line for line in lines)


@pytest.mark.slow
def test_nobody_else_prints():
    for path in SOURCE.rglob("*.py"):
        if path.is_relative_to(SOURCE / "terminal"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            where = f"{path}, line {getattr(node, 'lineno', 0)}: use pbt_gan.terminal"
            assert called.rpartition(".")[2] not in ("Console", "echo", "secho", "print_exception"), where
            assert called not in ("print", "sys.stdout.write", "sys.stderr.write", "rich.print"), where
