"""What a game is: what the two nets of each member minimise, and what has to be drawn and shown for it.

The modules that the tables name are imported to learn what a game reads, long before anything is trained. So they
import torch where they compute, not at their top.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from pbt_gan.gan.drawn import Declared, Drawn, uniform
from pbt_gan.gan.games import adaptive
from pbt_gan.gan.shown import Shown

if TYPE_CHECKING:
    from torch import Tensor

Hyper = Mapping[str, "Tensor"]
"""The scalars of P members by name, each [P, 1]. What a loss does not ask for here counts as not used."""

Memory = Mapping[str, "Tensor"]
"""What a game keeps of P members from update to update, by name, each [P]."""


Critic = Callable[[Shown], "Tensor"]
"""The discriminators: images to logits [P, B]."""


class Update(NamedTuple):
    """What there is to see of one update of the discriminators."""

    critic: Critic
    real: Shown
    fake: Shown
    on_real: "Tensor"  # logits [P, B], or several of each image [P, n·B]
    on_fake: "Tensor"
    drawn: Drawn  # for each image
    memory: Memory  # as earlier updates left it


@dataclass(frozen=True)
class Loss:
    """Both sides of a game, each a mean over a member's batch, [P].

    Logits are [P, B], above 0: taken for real.
    """

    critic: Callable[["Tensor", "Tensor", Hyper], "Tensor"]  # of the logits of reals and of fakes
    generator: Callable[["Tensor", "Tensor | None", Hyper], "Tensor"]  # of the logits of fakes, and of reals if `pairs`
    reads: tuple[str, ...] = ()  # the scalars that it asks for
    pairs: bool = False  # the generator's side sees reals too, drawn for it anew
    centred: bool = True  # a logit above 0 means real; else only how logits differ means something
    bounded: bool = True  # the discriminator's side has a least value


@dataclass(frozen=True)
class Penalty:
    """What the discriminator minimises besides, [P], weighted by a scalar."""

    name: str  # under which it is logged
    value: Callable[[Update], "Tensor"]
    weight: str = "gp_weight"  # the scalar
    draws: Declared = field(default_factory=dict)  # for each image of an update of the discriminator
    each_image: bool = False  # only right if the logit of an image depends on that image alone
    slope: int | None = None  # what it pulls the slopes of the discriminator to, if it does
    lazy: bool = False  # as good when it is there in few steps only, and as much stronger there
    memory: Mapping[str, float] = field(default_factory=dict)  # what it keeps of a member, with the values at birth
    remember: Callable[[Update], Memory] | None = None  # what is kept after an update


@dataclass(frozen=True)
class Transform:
    """What is done to reals and fakes alike before the discriminator sees them; differentiable, image by image."""

    apply: Callable[["Tensor", Drawn, Hyper], "Tensor"]  # images [P, B, C, H, W] to as many
    draws: Declared = field(default_factory=dict)  # for each image that is shown
    reads: tuple[str, ...] = ()  # the scalars that it asks for
    gated: bool = True  # happens to an image by chance


@dataclass(frozen=True)
class Augmentation:
    """Transforms one after another, each of which happens to an image by chance unless it says otherwise.

    How likely that is, is the scalar `augment_p`; or found out while a member trains, and remembered.
    """

    transforms: Mapping[str, Transform] = field(default_factory=dict)
    adaptive: bool = False

    def apply(self, images: "Tensor", drawn: Drawn, hyper: Hyper, memory: Memory) -> "Tensor":
        """Return images [P, B, C, H, W] as discriminators see them; `drawn`: by the names of `draws`."""
        import torch

        if self.gated:
            chance = memory["augment_p"][:, None].to(images.dtype) if self.adaptive else hyper["augment_p"]
        for name, transform in self.transforms.items():
            own = {key: drawn[f"{name}.{key}"] for key in transform.draws}
            made = transform.apply(images, own, hyper)
            if transform.gated:
                made = torch.where((drawn[f"{name}.gate"] < chance)[..., None, None, None], made, images)
            images = made
        return images

    @property
    def draws(self) -> Declared:
        """What is drawn for each image that is shown."""
        own = {f"{name}.{key}": draw for name, each in self.transforms.items() for key, draw in each.draws.items()}
        return own | {f"{name}.gate": uniform for name, each in self.transforms.items() if each.gated}

    @property
    def gated(self) -> bool:
        """Whether there is a transform that happens by chance."""
        return any(transform.gated for transform in self.transforms.values())

    @property
    def reads(self) -> tuple[str, ...]:
        """The scalars that have an effect."""
        own = [name for transform in self.transforms.values() for name in transform.reads]
        if self.adaptive:
            return (*own, *adaptive.READS)
        return (*own, *(["augment_p"] if self.gated else []))

    @property
    def memory(self) -> Mapping[str, float]:
        """What is kept of a member, with the values at birth."""
        return adaptive.AT_BIRTH if self.adaptive else {}

    @property
    def tells(self) -> tuple[str, ...]:
        """What of it is logged."""
        return ("augment_p",) if self.adaptive else ()

    def remember(self, update: Update, hyper: Hyper) -> Memory:
        """Return what is kept after an update."""
        if not self.adaptive:
            return {}
        return adaptive.remember(update.memory, update.on_real, update.real.images.shape[1], hyper)


@dataclass(frozen=True)
class Game:
    """A loss with what is added to it."""

    loss: Loss
    penalties: tuple[Penalty, ...] = ()
    augmentation: Augmentation = Augmentation()
    names: Mapping[str, str] = field(default_factory=dict)  # by which settings name what it was made of

    @property
    def reads(self) -> tuple[str, ...]:
        """The scalars that have an effect in this game, beside those of the optimisers."""
        return (*self.loss.reads, *(penalty.weight for penalty in self.penalties), *self.augmentation.reads)

    @property
    def draws(self) -> Declared:
        """What the penalties draw for each image of an update of the discriminator."""
        return {name: draw for penalty in self.penalties for name, draw in penalty.draws.items()}

    @property
    def each_image(self) -> bool:
        """Whether a logit may depend on its own image only, which batch norm in the discriminator does not grant."""
        return any(penalty.each_image for penalty in self.penalties)

    @property
    def lazy(self) -> bool:
        """Whether a penalty may be left out of most steps."""
        return any(penalty.lazy for penalty in self.penalties)

    @property
    def memory(self) -> Mapping[str, float]:
        """What is kept of a member from update to update, with the values at birth."""
        kept = {name: value for penalty in self.penalties for name, value in penalty.memory.items()}
        return kept | dict(self.augmentation.memory)

    def remember(self, update: Update, hyper: Hyper) -> Memory:
        """Return what is kept after an update."""
        kept = {
            name: value
            for penalty in self.penalties
            if penalty.remember
            for name, value in penalty.remember(update).items()
        }
        return kept | dict(self.augmentation.remember(update, hyper))
