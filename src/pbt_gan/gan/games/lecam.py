"""The penalty on reals that are answered better than fakes were of late, and on fakes worse than reals were.

It keeps a discriminator from becoming ever surer of a few images. A member remembers the averages of its logits.

Source: Tseng et al. 2021, arXiv:2104.03310, eq. 5; the decay is theirs. As in the authors' code (google/lecam-gan),
differences of the right sign only are penalised, and the averages, which begin at 0, are divided by the sum of their
weights, as is done there for StyleGAN2. So they are right from the first update, and no start has to be waited for.
"""

from typing import TYPE_CHECKING

from pbt_gan.gan.games.game import Memory, Penalty, Update

if TYPE_CHECKING:
    from torch import Tensor

DECAY = 0.99
"""Of the averages, an update of the discriminator."""


def lecam(update: Update) -> "Tensor":
    """Compute E relu(D(x) - α_F)² + E relu(α_R - D(G(z)))², [P], without the weight.

    α_R and α_F are the averages of the logits of reals and of fakes, this update's among them.
    """
    latest = remember(update)
    of_real, of_fake = (
        (latest[name] / latest["lecam_filled"]).to(update.on_real.dtype)[:, None]
        for name in ("lecam_real", "lecam_fake")
    )
    return ((update.on_real - of_fake).relu().square() + (of_real - update.on_fake).relu().square()).mean(1)


def remember(update: Update) -> Memory:
    """Return the averages with this update, and the sum of their weights."""
    latest = {"lecam_real": update.on_real.detach().mean(1), "lecam_fake": update.on_fake.detach().mean(1)}
    kept = {name: DECAY * update.memory[name] + (1 - DECAY) * value for name, value in latest.items()}
    return kept | {"lecam_filled": DECAY * update.memory["lecam_filled"] + (1 - DECAY)}


PENALTY = Penalty(
    "lecam",
    lecam,
    weight="lecam_weight",
    memory={"lecam_real": 0.0, "lecam_fake": 0.0, "lecam_filled": 0.0},
    remember=remember,
)
