"""The penalties on any slope at reals, R1, and at fakes, R2: where both are alike, the discriminator is to be flat.

Source: Mescheder et al. 2018, arXiv:1801.04406, eq. 9 and 10. That they may be left out of most steps where they are
as much stronger in the others: Karras et al. 2020, arXiv:1912.04958, appendix B. There a penalty has steps of its own,
whose momentum has to be mended; here it joins a step that is taken anyway, and nothing has to be.
"""

from typing import TYPE_CHECKING

from pbt_gan.gan.games.game import Penalty, Update
from pbt_gan.gan.games.slopes import squared_slopes

if TYPE_CHECKING:
    from torch import Tensor


def r1(update: Update) -> "Tensor":
    """Compute half the mean squared slope at reals, [P], without the weight γ."""
    return squared_slopes(update.critic, update.real).mean(1) / 2


def r2(update: Update) -> "Tensor":
    """Compute half the mean squared slope at fakes, [P], without the weight γ."""
    return squared_slopes(update.critic, update.fake).mean(1) / 2


R1 = Penalty("r1", r1, weight="r1_weight", each_image=True, lazy=True, slope=0)
R2 = Penalty("r2", r2, weight="r2_weight", each_image=True, lazy=True, slope=0)
