from pathlib import Path
from typing import Any

import pytest

from pbt_gan import references

WHOLE = f"{Path(__file__).with_name('whole.py')}:Whole"
SMALL = f"{Path(__file__).with_name('small.py')}:Small"


@pytest.fixture
def whole() -> str:
    """Return the reference of a module task with all that has a state."""
    return WHOLE


@pytest.fixture
def make() -> Any:
    """Return its class."""
    return references.load(WHOLE)


@pytest.fixture
def small() -> Any:
    """Return a function that makes a class of the least module task there is, changed here and there."""
    return lambda **changes: type("Small", (references.load(SMALL),), changes)
