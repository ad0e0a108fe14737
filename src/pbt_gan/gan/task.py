"""The task `gan`: a member is a generator and a discriminator, and its score says how good its images are."""

import logging
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pbt_gan.core.rng import stream
from pbt_gan.core.space import Domain
from pbt_gan.errors import ConfigError, DataError, TaskError
from pbt_gan.gan.choices import check_choices, choices
from pbt_gan.gan.data import Dataset, load_dataset
from pbt_gan.gan.data.classes import UNLABELLED, Classes, keep, kept
from pbt_gan.gan.data.fit import RESOLUTIONS
from pbt_gan.gan.data.gathering import examined
from pbt_gan.gan.data.telling import lines
from pbt_gan.gan.nets.table import architecture_of, stacked_on_cpu
from pbt_gan.gan.scores import judge
from pbt_gan.gan.settings import GanSettings, MetricsSettings, Scalars
from pbt_gan.interfaces import Health, Images, Problem
from pbt_gan.validation import validated

if TYPE_CHECKING:
    from pbt_gan.gan.trainer import GanTrainer

MOST_TOGETHER = 8
"""Members of a group on a CPU: more gain nothing, and four are within 5 % of them (decision 57)."""

MOST_PIXELS = 2**16
"""Of a batch, in one channel, up to which a group is faster on a CPU than one member after another."""

_log = logging.getLogger(__name__)


class GanTask(Problem):
    """Generative adversarial nets on small square images.

    Args:
        metrics: the fields of `MetricsSettings`.
        **arguments: the fields of `GanSettings`.

    Raises:
        ConfigError: an argument is unknown or wrong, or was given and has no effect beside the others.
    """

    groups = True

    def __init__(self, *, metrics: Mapping[str, Any] | None = None, **arguments: Any) -> None:
        # torch is imported in `attach` and not before: mistakes in the settings are told at once.
        self.settings = validated(GanSettings, arguments, "task")
        self.metrics = validated(MetricsSettings, metrics or {}, "metrics")
        self._prepared: Path | None = None
        self._health = Health()
        for name, reason in self.without_effect(arguments).items():
            raise ConfigError(f"task.{name} = {arguments[name]!r} has no effect: {reason}. Leave it out.")

    @classmethod
    def without_effect(
        cls, arguments: Mapping[str, Any], begun: Collection[str] = (), devices: Collection[str] = ()
    ) -> Mapping[str, str]:
        """Return the arguments that have no effect beside the others, each with the reason.

        One that is as it would be by default does no harm and is not among them: runs of earlier versions list all.
        """
        own = {name: value for name, value in arguments.items() if name != "metrics"}
        settings = validated(GanSettings, own, "task")
        reasons = {name: f"space.{name} says where it begins" for name in Scalars.model_fields if name in begun}
        if settings.dtype == "tf32" and set(devices) == {"cpu"}:
            reasons["dtype"] = "a CPU has no TF32"
        return {
            name: reason
            for name, reason in {**reasons, **settings.idle()}.items()
            if name in arguments and getattr(settings, name) != GanSettings.model_fields[name].default
        }

    @classmethod
    def on_devices(cls, arguments: Mapping[str, Any], devices: Collection[str]) -> Mapping[str, Any]:
        """Decide `dtype = "auto"`, and warn of bfloat16 where it is slow."""
        if arguments.get("dtype") not in ("auto", "bfloat16"):
            return arguments
        from pbt_gan.devices import best_dtype, check_device, multiplies_bfloat16

        if arguments["dtype"] == "auto":
            # Modules of one's own multiply in what they like, see `GanSettings`.
            halves = not any(arguments.get(side) for side in ("generator", "discriminator"))
            return {**arguments, "dtype": best_dtype([check_device(device) for device in devices], halves=halves)}
        if "cpu" in devices and not multiplies_bfloat16():
            _log.warning(
                "task.dtype = 'bfloat16': this CPU has no instructions for it (avx512_bf16), so training may take six "
                "times as long as in float32. Leave dtype out, or write 'auto'."
            )
        return arguments

    @property
    def idle(self) -> Mapping[str, str]:
        """The scalars without an effect, each with the reason."""
        return self.settings.idle()

    @cached_property
    def dataset(self) -> Dataset:
        """The real images.

        Raises:
            DataError: these are no images that can be trained on, or the nets are to know classes and they have none.
            ConfigError: a net is a module of a person's own that cannot be trained on them.
        """
        dataset = load_dataset(self.settings.data, self.settings.fitting)
        architecture_of(self.settings).check_size(dataset.images.shape[1])
        if self.settings.conditional and dataset.labels is None:
            raise DataError(
                f"task.conditional = true, but {dataset.name} has no labels that can teach: two classes or more, with "
                "ten images each on average. Leave it out, or give images in a folder for each class."
            )
        self._try_own_modules(dataset)
        return dataset

    @property
    def space(self) -> Mapping[str, Domain]:
        """Every number that has an effect with these settings, and what can be chosen beside them."""
        return {**self.settings.space(), **choices(self.settings)}

    def check_space(self, space: Mapping[str, Domain]) -> None:
        """Refuse choices that a member cannot move to, and numbers that not each of them uses."""
        check_choices(self.settings, space)

    @property
    def evolved(self) -> Sequence[str]:
        """The two learning rates."""
        return ("lr_g", "lr_d")

    @property
    def components(self) -> Mapping[str, Sequence[str]]:
        """The two nets, each with its optimiser's state, the generator with its average, the discriminator with memory.

        What a game remembers is of the discriminator's logits.
        """
        memory = ("game",) if self.settings.game.memory else ()
        return {"generator": ("g",), "discriminator": ("d", *memory)}

    def arguments(self) -> Mapping[str, Any]:
        """Return every setting that has an effect, those too that the images decide: so a run always sees the same."""
        size = self.dataset.images.shape[1]
        settings = self.settings.resolved(size)
        given = {
            **settings.model_dump(mode="json", exclude=set(self.idle), exclude_none=True),
            "metrics": self.metrics.model_dump(exclude_none=True),
        }
        return {**given, "resolution": size} if size in RESOLUTIONS else given

    def guard(self, health: Health) -> None:
        """Remember what trainers are to look at."""
        self._health = health

    def prepare(self, folder: Path) -> None:
        """Put scorers and the names of classes into the folder; where it is new, say what the images are."""
        self._tell_of_images(folder)
        new = not folder.is_dir()
        judge.prepare_scorers(self.dataset, folder, self.metrics)
        self.metrics = judge.as_chosen(self.metrics, folder)
        if new or self.settings.conditional:  # the folder of a run that began without stays as it is
            keep(folder, Classes.of(self.dataset))
        self._prepared = folder

    def classes(self, folder: Path | None) -> Classes:
        """Return the classes that the nets know; none, if they know of none.

        Args:
            folder: one that was prepared, which says them without the data; None: there is none.

        Raises:
            DataError: they stand nowhere but in the data, and it cannot be read.
            DamageError: the folder is damaged.
        """
        if not self.settings.conditional:
            return UNLABELLED
        return (None if folder is None else kept(folder)) or Classes.of(self.dataset)

    def rehearse(self, folder: Path) -> float:
        """Put scorers into the folder, stand-ins for those to be made; return the seconds that making them takes."""
        from pbt_gan.gan.scores.rehearsal import rehearse_scorers  # imports torch

        self._tell_of_images(folder)
        seconds = rehearse_scorers(self.dataset, folder, self.metrics)
        self._prepared = folder
        return seconds

    def together(self, members: int, device: str) -> int | None:
        """Return as many as `MOST_TOGETHER`, so that rounds are equally full, where a CPU trains members stacked.

        Where a step is all arithmetic nothing is saved, and one at a time takes less memory. None: a GPU's trial says.
        """
        if device != "cpu":
            return None
        size = self.dataset.images.shape[1]
        if not stacked_on_cpu(self.settings, size) or size**2 * self.settings.batch_size > MOST_PIXELS:
            return 1
        return -(-members // -(-members // MOST_TOGETHER))

    def attach(self, folder: Path, device: str) -> "GanTrainer":
        """Return a trainer with images, nets and scorers on "cpu", "cuda" or "cuda:1".

        Raises:
            ConfigError: there is no such device, or it cannot be used.
        """
        from pbt_gan.devices import check_device, use_device
        from pbt_gan.gan.trainer import GanTrainer

        settings = self.settings
        if settings.dtype == "auto":  # an object of somebody's program, which no configuration has decided about
            settings = settings.model_copy(update=self.on_devices(settings.model_dump(), [device]))
        use_device(check_device(device), tf32=settings.dtype == "tf32")
        return GanTrainer(settings, self.metrics, self.dataset, folder, device, self._health)

    def reals(self, count: int) -> Images:
        """Return images of the data, evenly spread over it and shuffled, always the same ones.

        One is drawn from each of `count` equal stretches: sorted data shows all of its classes. Where the nets know
        classes, there are as many as a preview has, and each column of their grid shows one class, as there.
        """
        if self.settings.conditional:
            return self._by_class()
        total, rng = len(self.dataset.images), stream(0, "reals")
        edges = np.linspace(0, total, min(count, total) + 1).astype(int)
        return np.asarray(self.dataset.images[rng.permutation(rng.integers(edges[:-1], edges[1:]))])

    def _by_class(self) -> Images:
        labels, rng = self.dataset.labels, stream(0, "reals")
        assert labels is not None
        columns = Classes.of(self.dataset).columns()
        places = np.empty((len(columns), len(columns)), np.int64)
        for number in dict.fromkeys(columns.tolist()):
            # Of a class with few images some come again.
            own, shown = rng.permutation(np.flatnonzero(labels == number)), places[:, columns == number]
            places[:, columns == number] = np.resize(own, shown.shape)
        return np.asarray(self.dataset.images[places.ravel()])

    def fingerprint(self) -> Mapping[str, str]:
        """Return the digests of the data and of the scorers."""
        return {"data": self.dataset.fingerprint, **judge.digests(self._folder)}

    def cards(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the cards of all metrics."""
        weights = "an average of its weights over the last steps (EMA)" if self.settings.ema else "its latest weights"
        cards = judge.cards(self.dataset, self.metrics, self._folder, conditional=self.settings.conditional)
        return {name: {**card, "generator": weights} for name, card in cards.items()}

    def _try_own_modules(self, dataset: Dataset) -> None:
        """Make nets that are modules of a person's own: what is wrong with them is told before anything takes long."""
        if self.settings.generator is not None or self.settings.discriminator is not None:
            from pbt_gan.gan.training.loop import make_step

            _, size, _, channels = dataset.images.shape
            make_step(self.settings, size, channels, classes=dataset.classes if self.settings.conditional else 0)

    def _tell_of_images(self, folder: Path) -> None:
        if not folder.is_dir():
            for line in lines(examined(self.dataset)):
                _log.info("%s", line)

    @property
    def _folder(self) -> Path:
        """The one that was prepared."""
        if self._prepared is None:
            raise TaskError("Call prepare(folder) first: what is asked for here depends on the scorers that it makes.")
        return self._prepared
