"""The task `gan`: a member is a generator and a discriminator, and its score says how good its images are."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.random import Generator as Random

from pbt_gan.core.population import Hyperparams
from pbt_gan.core.space import Domain
from pbt_gan.gan.data import Dataset, load_dataset
from pbt_gan.gan.nets.sizes import halvings
from pbt_gan.gan.scores import judge
from pbt_gan.gan.settings import GanSettings, MetricsSettings
from pbt_gan.interfaces import GroupTask, Images, Streams, Training, Tree
from pbt_gan.validation import validated

if TYPE_CHECKING:
    from pbt_gan.gan.training.sampler import Sampler
    from pbt_gan.gan.training.trainer import Trainer

PREVIEW_IMAGES = 64


class GanTask(GroupTask):
    """Generative adversarial nets on small square images.

    Args:
        metrics: the fields of `MetricsSettings`.
        **arguments: the fields of `GanSettings`.

    Raises:
        ConfigError: an argument is unknown or wrong.
    """

    _prepared: Path  # set by `prepare`
    _trainer: "Trainer"  # set by `attach`
    _sampler: "Sampler"
    _judge: judge.Judge

    def __init__(self, *, metrics: Mapping[str, Any] | None = None, **arguments: Any) -> None:
        # torch is imported in `attach` and not before: mistakes in the settings are told at once.
        self.settings = validated(GanSettings, arguments, "task")
        self.metrics = validated(MetricsSettings, metrics or {}, "metrics")

    @cached_property
    def dataset(self) -> Dataset:
        """The real images.

        Raises:
            DataError: these are no images that can be trained on.
        """
        dataset = load_dataset(self.settings.data)
        halvings(dataset.images.shape[1])
        return dataset

    @property
    def space(self) -> Mapping[str, Domain]:
        """Every scalar that has an effect with these settings."""
        return self.settings.space()

    @property
    def evolved(self) -> Sequence[str]:
        """The two learning rates."""
        return ("lr_g", "lr_d")

    def arguments(self) -> Mapping[str, Any]:
        """Return every setting, those too that the size of the images decides."""
        size = self.dataset.images.shape[1]
        return {**self.settings.resolved(size).model_dump(), "metrics": self.metrics.model_dump()}

    def prepare(self, folder: Path) -> None:
        """Put the scorers for the images into the folder."""
        judge.prepare_scorers(self.dataset, folder)
        self._prepared = folder

    def attach(self, folder: Path, device: str) -> "GanTask":
        """Put images, nets and scorers onto "cpu", "cuda" or "cuda:1".

        Raises:
            ConfigError: there is no such device, or it cannot be used.
        """
        from pbt_gan.devices import check_device, use_device
        from pbt_gan.gan.training.sampler import Sampler
        from pbt_gan.gan.training.trainer import Trainer

        use_device(check_device(device), tf32=self.settings.dtype == "tf32")
        self._trainer = Trainer(self.settings, self.dataset.images, device)
        running = self.settings.sampling_norm == "running"
        self._sampler = Sampler(self._trainer.step.generator, running=running, device=device)
        self._judge = judge.Judge(self.dataset, self.metrics, folder, device)
        return self

    def init(self, rng: Random) -> Tree:
        """Return two nets with random weights."""
        return self._trainer.init(rng)

    def train_group(
        self, states: Sequence[Tree], hyperparams: Sequence[Hyperparams], steps: int, streams: Sequence[Streams]
    ) -> Sequence[Training]:
        """Train in place; `images` counts the real images of all discriminator updates."""
        return self._trainer.train(states, hyperparams, steps, streams)

    def score_group(self, states: Sequence[Tree], rng: Random) -> Sequence[Mapping[str, float]]:
        """Measure images of the generators; all is nan for a member that has diverged."""
        return self._judge.measure(lambda count, latents: self._sampler.images(states, count, latents), rng)

    def preview(self, state: Tree, rng: Random) -> Images:
        """Return a fixed number of images; a member that has diverged shows grey."""
        return self._sampler.show(state, PREVIEW_IMAGES, rng)

    def sample(self, state: Tree, count: int, rng: Random) -> Images:
        """Return images from fresh latents."""
        return self._sampler.show(state, count, rng)

    def reals(self, count: int) -> Images:
        """Return the first images of the data."""
        return self.dataset.images[:count]

    def fingerprint(self) -> Mapping[str, str]:
        """Return the digests of the data and of the scorers."""
        return {"data": self.dataset.fingerprint, **judge.digests(self._prepared)}

    def cards(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the cards of all metrics."""
        weights = "an average of its weights over the last steps (EMA)" if self.settings.ema else "its latest weights"
        cards = judge.cards(self.dataset, self.metrics, self._prepared)
        return {name: {**card, "generator": weights} for name, card in cards.items()}
