import json

import pytest

from pbt_gan.runs.choices import remembered


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "pbt-gan"


def never() -> int:
    pytest.fail("this is known already")


def test_a_choice_is_made_once():
    assert remembered("group", {"task": "gan"}, lambda: 5) == 5
    assert remembered("group", {"task": "gan"}, never) == 5


def test_other_circumstances_are_another_choice():
    remembered("group", {"task": "gan", "most": 5}, lambda: 5)
    assert remembered("group", {"task": "gan", "most": 6}, lambda: 2) == 2


@pytest.mark.parametrize("content", ["", "{", "[]", '{"group": "many"}', "{}", "\0"])
def test_a_file_that_says_nothing_is_made_anew(empty_cache, content):
    remembered("group", {}, lambda: 5)
    (file,) = empty_cache.iterdir()
    file.write_text(content)
    assert remembered("group", {}, lambda: 3) == 3
    assert json.loads(file.read_text())["group"] == 3


def test_without_a_place_to_remember_it_is_chosen_each_time(empty_cache):
    empty_cache.parent.write_text("a file where the folder would be")
    assert remembered("group", {}, lambda: 5) == 5
    assert remembered("group", {}, lambda: 3) == 3


def test_without_a_home_it_is_chosen_each_time(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr("pathlib.Path.expanduser", lambda path: (_ for _ in ()).throw(RuntimeError("no home")))
    assert remembered("group", {}, lambda: 5) == 5
