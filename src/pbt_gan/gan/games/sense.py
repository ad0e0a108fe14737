"""Which games make sense, beside which discriminators: what contradicts itself is refused, what is only unusual is not."""

from pbt_gan.gan.games.game import Game, Penalty


def objection(game: Game, norm: str | None) -> str | None:
    """Return why a game cannot be played, and the way out; None: it can be.

    Args:
        game: with all that is added to it.
        norm: what keeps the discriminator in bounds: "batch", "spectral" or "none"; None: nobody knows.
    """
    return _mixed(game, norm) or _contradictory(game) or _unbounded(game, norm) or _without_chance(game)


def _mixed(game: Game, norm: str | None) -> str | None:
    named = [penalty.name for penalty in game.penalties if penalty.each_image]
    if not named or norm != "batch":
        return None
    return (
        f"{_listed(named)} penalises the gradient at each image, but batch norm in the discriminator mixes the images "
        "of a batch"
    )


def _contradictory(game: Game) -> str | None:
    to_one, to_zero = ([penalty.name for penalty in game.penalties if penalty.slope == slope] for slope in (1, 0))
    if not (to_one and to_zero):
        return None
    return (
        f"{_listed(to_one)} pulls the discriminator's slopes to 1 and {_listed(to_zero)} pulls them to 0; "
        "leave out the one or the other"
    )


def _unbounded(game: Game, norm: str | None) -> str | None:
    if game.loss.bounded or game.penalties or norm in ("spectral", None):
        return None
    return (
        "the loss of the discriminator has no least value, and nothing holds it back; add a penalty such as 'gradient', "
        "or set discriminator_norm = 'spectral'"
    )


def _without_chance(game: Game) -> str | None:
    if not game.augmentation.adaptive:
        return None
    if not any(transform.gated for transform in game.augmentation.transforms.values()):
        return "adaptive = true has no transform to make more or less frequent; name some in augment"
    if not game.loss.centred:
        return (
            "adaptive = true reads the signs of logits, but in this loss only their differences mean something; give the "
            "chance as augment_p"
        )
    return None


def _listed(names: list[str]) -> str:
    return " and ".join(map(repr, names))
