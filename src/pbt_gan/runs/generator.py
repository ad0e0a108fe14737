"""A run's nets as modules of torch, and the generator of a run or of a file."""

from pathlib import Path
from typing import TYPE_CHECKING

from pbt_gan.config.objects import build_task, task_reference
from pbt_gan.config.settings import Config
from pbt_gan.errors import ConfigError
from pbt_gan.gan.task import GanTask
from pbt_gan.interfaces import Tree
from pbt_gan.places import expanded
from pbt_gan.runs import lone
from pbt_gan.runs.folder import holds_run, scorers
from pbt_gan.runs.pretrained import run_place
from pbt_gan.validation import validated

if TYPE_CHECKING:
    from pbt_gan.gan.portable.discriminator import Discriminator
    from pbt_gan.gan.portable.generator import Generator
    from pbt_gan.gan.portable.recipe import Recipe
    from pbt_gan.runs.result import Run

WEIGHTS = "generator"
"""What a file of weights is called in an exported folder, before its suffix."""


def load_generator(source: Path | str, member: str = "best", *, trust: bool = False) -> "Generator":
    """Return a trained generator as a module of torch, on the CPU and in evaluation mode.

    Neither the data nor the scorers of the run are needed.

    Args:
        source: a run's folder, also of one that still trains; `pretrained:NAME`, which comes with the package; or what
            `pbt-gan export` has written as safetensors, the file or its folder.
        member: of a run: `best`, `last-best`, a member's number, or `average`.
        trust: that a run may run whatever code it names, as of `Run.open`. A file never may.

    Raises:
        ConfigError: there is no such member, the task of the run is not the GAN, or this is no such file.
        RunFolderError: there is no run, it keeps no weights of that member, or a later version wrote it.
        DamageError: weights are not what was written.

    Examples:
        >>> import pbt_gan
        >>> try:
        ...     pbt_gan.load_generator("nowhere")
        ... except pbt_gan.PbtGanError as error:
        ...     print(error)
        nowhere holds no run, and is no generator that `pbt-gan export` has written as safetensors.
    """
    from pbt_gan.runs.result import Run

    path = expanded(str(run_place(source)))
    if holds_run(path):
        return Run.open(path, trust=trust).generator(member)
    file = path / f"{WEIGHTS}.safetensors" if path.is_dir() else path
    if not file.is_file():
        raise ConfigError(
            f"{source} holds no run, and is no generator that `pbt-gan export` has written as safetensors."
        )
    if member != "best":
        raise ConfigError(f"{source} holds one generator, and no member {member!r}; leave the member out.")
    from pbt_gan.gan.portable.safetensors import read

    return read(file).generator


def generator_of(run: "Run", member: str) -> "Generator":
    """Return a member's generator: the average of its weights, if one is kept."""
    from pbt_gan.gan.portable.generator import Generator
    from pbt_gan.gan.portable.recipe import of_member
    from pbt_gan.gan.training.sampler import generating

    task = gan_of(run)
    if lone.has_only(run, member):
        return lone.lone_generator(run, member)
    state = run.state(member)
    recipe = _recipe(run, task, state).of_generator()
    return Generator(recipe, *of_member(recipe.plain_nets().generator, generating(state)))


def discriminator_of(run: "Run", member: str) -> "Discriminator":
    """Return a member's discriminator."""
    from pbt_gan.gan.portable.discriminator import Discriminator
    from pbt_gan.gan.portable.recipe import of_member

    task = gan_of(run)
    state = run.state(member)
    recipe = _recipe(run, task, state)
    return Discriminator(recipe, *of_member(recipe.plain_nets().discriminator, state["d"]))


def gan_of(run: "Run") -> GanTask:
    """Return the task of a run, which needs no data for that.

    Raises:
        ConfigError: it is another one than the GAN.
        RunFolderError: to find that out would run a stranger's code.
    """
    if run.task is None:
        run.check_code()
    task = run.task or build_task(task_reference(validated(Config, run.config)))
    if not isinstance(task, GanTask):
        raise ConfigError(
            "The task of this run is not the GAN of this package, so its nets are not known. "
            "Of a ModuleTask run.parts() gives them, of any other run.export() the weights."
        )
    return task


def _recipe(run: "Run", task: GanTask, state: Tree) -> "Recipe":
    from pbt_gan.gan.nets.net import ImageShape
    from pbt_gan.gan.portable.recipe import Recipe, shape_of

    classes = task.classes(None if run.folder is None else scorers(run.folder))
    shape = shape_of(task.settings, state, len(classes))
    if shape is None:  # nets of one's own: only the images tell what they were made for
        problem = run.problem()
        assert isinstance(problem, GanTask)
        images = problem.dataset.images
        shape = ImageShape(images.shape[1], images.shape[3], len(classes))
    return Recipe.of(task.settings, shape, classes)
