from pathlib import Path

import pytest

from pbt_gan.config.source import merged, parse_changes, presets, read_config
from pbt_gan.errors import ConfigError


def test_every_preset_is_a_valid_configuration_and_says_what_it_is():
    assert {"digits", "seed-dcgan"} <= set(presets())
    for name, description in presets().items():
        assert len(description) > 20
        assert read_config(name).name == name


def test_an_unknown_preset_is_refused_with_the_likely_one():
    with pytest.raises(ConfigError, match="Did you mean 'digits'"):
        read_config("digit")


def test_a_file_that_is_no_toml_says_where(tmp_path: Path):
    file = tmp_path / "my.toml"
    file.write_text("seed = = 1")
    with pytest.raises(ConfigError, match=r"my\.toml is not TOML.*line 1"):
        read_config(str(file))


def test_a_missing_or_binary_file_is_no_traceback(tmp_path: Path):
    with pytest.raises(ConfigError, match="No such file"):
        read_config(str(tmp_path / "none.toml"))
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_config(str(tmp_path / "bytes.toml"))
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        read_config(str(tmp_path / "folder.toml"))


def test_a_file_named_in_a_config_lies_beside_the_config(tmp_path: Path):
    file = tmp_path / "my.toml"
    file.write_text('task = "mine.py:Task"\npbt = { exploit = "rules.py:mine" }\nlisteners = ["mine.py:Ear"]')
    config = read_config(str(file))
    assert config.task.name == f"{tmp_path / 'mine.py'}:Task"
    assert config.pbt.exploit.name == f"{tmp_path / 'rules.py'}:mine"
    assert config.listeners == (f"{tmp_path / 'mine.py'}:Ear",)


def test_set_takes_toml_values_and_plain_text():
    table = parse_changes(["pbt.total_steps=100", "task.loss=hinge", "space.lr_g=[1e-4, 1e-2]", 'task.data="a b"'])
    assert table == {
        "pbt": {"total_steps": 100},
        "task": {"loss": "hinge", "data": "a b"},
        "space": {"lr_g": [1e-4, 1e-2]},
    }


@pytest.mark.parametrize("text", ["pbt.total_steps", "=3", ""])
def test_set_without_key_or_value_is_refused(text):
    with pytest.raises(ConfigError, match="key=value"):
        parse_changes([text])


def test_another_rule_takes_no_options_over_from_the_old_one():
    base = {"exploit": {"name": "truncation", "fraction": 0.5}}
    assert merged(base, {"exploit": {"name": "t_test"}}) == {"exploit": {"name": "t_test"}}
    assert merged(base, {"exploit": {"fraction": 0.1}}) == {"exploit": {"name": "truncation", "fraction": 0.1}}
    assert merged({"exploit": "truncation"}, {"exploit": {"fraction": 0.1}}) == {
        "exploit": {"name": "truncation", "fraction": 0.1}
    }


def test_a_data_set_that_can_be_fetched_keeps_its_name_unless_there_is_a_file_of_it(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_config("mnist").task.model_dump()["data"] == "mnist"
    (tmp_path / "mnist").mkdir()
    assert read_config("mnist").task.model_dump()["data"] == str(tmp_path / "mnist")
