"""A generator as a safetensors file: its tensors, and beside them as texts its card and its layers.

Any safetensors reader finds the tensors. Of an architecture that can be written down as layers of `torch.nn`, the file
is the state of that `Sequential`, under torch's names.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pbt_gan import codec, files, references
from pbt_gan.errors import ConfigError, DamageError, PbtGanError, RunFolderError, one_line
from pbt_gan.gan.nets.sequential import Sequential
from pbt_gan.gan.nets.table import architecture_of
from pbt_gan.gan.portable.generator import Generator
from pbt_gan.gan.portable.recipe import Recipe, check_fit
from pbt_gan.validation import validated

FORMAT = 2
"""Of the card, as far as a generator is made from it. The first one knew of no classes."""

MOST_BYTES = 2**32
"""Of a file that is read: a generator of 4 GiB is none of ours."""

Card = Mapping[str, Any]


class Loaded(NamedTuple):
    """What a file holds."""

    generator: Generator
    card: Card


def encode(generator: Generator, card: Card) -> bytes:
    """Return the content of a generator's file."""
    written = written_down(generator.recipe)
    names = written.names if written else {}
    tensors = {names.get(name, name): tensor for name, tensor in generator.state_dict().items()}
    texts = {"format": "pt", "card": json.dumps({**card, **recipe_card(generator), "weights_sha256": _digest(tensors)})}
    if written:
        texts["layers"] = json.dumps(written.layers)
    return codec.encode_tensors(tensors, texts)


def written_down(recipe: Recipe) -> Sequential | None:
    """Return the generator as layers of `torch.nn`, one after another; None: it is more than that."""
    sequential = architecture_of(recipe.net).sequential
    if sequential is None or len(recipe.classes):
        return None
    running = recipe.sampling_norm == "running"
    written: Sequential | None = references.load(sequential)(recipe.plain_nets().generator, running=running)
    return written


def recipe_card(generator: Generator) -> dict[str, Any]:
    """Return the part of a card that a generator is made from again, and what a program asks of it.

    Of a person's own code its file is named, and not where that lies.
    """
    recipe = generator.recipe
    own = {name: Path(place).name for name, place in recipe.net if place in recipe.net.own}
    return {
        "format": FORMAT,
        "latent_dim": generator.latent_dim,
        "num_classes": generator.num_classes,
        **recipe.model_dump(),
        "net": {**recipe.net.model_dump(), **own},
    }


def read(path: Path) -> Loaded:
    """Return the generator of a file, on the CPU.

    Raises:
        ConfigError: it is no such file; or its net is a person's own, whose code a file does not get to run.
        RunFolderError: a later version wrote it.
        DamageError: it is not what was written.
    """
    data = _bytes(path)
    try:
        tensors, texts = codec.decode_tensors(data)
    except DamageError as error:
        raise DamageError(f"{path}: {error}") from error
    card = _card(path, texts)
    recipe = _recipe(path, card)
    if recipe.net.own:
        raise ConfigError(
            f"{path} holds a net of somebody's own, {recipe.net.own[0]}, whose code is not run since a file names it. "
            "Load it from its run, or export it as torch-export or onnx, which need no code."
        )
    if card.get("weights_sha256") != _digest(tensors):
        raise DamageError(f"{path} is damaged: its weights are not those that were written. Export it again.")
    try:
        net, written = recipe.plain_nets().generator, written_down(recipe)
    except PbtGanError as error:
        raise _unclear(path, error) from error
    own = {there: name for name, there in (written.names if written else {}).items()}
    named = {own.get(name, name): tensor for name, tensor in tensors.items()}
    buffers = {name: tensor for name, tensor in named.items() if name in net.buffers.shapes}
    params = {name: tensor for name, tensor in named.items() if name not in buffers}
    check_fit(net, params, buffers, str(path))
    dtypes = {tensor.dtype for tensor in tensors.values()}
    if len(dtypes) > 1 or not next(iter(dtypes)).is_floating_point:
        raise DamageError(f"{path}: its weights are not all of one floating-point type. Export it again.")
    if dtypes == {torch.float16}:  # stored so to be half as large; nobody computes better with it
        params, buffers = ({name: tensor.float() for name, tensor in part.items()} for part in (params, buffers))
    return Loaded(Generator(recipe, params, buffers), card)


def _bytes(path: Path) -> bytes:
    try:
        return files.content(path, MOST_BYTES)
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error.strerror or error}. Check the path.") from error


def _card(path: Path, texts: Mapping[str, str]) -> Card:
    try:
        card = json.loads(texts["card"])
        if not isinstance(card["format"], int):
            raise TypeError
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise ConfigError(
            f"{path} holds tensors, but no generator that `pbt-gan export` has written: it has no card."
        ) from error
    if card["format"] > FORMAT:
        raise RunFolderError(f"{path} was written by a later pbt-gan ({card.get('pbt_gan', '?')}); use that one.")
    return dict(card)


def _recipe(path: Path, card: Card) -> Recipe:
    try:
        return validated(Recipe, {name: card[name] for name in Recipe.model_fields if name in card})
    except ConfigError as error:
        raise _unclear(path, error) from error


def _unclear(path: Path, error: Exception) -> DamageError:
    return DamageError(f"{path}: its card does not say how its net is made ({one_line(error)}). Export it again.")


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the sha256 over the names and bytes of tensors, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(codec.encode_tensors({name: tensors[name]}, {}))
    return digest.hexdigest()
