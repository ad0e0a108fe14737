"""Which games make sense, beside which discriminators.

What contradicts itself, or can have no effect, is refused; what is only unusual is not.
"""

from collections.abc import Collection

from pbt_gan.gan.games.game import Game


def objection(game: Game, norm: str, norms: Collection[str], *, own_net: bool = False) -> str | None:
    """Return why a game cannot be played, and the way out; None: it can be.

    Args:
        game: with all that is added to it.
        norm: what the discriminator has, "batch", "spectral" or "none".
        norms: what it could have.
        own_net: whether it is somebody's own, which may be held back by what nobody here knows.
    """
    return (
        _mixed(game, norm, norms)
        or _contradictory(game)
        or (None if own_net else _unbounded(game, norm, norms))
        or _without_chance(game)
    )


def _mixed(game: Game, norm: str, norms: Collection[str]) -> str | None:
    if norm != "batch" or not game.each_image:
        return None
    way_out = "set discriminator_norm = 'none'" if "none" in norms else "leave it out, or choose another net"
    return (
        "a penalty takes the gradient at each sample, but batch norm in the discriminator mixes the samples of a "
        f"batch; {way_out}"
    )


def _contradictory(game: Game) -> str | None:
    if not {0, 1} <= {penalty.slope for penalty in game.penalties}:
        return None
    return (
        "one penalty pulls the discriminator's slopes to 1, as 'gradient' and 'dragan' do, and another to 0, as 'r1' "
        "and 'r2' do; leave out one kind"
    )


def _unbounded(game: Game, norm: str, norms: Collection[str]) -> str | None:
    if game.loss.bounded or game.penalties or norm == "spectral":
        return None
    way_out = f"add a penalty, such as {'lecam' if norm == 'batch' else 'gradient'!r}"
    if "spectral" in norms:
        way_out += ", or set discriminator_norm = 'spectral'"
    return f"what the discriminator minimises has no least value, and nothing holds it back; {way_out}"


def _without_chance(game: Game) -> str | None:
    if not game.augmentation.adaptive:
        return None
    if not game.augmentation.gated:
        return "adaptive = true has no transform to make more or less frequent; name some in augment"
    if not game.loss.centred:
        return (
            "adaptive = true reads the signs of logits, but with this loss only their differences mean something; set "
            "augment_p instead"
        )
    return None
