import pytest

from pbt_gan.cli.options import limits
from pbt_gan.errors import ConfigError


@pytest.mark.parametrize(
    ("said", "deadline_s"), [(None, None), ("auto", "auto"), ("off", "off"), ("30m", 1_800.0), ("90s", 90.0)]
)
def test_a_deadline_is_written_as_people_write_times(said, deadline_s):
    assert limits(said, 0.25, 5) == {
        "executor.deadline_s": deadline_s,
        "executor.memory_fraction": 0.25,
        "executor.nice": 5,
    }


def test_a_deadline_that_is_no_time_is_refused():
    with pytest.raises(ConfigError, match="--deadline soon: write a number and s, m, h or d"):
        limits("soon", None, None)
