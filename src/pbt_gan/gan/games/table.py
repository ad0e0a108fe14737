"""The losses, the penalties, and the games that are made of them. A new one is a file of its own and a line here."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from pbt_gan import references
from pbt_gan.errors import ConfigError
from pbt_gan.gan.games import (
    colour,
    cutout,
    dragan,
    flip,
    gradient_penalty,
    hinge,
    least_squares,
    lecam,
    noise,
    non_saturating,
    pairing,
    translation,
    wasserstein,
    zero_slopes,
)
from pbt_gan.gan.games.game import Augmentation, Game, Loss, Penalty, Transform
from pbt_gan.validation import unknown

Entry = TypeVar("Entry")

LOSSES: Mapping[str, Loss] = {
    "non-saturating": non_saturating.LOSS,
    "least-squares": least_squares.LOSS,
    "hinge": hinge.LOSS,
    "wasserstein": wasserstein.LOSS,
    "pairing": pairing.LOSS,
}

PENALTIES: Mapping[str, Penalty] = {
    "gradient": gradient_penalty.PENALTY,
    "dragan": dragan.PENALTY,
    "r1": zero_slopes.R1,
    "r2": zero_slopes.R2,
    "lecam": lecam.PENALTY,
}

TRANSFORMS: Mapping[str, Transform] = {
    "flip": flip.TRANSFORM,
    "colour": colour.TRANSFORM,
    "translation": translation.TRANSFORM,
    "cutout": cutout.TRANSFORM,
    "noise": noise.TRANSFORM,
}

GAMES: Mapping[str, Game] = {
    **{name: Game(loss) for name, loss in LOSSES.items()},
    "wgan-gp": Game(LOSSES["wasserstein"], (PENALTIES["gradient"],)),
}


def compose(loss: str, penalties: Sequence[str] = (), augment: str = "none", *, adaptive: bool = False) -> Game:
    """Return a game of the table, or of a reference, with penalties and transforms of the tables added to it.

    Args:
        loss: a name in GAMES, or a reference such as `my_game.py:GAME`.
        penalties: names in PENALTIES.
        augment: names in TRANSFORMS with commas between them, or `none`.
        adaptive: whether how often they happen is found out while a member trains.

    Raises:
        ConfigError: there is none of such a name, or one is there twice.
    """
    game = replace(find_game(loss), names={"loss": loss, "augment": augment})
    every = (*game.penalties, *(_find("task.penalties", name, PENALTIES) for name in penalties))
    if len({penalty.name for penalty in every}) < len(every):
        raise ConfigError(
            f"task.penalties = {list(penalties)} with task.loss = {loss!r} has a penalty twice; leave one of them out."
        )
    names = [] if augment == "none" else [name.strip() for name in augment.split(",")]
    own = game.augmentation
    transforms = {**own.transforms, **{name: _find("task.augment", name, TRANSFORMS) for name in names}}
    if len(transforms) < len(own.transforms) + len(names):
        raise ConfigError(f"task.augment = {augment!r} has a transform twice; leave one of them out.")
    return replace(game, penalties=every, augmentation=Augmentation(transforms, adaptive=adaptive or own.adaptive))


def _find(where: str, name: str, table: Mapping[str, Entry]) -> Entry:
    if name not in table:
        raise unknown(where, name, table)
    return table[name]


def find_game(name: str) -> Game:
    """Return a game of the table, or the one that a reference such as `my_game.py:GAME` names.

    Raises:
        ConfigError: there is none of that name, or what is there is no game.
    """
    if not references.is_reference(name):
        if name not in GAMES:
            raise unknown("task.loss", name, GAMES)
        return GAMES[name]
    found = references.load(name)
    if not isinstance(found, Game):
        raise ConfigError(
            f"task.loss = {name!r} is a {type(found).__name__}; it must be a pbt_gan.gan.games.game.Game."
        )
    return found
