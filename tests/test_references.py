import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest

from pbt_gan import references
from pbt_gan.errors import ConfigError
from pbt_gan.toy.quadratic import Quadratic


@pytest.fixture(autouse=True)
def clean_path(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))


def write(path, text):
    path.write_text(text)
    return path


def test_a_name_in_a_module_is_found():
    assert references.load("pbt_gan.toy.quadratic:Quadratic") is Quadratic


def test_a_name_inside_of_a_class_is_found():
    assert references.load("pbt_gan.toy.quadratic:Quadratic.rate") == 0.01


def test_a_name_in_a_file_is_found_and_the_file_is_run_once(tmp_path):
    path = write(tmp_path / "my_task.py", "class Classifier: pass\n")
    assert references.load(f"{path}:Classifier").__name__ == "Classifier"
    assert references.load(f"{path}:Classifier") is references.load(f"{path}:Classifier")


def test_files_of_the_same_name_do_not_meet(tmp_path):
    for folder, value in (("one", 1), ("two", 2)):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "rules.py", f"value = {value}\n")
    assert references.load(f"{tmp_path / 'one' / 'rules.py'}:value") == 1
    assert references.load(f"{tmp_path / 'two' / 'rules.py'}:value") == 2


def test_a_file_can_import_its_neighbours(tmp_path):
    write(tmp_path / "neighbour_of_reference.py", "value = 7\n")
    path = write(tmp_path / "importing.py", "from neighbour_of_reference import value\n")
    assert references.load(f"{path}:value") == 7


def test_a_file_of_one_s_own_may_define_dataclasses(tmp_path):
    path = write(
        tmp_path / "data.py",
        "from __future__ import annotations\nfrom dataclasses import dataclass\n\n"
        "@dataclass\nclass Point:\n    x: int = 1\n",
    )
    assert references.load(f"{path}:Point")().x == 1


@pytest.mark.parametrize("name", ["", "name", ":name", "module:"])
def test_what_is_no_reference_says_how_one_is_written(name):
    with pytest.raises(ConfigError, match="module:name"):
        references.load(name)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nowhere.py:Task", "nowhere.py does not exist"),
        ("no_such_module:Task", "no module 'no_such_module'"),
        ("pbt_gan.no_such_module:Task", r"no module 'pbt_gan\.no_such_module'"),
        ("pbt_gan.toy.quadratic:Quadratik", "has no 'Quadratik'"),
        ("pbt_gan.toy.quadratic:Quadratic.nothing", r"has no 'Quadratic\.nothing'"),
    ],
)
def test_what_does_not_exist_is_named(name, told):
    with pytest.raises(ConfigError, match=told):
        references.load(name)


def test_an_error_of_the_user_s_own_file_is_theirs_to_see_every_time(tmp_path):
    path = write(tmp_path / "broken.py", "1 / 0\n")
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            references.load(f"{path}:Task")


def test_a_module_that_the_user_s_file_lacks_is_not_blamed_on_the_reference(tmp_path):
    path = write(tmp_path / "lacking.py", "import no_such_module_at_all\n")
    with pytest.raises(ModuleNotFoundError):
        references.load(f"{path}:Task")


def test_a_file_s_reference_is_made_absolute_and_a_module_s_is_left(tmp_path):
    assert references.absolute("my_task.py:Task", tmp_path) == f"{tmp_path.resolve() / 'my_task.py'}:Task"
    assert references.absolute("package.module:Task", tmp_path) == "package.module:Task"


def test_only_a_name_with_a_colon_is_a_reference():
    assert references.is_reference("my_task.py:Task")
    assert not references.is_reference("truncation")


def function():
    pass


def test_a_name_of_an_object_leads_to_it_again(tmp_path):
    path = write(tmp_path / "named.py", "class Outer:\n    class Inner: pass\n\ndef rule(): pass\n")
    for name in ("Outer", "Outer.Inner", "rule"):
        found = references.load(f"{path}:{name}")
        assert references.reference_to(found) == f"{path.resolve()}:{name}"
        assert references.load(references.reference_to(found)) is found
    assert references.reference_to(Quadratic) == "pbt_gan.toy.quadratic:Quadratic"
    assert references.load(references.reference_to(function)) is function


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        (lambda: None, "A lambda has no name to be found by again"),
        (type("Local", (), {"__qualname__": "f.<locals>.Local"}), r"'f\.<locals>\.Local' is defined inside of a func"),
        (3, "3 is neither a class nor a function"),
    ],
)
def test_what_has_no_name_from_outside_is_refused(thing, said):
    with pytest.raises(ConfigError, match=said):
        references.reference_to(thing)


@pytest.fixture
def main(monkeypatch):
    """Stand in for the program that is running."""
    module = ModuleType("__main__")
    module.Mine = type("Mine", (), {"__module__": "__main__"})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "__main__", module)
    return module


def test_a_script_that_runs_is_not_loaded_a_second_time(tmp_path, main):
    main.__file__ = str(write(tmp_path / "script.py", "1 / 0\n"))
    assert references.reference_to(main.Mine) == f"{tmp_path.resolve() / 'script.py'}:Mine"
    assert references.load(f"{tmp_path / 'script.py'}:Mine") is main.Mine


def test_nor_is_a_module_that_runs(main):
    main.__spec__ = ModuleSpec("package.program", None)
    assert references.reference_to(main.Mine) == "package.program:Mine"
    assert references.load("package.program:Mine") is main.Mine


def test_a_class_of_a_notebook_is_found_there_and_elsewhere_it_is_said_where_it_lives(main):
    assert references.reference_to(main.Mine) == "__main__:Mine"
    assert references.load("__main__:Mine") is main.Mine
    with pytest.raises(ConfigError, match=r"'Other' was made in a program of its own, such as a notebook"):
        references.load("__main__:Other")


@pytest.mark.parametrize("way", ["file", "module"])
def test_a_file_that_is_looked_up_in_starts_no_run(tmp_path, monkeypatch, way):
    text = "import pbt_gan\npbt_gan.run('quadratic')\nclass Mine: pass\n"
    path = write(tmp_path / f"unguarded_{way}.py", text)
    monkeypatch.syspath_prepend(tmp_path)
    name = str(path) if way == "file" else path.stem
    for _ in range(2):
        with pytest.raises(ConfigError) as error:
            references.load(f"{name}:Mine")
        assert str(error.value).startswith(f"{name} starts a run whenever it is loaded")
        assert 'under `if __name__ == "__main__":`' in str(error.value)
    references.refuse_while_loading()
