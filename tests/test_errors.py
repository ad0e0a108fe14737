import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pbt_gan
from pbt_gan.core.space import Choice, Float, Integer
from pbt_gan.errors import ConfigError, TaskError, instead, own_place, place, printable, suggestion, unfit
from pbt_gan.toy.quadratic import Quadratic

NAMES = st.lists(st.text("abc_", min_size=1, max_size=8), min_size=1, max_size=60, unique_by=str.lower)


@given(st.text())
def test_what_is_printable_is_one_line_and_nothing_but_letters(text):
    assert printable(text).isprintable()
    assert printable(printable(text)) == printable(text)


@given(NAMES, st.data())
def test_a_name_in_other_letters_is_what_was_meant(names, data):
    name = data.draw(st.sampled_from(names))
    assert suggestion(name.upper(), names) == f" Did you mean {name!r}?"


@given(NAMES, st.text(max_size=8))
def test_a_refused_name_gets_a_suggestion_or_a_short_list_never_both(names, name):
    end = instead(name, names)
    assert ("Did you mean" in end) != ("There are" in end)
    assert len(end) < 250


@pytest.mark.parametrize(
    ("settings", "meant"),
    [
        ({"populaton_size": 2}, "population_size"),
        ({"total_step": 2}, "total_steps"),
        ({"exploits": "truncation"}, "exploit"),
        ({"sead": 1}, "seed"),
        ({"quite": True}, "quiet"),
        ({"workers": 2}, "executor.workers"),
        ({"every_s": 2}, "checkpoints.every_s"),
        ({"pbt": {"populaton_size": 2}}, "population_size"),
        ({"executor": {"worker": 2}}, "workers"),
        ({"executor": "processs"}, "processes"),
        ({"exploit": {"nam": "truncation"}}, "name"),
        ({"exploit": {"name": "truncation", "fractoin": 0.2}}, "fraction"),
        ({"explore": "pertrub"}, "perturb"),
        ({"space": {"h00": [0.1, 0.2]}}, "h0"),
        ({"space": {"h0": {"bound": [0.1, 0.2]}}}, "bounds"),
        ({"initial": [{"h00": 0.1}]}, "h0"),
        ({"schedule": {"row": []}}, "rows"),
        ({"schedule": {"rows": [{"step": 0, "value": {}}]}}, "values"),
        ({"schedule": {"rows": [{"step": 0, "values": {"h00": 0.5}}]}}, "h0"),
    ],
)
def test_whatever_name_of_a_setting_is_misspelt_the_right_one_is_told_shortly(settings, meant):
    with pytest.raises(ConfigError, match=f"Did you mean '{meant}'") as error:
        pbt_gan.run(Quadratic, quiet=True, **settings)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize("value", [10**5_000, "x" * 10_000, [[1] * 10_000]], ids=["digits", "letters", "items"])
def test_a_value_is_shown_shortly(value):
    with pytest.raises(ConfigError, match="seed") as error:
        pbt_gan.run(Quadratic, quiet=True, seed=value)
    assert len(str(error.value)) < 250


@given(st.text())
def test_a_name_that_is_fit_is_a_word_for_terminals_and_no_formula(name):
    if not unfit(name):
        assert name.isprintable()
        assert name == name.strip() != ""
        assert name[0] not in "=+-@"


ODD = ["", " lr", "lr\n", "red\x1b[31m", "=1+1", "+x", "-x", "@x", "a\u202eb", "\udc80", "x" * 101, 3, None]


@pytest.mark.parametrize("name", ODD, ids=repr)
def test_an_odd_name_is_refused_where_it_is_declared(name):
    for domain in (Float(0.1, (0.0, 1.0)), Integer(1, (0, 9)), Choice((1, 2))):
        with pytest.raises(ConfigError, match="A hyperparameter is called") as error:
            domain.check(name)
        assert str(error.value).isprintable()

    class Odd(Quadratic):
        def score(self, state, rng):
            return {"score": 1.0, name: 2.0}

    with pytest.raises(TaskError, match="A metric is called") as told:
        pbt_gan.run(Odd, quiet=True, population_size=1, total_steps=1, ready_interval=1)
    assert str(told.value).isprintable()


@pytest.mark.parametrize("name", ["lr_g", "loss/d", "held_out", "β₁", "top-1 %", "x" * 100])
def test_a_usual_name_is_fine(name):
    assert unfit(name) == ""


def failing(depth=3):
    if depth:
        failing(depth - 1)
    raise ArithmeticError("stumbled")


def raised(function):
    try:
        function()
    except Exception as error:
        return error
    raise AssertionError


def test_a_place_is_the_innermost_line_of_a_person_s_own_code():
    line = failing.__code__.co_firstlineno + 3
    assert place(raised(failing)) == f"{__file__}, line {line}"
    assert place(raised(lambda: json.loads("{"))).startswith(f"{__file__}, line ")

    def passed_on():
        try:
            failing()
        except ArithmeticError as error:
            raise TaskError("told") from error

    told = raised(passed_on)
    told.__traceback__ = None
    assert own_place(told) == f"{__file__}, line {line}"


def test_where_there_is_no_code_of_ones_own_there_is_no_place_in_it():
    error = raised(lambda: compile("1 +", "mine.py", "exec"))
    assert own_place(error) == "mine.py, line 1"
    assert own_place(TaskError("never raised")) == ""
    assert place(TaskError("never raised")) == "pbt-gan"
