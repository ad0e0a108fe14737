"""What of a member is chosen among a few values, and may be evolved like its numbers: loss and augmentation.

A member that moves to another value keeps its nets and its optimisers, and what its game remembers of it. So a value
is refused that the other settings do not go with, or with which a game would have to remember something else.
"""

from collections.abc import Collection, Mapping
from itertools import product

from pbt_gan.core.population import Value
from pbt_gan.core.space import Choice, Domain
from pbt_gan.errors import ConfigError
from pbt_gan.gan.games.table import LOSSES
from pbt_gan.gan.settings import GanSettings
from pbt_gan.validation import validated

CHANCE = 0.25
"""That an explore leads to another value. A recipient whose loss always changed would never have that of its donor."""

_KNOWN: Mapping[str, Collection[str]] = {
    "loss": LOSSES.keys(),
    # Of Zhao et al. 2020, arXiv:2006.10738, from the least to the most.
    "augment": ("none", "translation", "translation,cutout", "colour,translation,cutout"),
}

CHOICES = tuple(_KNOWN)
"""The settings that may be evolved and are no numbers."""


def choices(settings: GanSettings) -> Mapping[str, Choice]:
    """Return where each choice may go: to the values that go with the other settings, from the one that is set."""
    found = {}
    for name, known in _KNOWN.items():
        own = getattr(settings, name)
        values = [value for value in dict.fromkeys([own, *known]) if not _refusal(settings, {name: value})]
        if len(values) > 1:
            found[name] = Choice(tuple(values), own, CHANCE)
    return found


def chosen(settings: GanSettings, values: Mapping[str, Value]) -> GanSettings:
    """Return the settings of a member with these values of the choices.

    Raises:
        ConfigError: the other settings do not go with them.
    """
    return validated(GanSettings, {**settings.model_dump(), **values}, "task")


def check_choices(settings: GanSettings, space: Mapping[str, Domain]) -> None:
    """Raise ConfigError unless a member can move to every value, and use all that is evolved at each of them."""
    evolved = {name: domain.values for name in CHOICES if isinstance(domain := space.get(name), Choice)}
    for values in product(*evolved.values()) if evolved else ():
        one = dict(zip(evolved, values, strict=True))
        named = " and ".join(f"{name} = {value!r}" for name, value in one.items())
        if why := _refusal(settings, one):
            raise ConfigError(f"space.{next(iter(one))}.values: no member can have {named}. {why}")
        idle = chosen(settings, one).idle()
        for name in space:
            if name in idle:
                raise ConfigError(
                    f"space.{name}: a member with {named} would not use it: {idle[name]}. Leave one of the two out."
                )


def _refusal(settings: GanSettings, values: Mapping[str, Value]) -> str:
    """Return why a member with these settings cannot move to these values; empty: it can."""
    try:
        game = chosen(settings, values).game
    except ConfigError as error:
        return str(error)
    if [*game.memory] != [*settings.game.memory]:
        return "Its game remembers other things of a member than that of the other values."
    return ""
