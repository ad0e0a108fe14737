"""What of a state a recipient takes: all of it, or components that the task has named."""

from collections.abc import Mapping, Sequence

from pbt_gan.core.strategy import COPIED, Copies
from pbt_gan.errors import ConfigError, suggestion

_PLAIN = ("weights", "hyperparams")


def copied(copies: Copies | tuple[str, ...], components: Mapping[str, Sequence[str]], task: str) -> tuple[str, ...]:
    """Return what `pbt.exploit.copies` says, as a journal names it.

    Args:
        copies: as it was written.
        components: that the task names.
        task: its name, for a person.

    Raises:
        ConfigError: a component is unknown, or the list makes no sense.

    >>> copied("all", {}, "toy")
    ('weights', 'hyperparams')
    >>> copied(("generator",), {"generator": ["g"], "discriminator": ["d"]}, "gan")
    ('generator',)
    """
    if isinstance(copies, str):
        return COPIED[copies]
    named = [name for name in copies if name not in _PLAIN]
    for name in named:
        if name not in components:
            raise ConfigError(
                f"pbt.exploit.copies names {name!r}, but {_known(components, task)}{_near(name, components)}"
            )
    if not copies or ("weights" in copies and named):
        raise ConfigError(
            f"pbt.exploit.copies = {list(copies)}: name what is copied, such as all, weights or hyperparams, or a list "
            "of components, with hyperparams among them or without; weights are all components."
        )
    return tuple(dict.fromkeys(copies))


def _known(components: Mapping[str, Sequence[str]], task: str) -> str:
    if not components:
        return f"{task} names no components that could be copied by themselves; use all, weights or hyperparams."
    return f"the components of {task} are {', '.join(components)}."


def _near(name: str, components: Mapping[str, Sequence[str]]) -> str:
    return suggestion(name, [*components, *_PLAIN])
