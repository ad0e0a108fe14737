import pytest

from pbt_gan.config import limits
from pbt_gan.config.limits import check_limits
from pbt_gan.config.settings import Config
from pbt_gan.errors import ConfigError
from pbt_gan.validation import validated


def config(**executor) -> Config:
    return validated(Config, {"executor": executor, "pbt": {"population_size": 10}})


@pytest.mark.parametrize(
    "executor",
    [
        {"workers": 3},
        {"workers": 3, "memory_fraction": 0.333},
        {"workers": 4, "memory_fraction": 0.5, "device": "cuda:0,cuda:1"},
        {"workers": 1, "memory_fraction": 1.0},
        {"workers": 500, "memory_fraction": 0.1},  # no more than there are members
        {"memory_fraction": 1.0, "device": "cuda"},  # one a GPU
    ],
)
def test_limits_that_can_be_had_are_no_error(executor):
    check_limits(config(**executor))


@pytest.mark.parametrize(
    ("executor", "said"),
    [
        (
            {"workers": 3, "memory_fraction": 0.5},
            "executor.memory_fraction = 0.5, but 3 workers share the memory of this machine: together they might take "
            "150% of it. Use at most 0.333, or fewer workers (executor.workers).",
        ),
        ({"workers": 4, "memory_fraction": 0.3, "device": "cuda:0"}, "4 workers share the memory of cuda:0"),
        ({"workers": 3, "memory_fraction": 0.6, "device": "cuda:0,cuda:1"}, "2 workers share the memory of cuda:0"),
        ({"workers": 2, "memory_fraction": 0.6, "device": "cuda,cuda:0"}, "2 workers share the memory of cuda:0"),
    ],
)
def test_more_memory_than_there_is_is_refused_with_a_number_that_would_do(executor, said):
    with pytest.raises(ConfigError) as error:
        check_limits(config(**executor))
    assert said in str(error.value)


def test_memory_that_nobody_can_watch_is_refused(monkeypatch):
    monkeypatch.setattr(limits, "can_be_watched", lambda: False)
    with pytest.raises(ConfigError, match="does not tell how much memory"):
        check_limits(config(workers=1, memory_fraction=0.5))
    check_limits(config(workers=1, memory_fraction=0.5, device="cuda"))
