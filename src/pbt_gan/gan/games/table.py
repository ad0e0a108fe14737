"""The losses, the penalties, and the games that are made of them. A new one is a file of its own and a line here."""

from collections.abc import Mapping

from pbt_gan import references
from pbt_gan.errors import ConfigError
from pbt_gan.gan.games import gradient_penalty, hinge, non_saturating, wasserstein
from pbt_gan.gan.games.game import Game, Loss, Penalty
from pbt_gan.validation import unknown

LOSSES: Mapping[str, Loss] = {
    "non-saturating": non_saturating.LOSS,
    "hinge": hinge.LOSS,
    "wasserstein": wasserstein.LOSS,
}

PENALTIES: Mapping[str, Penalty] = {"gradient": gradient_penalty.PENALTY}

GAMES: Mapping[str, Game] = {
    "non-saturating": Game(LOSSES["non-saturating"]),
    "hinge": Game(LOSSES["hinge"]),
    "wgan-gp": Game(LOSSES["wasserstein"], (PENALTIES["gradient"],)),
}


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
