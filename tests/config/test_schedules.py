from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.config.domains import build_space
from pbt_gan.config.objects import build_plan, resolve
from pbt_gan.config.schedules import ScheduleSettings, read_schedule, schedule_settings, schedule_text
from pbt_gan.config.settings import Config
from pbt_gan.config.source import merged, read_config
from pbt_gan.core.schedule import Row, Schedule
from pbt_gan.core.space import Choice, Float, Space
from pbt_gan.errors import ConfigError
from pbt_gan.toy.quadratic import Quadratic
from pbt_gan.validation import validated

NAMES = st.text("abcdefgh_ -.äß\"'", min_size=1, max_size=8)
VALUES = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**40), 2**40), st.booleans(), st.text(max_size=5)
)
SLOTS = st.one_of(st.none(), st.tuples(st.integers(0, 99), st.integers(1, 999)))
ROWS = st.lists(
    st.builds(Row, st.integers(0, 10**6), st.dictionaries(NAMES, VALUES, min_size=1, max_size=3), SLOTS),
    min_size=1,
    max_size=5,
)


@pytest.mark.slow
@given(rows=ROWS, relative=st.booleans())
def test_a_schedule_is_the_same_after_it_was_written_and_read(tmp_path_factory, rows, relative):
    path = tmp_path_factory.mktemp("schedules") / "schedule.toml"
    schedule = Schedule(tuple(rows), relative)
    path.write_text(schedule_text(schedule), encoding="utf-8")
    read = read_schedule(path)
    assert read.relative == relative
    for row, found in zip(rows, read.rows, strict=True):
        assert (found.step, dict(found.values)) == (row.step, dict(row.values))
        assert [type(value) for value in found.values.values()] == [type(value) for value in row.values.values()]
        assert (found.member, found.interval) == (row.slot or (None, None))


def test_in_a_config_a_replay_keeps_whose_random_numbers_it_repeats():
    schedule = Schedule((Row(0, {"h0": 0.5}, (3, 1)), Row(10, {"h0": 0.7}, (0, 2))))
    settings = validated(ScheduleSettings, schedule_settings(schedule))
    assert settings.schedule(total_steps=20, score_interval=10) == schedule


def plan_of(schedule, **pbt):
    config = validated(Config, {"task": "quadratic", "pbt": {"total_steps": 200, "schedule": schedule, **pbt}})
    space = build_space(config, Quadratic())
    resolved = resolve(config, Quadratic(), space)
    assert resolve(resolved, Quadratic(), space) == resolved
    return build_plan(resolved, build_space(resolved, Quadratic()))


def test_a_named_decay_becomes_rows_one_for_each_order():
    schedule = plan_of({"decay": "linear", "of": ["h1"], "to": 0.5}, ready_interval=50).schedule
    assert schedule is not None
    assert [row.step for row in schedule.rows] == [0, 50, 100, 150]
    assert [row.values["h1"] for row in schedule.rows] == [0.9375, 0.8125, 0.6875, 0.5625]


def test_what_decays_by_itself_are_the_learning_rates():
    space: Space = {"lr_g": Float(1e-3, (1e-6, 1.0), "log"), "lrx": Float(0.5, (0.0, 1.0)), "lr": Choice((1, 2))}
    made = ScheduleSettings(decay="cosine").resolved(space).schedule(total_steps=10, score_interval=5)
    assert [set(row.values) for row in made.rows] == [{"lr_g"}, {"lr_g"}]


def test_a_run_that_is_trained_further_decays_to_its_new_end():
    config = validated(
        Config, {"task": "quadratic", "pbt": {"total_steps": 100, "schedule": {"decay": "linear", "of": ["h1"]}}}
    )
    written = resolve(config, Quadratic(), build_space(config, Quadratic())).plain()  # what a run's folder holds
    longer = validated(Config, merged(written, {"pbt": {"total_steps": 400}}))
    schedules = [
        build_plan(each, build_space(each, Quadratic())).schedule for each in (validated(Config, written), longer)
    ]
    assert [max(row.step for row in schedule.rows) for schedule in schedules if schedule] == [0, 300]
    assert plan_of({"decay": "linear", "of": ["h1"]}, total_steps=400).schedule == schedules[1]


def test_a_file_lies_beside_the_config_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "s.toml").write_text("rows = [{step = 0, values = {h0 = 0.25}}]")
    (tmp_path / "there" / "my.toml").write_text('task = "quadratic"\n[pbt]\nschedule = "s.toml"\n')
    monkeypatch.chdir(tmp_path)
    by_config = read_config("there/my.toml")
    by_option = read_config("quadratic", [{"pbt": {"schedule": "there/s.toml"}}])
    for config in (by_config, by_option):
        schedule = resolve(config, Quadratic(), build_space(config, Quadratic())).pbt.schedule
        assert schedule is not None
        assert [dict(row.values) for row in schedule.rows] == [{"h0": 0.25}]


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ({"decay": "cubic"}, "pbt.schedule.decay = 'cubic'"),
        ({}, "one of file, decay and rows"),
        ({"decay": "linear", "file": "x.toml"}, "one of file, decay and rows"),
        ({"decay": "linear", "of": ["h0"], "to": 0.0}, "pbt.schedule.to"),
        ({"decay": "linear"}, "say what decays"),
        ({"decay": "linear", "of": ["h7"]}, "names 'h7'"),
        ("nowhere.toml", "nowhere.toml cannot be read"),
        ({"rows": [{"step": 0, "values": {"h9": 0.5}}]}, "which is not evolved here"),
        ({"rows": [{"step": 0, "values": {"h0": 0.5}}], "same_streams": True}, "population_size must be 1"),
    ],
)
def test_a_wrong_schedule_is_told(schedule, said):
    with pytest.raises(ConfigError, match=said):
        plan_of(schedule)


def test_an_exact_replay_must_know_whose_random_numbers_to_use():
    with pytest.raises(ConfigError, match="lacks member and interval"):
        plan_of({"rows": [{"step": 0, "values": {"h0": 0.5}}], "same_streams": True}, population_size=1)


@pytest.mark.parametrize("text", ["rows = 3", "a = = 1", "format = 2\nrows = []", "rows = [{step = -1, values = {}}]"])
def test_a_file_that_is_no_schedule_is_told(tmp_path: Path, text: str):
    path = tmp_path / "s.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"s\.toml"):
        read_schedule(path)
