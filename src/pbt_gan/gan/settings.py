"""Everything that can be set about the GAN task, as typed data; torch is not imported."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from pbt_gan import references
from pbt_gan.core.space import Domain
from pbt_gan.errors import ConfigError
from pbt_gan.gan.data.fit import RESOLUTIONS, Fit, Way
from pbt_gan.gan.data.pictures.fitting import colour
from pbt_gan.gan.domains import domain
from pbt_gan.gan.games.game import Game
from pbt_gan.gan.games.sense import objection
from pbt_gan.gan.games.table import compose
from pbt_gan.gan.nets.settings import NetSettings
from pbt_gan.gan.nets.table import ALL, architecture_of, find_architecture
from pbt_gan.places import placed
from pbt_gan.validation import Settings

DType = Literal["float32", "tf32", "float64", "bfloat16", "auto"]


Rung = Literal["classifier", "imagenet", "rotations", "inception"]
"""What a network was taught with: the data's labels; ImageNet; how images of the data were rotated; ImageNet, and it is
the network of the literature's scores."""

TRAINED: Collection[str] = ("classifier", "rotations")
"""Those of which there are two, trained on the data: one may select while the other judges."""


class MetricsSettings(Settings):
    """How many images of a member are measured, and what measures them."""

    samples: int = Field(1_000, ge=100, le=1_000_000)  # for the score that selects
    held_out_samples: int = Field(1_000, ge=100, le=1_000_000)  # for the metrics that judge and never select
    # Of either, at most so many where a published network looks: it takes a hundred times as long as one of ours.
    published_samples: int = Field(default=250, ge=100, le=1_000_000)
    select: Rung | Literal["auto"] = "auto"  # whose score ranks members; auto: the first that passes its examination
    judge: Rung | Literal["auto"] = "auto"  # who measures the held-out metrics
    inception: str | None = None  # the file of Inception's published weights, where it is not found by itself

    @field_validator("inception")
    @classmethod
    def _whole(cls, value: str | None) -> str | None:
        return value and str(placed(value, Path.cwd()))

    @model_validator(mode="after")
    def _two_networks(self) -> "MetricsSettings":
        if self.select == self.judge and self.select not in ("auto", *TRAINED):
            raise ValueError(
                f"select and judge are both {self.select!r}, but who selects cannot judge; give another one, or leave "
                "one of them out"
            )
        if self.inception is not None and "inception" not in (self.select, self.judge):
            raise ValueError(
                f"inception = {self.inception!r} has no effect: neither select nor judge is 'inception'; leave it out, "
                "or make one of them so"
            )
        return self


class Scalars(Settings):
    """The numbers of a member that may be evolved, with the values that hold where they are not."""

    lr_g: float = Field(2e-3, gt=0)  # Adam's rate of the generator
    lr_d: float = Field(2e-3, gt=0)  # and of the discriminator
    beta1: float = Field(0.5, ge=0, lt=1)  # of both
    beta2: float = Field(0.999, ge=0, lt=1)
    n_critic: int = Field(1, ge=1)  # discriminator updates in a step
    ema_half_life_kimg: float = Field(1.0, gt=0)  # thousand images after which old weights count half
    label_smoothing: float = Field(0.0, ge=0, le=0.5)  # share of the reals that D is to call fake
    gp_weight: float = Field(10.0, ge=0)  # λ of the gradient penalty
    dragan_weight: float = Field(10.0, ge=0)  # λ of DRAGAN's
    r1_weight: float = Field(1.0, ge=0)  # γ of the penalty on slopes at reals
    r2_weight: float = Field(1.0, ge=0)  # and at fakes
    lecam_weight: float = Field(0.3, ge=0)  # λ of LeCam's
    augment_p: float = Field(1.0, ge=0, le=1)  # the chance of each transform to happen to an image
    augment_target: float = Field(0.6, ge=-1, le=1)  # adaptive: mean sign of the logits of reals that is aimed at
    augment_kimg: float = Field(500.0, gt=0)  # adaptive: thousand reals in which the chance can go from 0 to 1
    instance_noise: float = Field(0.05, ge=0)  # standard deviation of the noise on all that the discriminator sees
    reconstruction_weight: float = Field(1.0, ge=0)  # of what the discriminator can rebuild of reals


class GanSettings(NetSettings, Scalars):
    """The arguments of the task `gan`."""

    data: str = "digits"  # or a path
    resolution: int | None = None  # pixels a side of the images, one of RESOLUTIONS; None: what suits the pictures
    fit: Way = "crop"  # what becomes of pictures that are no squares of that size
    background: str = "#ffffff"  # behind transparent pixels, and of margins; as on the web
    max_bad: int = Field(10, ge=0)  # pictures that may be unreadable: they are left out and named
    sampling_norm: Literal["running", "batch"] = "running"  # whose statistics normalise when images are made
    loss: str = "non-saturating"  # a name in GAMES, or a reference such as `my_game.py:GAME`
    penalties: tuple[str, ...] = ()  # names in PENALTIES, added to what the discriminator minimises
    penalty_interval: int = Field(1, ge=1, le=1_000)  # lazy ones act in each so-manieth step, as much stronger
    augment: str = "none"  # names in TRANSFORMS with commas between, done to all that the discriminator sees
    adaptive: bool = False  # how often they happen is found out while a member trains
    flips: bool = False  # half of the reals are shown mirrored, drawn anew each time
    conditional: bool = False  # images are made of classes that are asked for; the data must have labels
    discriminator_loss_scale: float = Field(1.0, gt=0)  # 0.5: the mean of the real and the fake half
    batch_size: int = Field(64, ge=2, le=65_536)
    ema: bool = True  # images are made by an average of the generator's weights over its last steps
    ema_rampup: float = Field(0.0, ge=0, le=1)  # the half-life is at most this share of the images so far; 0: no matter
    # Of the operands of matrix products and convolutions; all else is float32, or float64 with that. TF32 is a GPU's
    # float32 with a short mantissa in products; a CPU has none. Where layers are no products with patches, bfloat16 is
    # what lies between them too. auto: what the devices are good at, decided when a run begins.
    dtype: DType = "float32"

    @field_validator("resolution")
    @classmethod
    def _is_a_resolution(cls, value: int | None) -> int | None:
        if value not in (None, *RESOLUTIONS):
            raise ValueError(f"choose one of {', '.join(map(str, RESOLUTIONS))}")
        return value

    @field_validator("background")
    @classmethod
    def _is_a_colour(cls, value: str) -> str:
        colour(value)
        return value

    @field_validator("penalties", mode="before")
    @classmethod
    def _is_a_list(cls, value: object) -> object:
        if isinstance(value, str):
            raise ValueError(f"write a list, such as [{value!r}]")
        return value

    @field_validator("net")
    @classmethod
    def _is_an_architecture(cls, value: str) -> str:
        find_architecture(value)
        return value

    @field_validator("generator", "discriminator")
    @classmethod
    def _is_there(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None:
            try:
                references.check(value)
            except ConfigError as error:
                raise ConfigError(f"task.{info.field_name} = {value!r}: {error}") from error
        return value

    @model_validator(mode="after")
    def _makes_sense(self) -> "GanSettings":
        norms, game = architecture_of(self).norms, self.game
        own = [side for side in ("generator", "discriminator") if getattr(self, side)]
        if own and self.dtype == "bfloat16":
            raise ValueError(f"dtype = 'bfloat16' is a matter of this package's layers, but {own[0]} is your own")
        norm = self.discriminator_norm or norms[0]
        if norm not in norms:
            raise ValueError(
                f"discriminator_norm = {norm!r} is not there for net = {self.net!r}; it has {' or '.join(norms)}"
            )
        unknown = self.discriminator is not None  # whether it has a batch norm is seen when it is made
        own_net = unknown or references.is_reference(self.net)
        if reason := objection(game, "none" if unknown else norm, norms, own_net=own_net):
            raise ValueError(f"{self._played}: {reason}")
        return self

    @property
    def _played(self) -> str:
        """The game as it is set."""
        added = {"penalties": list(self.penalties), "augment": self.augment}
        standard = {"penalties": [], "augment": "none"}
        told = {"loss": self.loss, **{name: value for name, value in added.items() if value != standard[name]}}
        return ", ".join(f"{name} = {value!r}" for name, value in told.items())

    @property
    def game(self) -> Game:
        """What is played."""
        return compose(self.loss, self.penalties, self.augment, adaptive=self.adaptive)

    def resolved(self, size: int) -> Self:
        """Return the settings with everything filled in that depends on the images' size in pixels."""
        architecture = architecture_of(self)
        defaults = {**architecture.defaults(size), "discriminator_norm": architecture.norms[0]}
        return self.model_copy(update={name: value for name, value in defaults.items() if getattr(self, name) is None})

    @classmethod
    def of_data(cls) -> tuple[str, ...]:
        """Return the settings that say what becomes of the data."""
        return ("resolution", "fit", "background", "max_bad")

    @property
    def fitting(self) -> Fit:
        """How pictures become images."""
        return Fit(self.resolution, self.fit, self.background, self.max_bad)

    def idle(self) -> Mapping[str, str]:
        """Return the settings without an effect beside the others, each with the reason."""
        game, architecture = self.game, architecture_of(self)
        reads = {*game.reads, *architecture.lessons}
        reasons = {name: why.format(self=self) for name, why in WITHOUT.items() if name not in reads}
        reasons |= {name: f"net = {self.net!r} does not ask for it" for name in ALL if name not in architecture.reads}
        if self.discriminator is not None:
            reasons["discriminator_norm"] = "the discriminator is your own"
            if self.generator is not None:
                reasons |= dict.fromkeys(("net", *ALL), "generator and discriminator are your own")
        if not game.lazy:
            reasons["penalty_interval"] = "there is no penalty that may act in few steps only"
        if not self.ema:
            reasons |= dict.fromkeys(("ema_half_life_kimg", "ema_rampup"), "with ema = false no average is kept")
        return reasons

    def scalars(self) -> Mapping[str, float | int]:
        """Return the value of every scalar that has an effect with these settings."""
        idle = self.idle()
        return {name: getattr(self, name) for name in Scalars.model_fields if name not in idle}

    def space(self) -> Mapping[str, Domain]:
        """Return where each of these scalars may go when it is evolved."""
        return {name: domain(name, value) for name, value in self.scalars().items()}


WITHOUT: Mapping[str, str] = {
    "label_smoothing": "loss = {self.loss!r} has no label smoothing",
    "gp_weight": "loss = {self.loss!r} has no gradient penalty",
    "dragan_weight": "penalties has no 'dragan'",
    "r1_weight": "penalties has no 'r1'",
    "r2_weight": "penalties has no 'r2'",
    "lecam_weight": "penalties has no 'lecam'",
    "augment_p": "augment = {self.augment!r} has nothing that happens by a chance that is given",
    "augment_target": "adaptive is false",
    "augment_kimg": "adaptive is false",
    "instance_noise": "augment = {self.augment!r} has no 'noise'",
    "reconstruction_weight": "the discriminator of net = {self.net!r} rebuilds nothing",
}
"""What is told of the scalars that only some games and nets read, where they are not read."""
