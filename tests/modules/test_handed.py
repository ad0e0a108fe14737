from typing import Any

import pytest

from pbt_gan.modules.handed import Handed, takes_hyperparams

VALUES = {"batch_size": 64, "lr": 0.1}


@pytest.mark.parametrize(
    ("use", "asked"),
    [
        (lambda handed: handed["lr"], {"lr"}),
        (lambda handed: handed.get("lr"), {"lr"}),
        (lambda handed: handed.get("momentum", 0.9), set()),
        (dict, {"batch_size", "lr"}),
        (lambda handed: list(handed.items()), {"batch_size", "lr"}),
        (lambda handed: ("lr" in handed, list(handed), len(handed), repr(handed)), set()),
    ],
)
def test_it_is_noted_which_values_were_asked_for_and_not_which_there_are(use, asked):
    handed = Handed(VALUES)
    use(handed)
    assert handed.asked == asked


def test_nothing_can_be_set():
    handed: Any = Handed(VALUES)
    with pytest.raises(TypeError):
        handed["lr"] = 0.2


@pytest.mark.parametrize(
    ("train", "takes"),
    [
        (lambda self, parts, steps, rng, hyperparams: None, True),
        (lambda self, parts, steps, rng, *, hyperparams=None: None, True),
        (lambda self, parts, steps, rng: None, False),
        (lambda self, parts, steps, rng, values=None: None, False),
    ],
)
def test_the_argument_is_known_by_its_name(train, takes):
    assert takes_hyperparams(train) == takes
