import pytest
from hypothesis import given
from hypothesis import strategies as st

import pbt_gan
from pbt_gan.errors import ConfigError, instead, printable, suggestion
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
