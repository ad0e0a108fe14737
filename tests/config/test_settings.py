import pytest

from pbt_gan.config.settings import Config, DomainSettings
from pbt_gan.errors import ConfigError
from pbt_gan.validation import validated


def refused(table) -> str:
    with pytest.raises(ConfigError) as error:
        validated(Config, table)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_an_unknown_key_is_refused_with_the_likely_one():
    said = refused({"pbt": {"populaton_size": 8}})
    assert "pbt.populaton_size is not a setting" in said
    assert "Did you mean 'population_size'?" in said


def test_an_unknown_key_at_the_top_names_what_there_is():
    assert "Known here: checkpoints, executor" in refused({"zzz": {}})


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ({"pbt": {"population_size": 0}}, "pbt.population_size = 0"),
        ({"pbt": {"total_steps": -1}}, "pbt.total_steps = -1"),
        ({"pbt": {"mode": "parallel"}}, "pbt.mode = 'parallel'"),
        ({"pbt": {"comparison": "just"}}, "pbt.comparison = 'just'"),
        ({"pbt": {"comparison": "fair"}}, 'pbt: comparison = "fair" is for mode = "async"'),
        ({"pbt": {"exploit": {"name": "truncation", "copies": "half"}}}, "pbt.exploit.copies = 'half'"),
        ({"executor": {"workers": 0}}, "executor.workers = 0"),
        ({"executor": {"workers": -2}}, "executor.workers = -2"),
        ({"executor": {"name": "threads"}}, "executor.name = 'threads': use processes or serial."),
        ({"executor": {"workers": "many"}}, "executor.workers = 'many': use auto, or a whole number"),
        ({"executor": {"workers": True}}, "executor.workers = True"),
        ({"executor": {"deadline_s": 0}}, "executor.deadline_s = 0"),
        ({"executor": {"deadline_s": "soon"}}, "executor.deadline_s = 'soon': use auto, off, or seconds, such as 900"),
        ({"executor": {"name": "serial", "deadline_s": 9}}, "executor: the serial executor trains in this process"),
        (
            {"executor": {"name": "serial", "memory_fraction": 0.5}},
            "executor: the serial executor trains in this process",
        ),
        ({"executor": {"name": "serial", "nice": 5}}, "executor: the serial executor trains in this process"),
        ({"executor": {"memory_fraction": 0}}, "executor.memory_fraction = 0"),
        ({"executor": {"memory_fraction": 1.5}}, "executor.memory_fraction = 1.5"),
        ({"executor": {"nice": -5}}, "executor.nice = -5"),
        ({"executor": {"nice": 20}}, "executor.nice = 20"),
        ({"executor": {"name": "serial", "device": "cuda:0,cuda:1"}}, "executor: the serial executor trains on one"),
        ({"seed": -1}, "seed = -1"),
        ({"seed": "one"}, "seed = 'one'"),
        ({"name": "../escape"}, "name = '../escape'"),
    ],
)
def test_a_wrong_value_is_told_with_its_place(table, key):
    assert refused(table).startswith(key)


def test_intervals_must_divide():
    assert "no multiple of score_interval" in refused({"pbt": {"ready_interval": 10, "score_interval": 3}})
    assert "no multiple of the 10 steps" in refused({"pbt": {"ready_interval": 10, "total_steps": 25}})


def test_short_forms_mean_the_long_ones():
    config = validated(Config, {"task": "quadratic", "pbt": {"exploit": "t_test"}, "space": {"lr": [1e-4, 1e-2]}})
    assert config.task.name == "quadratic"
    assert config.pbt.exploit.name == "t_test"
    assert config.space["lr"] == DomainSettings(init=(1e-4, 1e-2))


@pytest.mark.parametrize(
    ("given", "kept", "limit_s"), [("auto", "auto", None), ("off", "off", None), (900, 900.0, 900.0)]
)
def test_a_deadline_is_left_open_given_up_or_a_number_of_seconds(given, kept, limit_s):
    settings = validated(Config, {"executor": {"deadline_s": given}}).executor
    assert (settings.deadline_s, settings.limit_s) == (kept, limit_s)
    assert validated(Config, {}).executor.deadline_s == "auto"


def test_options_of_a_rule_stand_beside_its_name():
    config = validated(Config, {"pbt": {"exploit": {"name": "truncation", "fraction": 0.5}}})
    assert config.pbt.exploit.options == {"fraction": 0.5}


def test_values_keep_their_own_type():
    space = {"a": {"init": 1}, "b": {"init": 1.0}, "c": {"init": True}, "d": {"init": "x"}}
    config = validated(Config, {"space": space})
    assert [type(config.space[name].init) for name in "abcd"] == [int, float, bool, str]


def test_what_is_written_is_read_back_equal():
    config = validated(
        Config,
        {
            "task": {"name": "gan", "data": "digits"},
            "pbt": {"exploit": {"name": "truncation", "fraction": 0.25}, "initial": [{"lr_g": 1e-3}]},
            "space": {"lr_g": {"init": [1e-4, 1e-2], "bounds": [1e-6, 0.1], "scale": "log"}},
        },
    )
    assert validated(Config, config.plain()) == config
