import sys

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
