"""The task `gan` made ready on one device: members are trained, measured and shown."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator as Random

from pbt_gan.core.population import Hyperparams
from pbt_gan.core.rng import stream
from pbt_gan.errors import TaskError
from pbt_gan.gan.data import Dataset
from pbt_gan.gan.data.classes import UNLABELLED, Classes
from pbt_gan.gan.data.source import source_of
from pbt_gan.gan.nets.net import ImageShape
from pbt_gan.gan.portable.recipe import Recipe, of_member
from pbt_gan.gan.scores.judge import Judge
from pbt_gan.gan.settings import GanSettings, MetricsSettings
from pbt_gan.gan.training.loop import Loop, dtype_of, make_step
from pbt_gan.gan.training.sampler import Sampler, fresh, generating, in_batches
from pbt_gan.gan.training.stacking import placed
from pbt_gan.interfaces import GroupTrainer, Health, Images, Streams, Training, Tree

PREVIEW_IMAGES = 64


class GanTrainer(GroupTrainer):
    """Trains, measures and shows members.

    Args:
        settings: of the task.
        metrics: of its scores.
        dataset: the real images.
        folder: holds the scorers that were made for them.
        device: where everything lies.
        health: what is looked at while members train; None: the usual.
    """

    def __init__(
        self,
        settings: GanSettings,
        metrics: MetricsSettings,
        dataset: Dataset,
        folder: Path,
        device: str,
        health: Health | None = None,
    ) -> None:
        self._settings = settings
        self._size, self._channels = dataset.images.shape[1], dataset.images.shape[3]
        self._device = device
        self._classes = Classes.of(dataset) if settings.conditional else UNLABELLED
        self._step = make_step(settings, self._size, self._channels, device, len(self._classes))
        images = source_of(dataset.images, device, dtype_of(settings))
        labels = dataset.labels if settings.conditional else None
        self._loop = Loop(settings, self._step, images, device, labels, len(self._classes), health)
        running = settings.sampling_norm == "running"
        self._sampler = Sampler(self._step.generator, settings.z_size, self._classes, running=running, device=device)
        self._judge = Judge(dataset, metrics, folder, device, self._classes)

    def init(self, rng: Random) -> Tree:
        """Return two nets with random weights."""
        return self._loop.init(rng)

    def train_group(
        self, states: Sequence[Tree], hyperparams: Sequence[Hyperparams], steps: int, streams: Sequence[Streams]
    ) -> Sequence[Training]:
        """Train in place; `images` counts the real images of all discriminator updates."""
        return self._loop.train(states, hyperparams, steps, streams)

    def score_group(self, states: Sequence[Tree], rng: Random) -> Sequence[Mapping[str, float]]:
        """Measure images of the generators; all is nan for a member that has diverged."""
        return self._judge.measure(lambda count, latents: self._sampler.images(states, count, latents), rng)

    def preview(self, state: Tree, rng: Random) -> Images:
        """Return a fixed number of images; a member that has diverged shows grey.

        Where the nets know classes, the images make a square grid with a class in each column, and what a column shows
        of its class comes from the same latents in all of them.
        """
        if not len(self._classes):
            return self._sampler.show(state, PREVIEW_IMAGES, rng)
        columns = self._classes.columns()
        side, each = len(columns), int((columns == columns[0]).sum())
        z = fresh(side * each, self._settings.z_size, rng).reshape(-1, self._settings.z_size)[: side * each]
        latents = np.tile(z.reshape(side, each, -1), (1, side // each, 1)).reshape(side * side, -1)
        shown = self._sampler.draw(state, in_batches(latents), in_batches(np.tile(columns, side)))
        return shown[: side * side]

    def sample(self, state: Tree, count: int, rng: Random) -> Images:
        """Return images from fresh latents, of all classes in turn if the nets know any."""
        return self._sampler.show(state, count, rng)

    def adopt(self, state: Tree) -> Tree:
        """Return the state of a member of these very nets, on this trainer's device.

        Raises:
            TaskError: it is of other nets, or of other settings.
        """
        own, other = _shapes(self.init(stream(0, "shapes"))), _shapes(state)
        for place in sorted({*own, *other}):
            if own.get(place) != other.get(place):
                raise TaskError(
                    f"A state to be trained on has {other.get(place, 'nothing')} in {place}, but these settings need "
                    f"{own.get(place, 'nothing')} there; give the settings of the net that it comes from."
                )
        return placed(state, self._device)

    def export(self, state: Tree) -> Tree:
        """Return the generator that images are made with, its parameters and buffers by name, and how to make it.

        The settings under `net` and the shape of the images are what `pbt_gan.gan.nets.table.make_nets` takes; the
        names are those of the classes, by number.
        """
        params, buffers = of_member(self._step.generator, generating(state))
        shape = ImageShape(self._size, self._channels, len(self._classes))
        recipe = Recipe.of(self._settings, shape, self._classes)
        return {
            "net": recipe.net.model_dump(),
            "images": shape._asdict(),
            "class_names": [self._classes.name(number) for number in range(shape.classes)],
            "sampling_norm": recipe.sampling_norm,
            "params": params,
            "buffers": buffers,
        }

    def weights_of(self, state: Tree) -> Tree:
        """Return both nets, and the average of the generator if one is kept, without the moments of Adam."""
        return {
            side: {name: part for name, part in net.items() if name in ("params", "statistics", "average")}
            for side, net in state.items()
        }


def _shapes(tree: Any, place: str = "") -> dict[str, Any]:
    """Return the shape of each tensor of a tree, by its place."""
    if not isinstance(tree, Mapping):
        return {place: tuple(getattr(tree, "shape", ())) if hasattr(tree, "shape") else type(tree).__name__}
    return {
        name: shape
        for key, part in tree.items()
        for name, shape in _shapes(part, f"{place}.{key}" if place else str(key)).items()
    }
