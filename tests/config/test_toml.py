import tomllib
import tracemalloc
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.config import toml
from pbt_gan.config.schedules import read_schedule
from pbt_gan.config.source import parse_changes, read_config
from pbt_gan.errors import ConfigError

KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
LEAVES = st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False) | KEYS
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3))

TOO_MUCH = {
    "lists in lists": ("a = " + "[" * 2_000 + "]" * 2_000, "more than 32 levels"),
    "not so many lists": ("a = " + "[" * 40 + "]" * 40, "more than 32 levels"),
    "tables in tables": ("a = " + "{a = " * 400 + "1" + "}" * 400, "more than 32 levels"),
    "a key of many parts": ("a." * 100_000 + "a = 1", "more than 32 levels"),
    "a key of many quoted parts": ('"\\".".' * 40_000 + "a = 1", "more than 32 levels"),
    "a table's name of many parts": ("[" + "a . " * 100_000 + "a]", "more than 32 levels"),
    "a long key within a table": ("a = {" + "b." * 100_000 + "b = 1}", "more than 32 levels"),
    "thousands of digits": ("seed = " + "9" * 5_000, "more than 64 bits"),
    "thousands of hexadecimal digits": ("seed = 0x" + "f" * 5_000, "more than 64 bits"),
    "a bit too large": (f"seed = [{{a = {2**63}}}]", "more than 64 bits"),
    "many megabytes": ("# " + "x" * (9 << 20), "larger than 8 MiB"),
}


@given(st.dictionaries(KEYS, VALUES, max_size=3))
def test_what_settings_may_hold_is_read_as_it_is(table):
    assert toml.parse(tomli_w.dumps(table), "here") == table


@pytest.mark.parametrize("what", TOO_MUCH)
def test_too_much_is_refused_in_a_line_and_takes_little_memory(tmp_path, what):
    text, told = TOO_MUCH[what]
    path = tmp_path / "my.toml"
    path.write_text(text)
    tracemalloc.start()
    try:
        for read in (read_config, lambda name: read_schedule(Path(name))):
            with pytest.raises(ConfigError, match=told) as error:
                read(str(path))
            assert len(str(error.value)) < 300
        assert tracemalloc.get_traced_memory()[1] < 100 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("seed=" + "9" * 5_000, "--set seed holds a whole number of more than 64 bits"),
        ("pbt.initial=" + "[" * 2_000 + "]" * 2_000, "more than 32 levels"),
        ("a." * 5_000 + "a=1", "a key of 5,001 parts"),
        ("task.data={" + "a." * 5_000 + "a=1}", "more than 32 levels"),
    ],
)
def test_too_much_on_the_command_line_likewise(change, told):
    with pytest.raises(ConfigError, match=told) as error:
        parse_changes([change])
    assert len(str(error.value)) < 300


def test_words_with_many_points_are_no_keys():
    text = "data = 'see a.b.c'  # " + "wait... " * 100 + "\n" + "x = [" + "0.5, " * 200 + "]"
    assert toml.parse(text, "here")["data"] == "see a.b.c"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_byte_order_mark_and_either_end_of_line_are_read(tmp_path, mark, end):
    path = tmp_path / "my.toml"
    path.write_bytes(mark + f"seed = 3{end}task = 'quadratic'{end}".encode())
    assert read_config(str(path)).seed == 3
    path.write_bytes(mark + f"rows = [{end}{{ step = 0, values = {{ lr = 0.1 }} }} ]{end}".encode())
    assert len(read_schedule(path).rows) == 1


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_named(tmp_path, encoding):
    path = tmp_path / "my.toml"
    path.write_bytes("seed = 3\n".encode(encoding))
    with pytest.raises(ConfigError, match=r"cannot be read: it is UTF-16, or no text. Save it as UTF-8"):
        read_config(str(path))


@pytest.mark.parametrize("text", ["1\nseed = 2", "[", "9" * 100 + "x", "a b", "'", "[[["])
def test_what_is_no_toml_value_is_a_text(text):
    value = parse_changes([f"task.data={text}"])["task"]["data"]
    assert value in (text, 1)
    with pytest.raises(tomllib.TOMLDecodeError):
        toml.bounded("a = = 1", "here")
