"""Nets of a person's own: a class or a function that makes a module, called and tried before anything is trained."""

import inspect
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pbt_gan import references
from pbt_gan.core.rng import stream
from pbt_gan.errors import ConfigError, PbtGanError, one_line, own_place
from pbt_gan.gan.nets.modules import LABELS, ModuleNet, Side
from pbt_gan.gan.nets.net import ImageShape, Net, Pair
from pbt_gan.gan.nets.settings import NetSettings
from pbt_gan.randomness import seeded

_FEW = 4
"""Images with which a net is tried."""


def with_own(settings: NetSettings, shape: ImageShape, pair: Pair | None) -> Pair:
    """Return the nets of settings that name a person's own.

    Args:
        settings: resolved.
        shape: of the images.
        pair: of the table, from which the other one is taken if only one is their own.

    Raises:
        ConfigError: as of `own_net`; or a width is set that neither of them takes.
    """

    def net(side: Side, reference: str | None) -> Net:
        if reference is not None:
            return own_net(side, reference, shape, settings.z_size, settings.width)
        assert pair is not None
        other: Net = getattr(pair, side)
        return other

    made = Pair(net("generator", settings.generator), net("discriminator", settings.discriminator))
    own = [reference for reference in (settings.generator, settings.discriminator) if reference is not None]
    if pair is None and settings.width is not None and not any(map(_takes_width, own)):
        raise ConfigError(f"task.width = {settings.width} has no effect: neither net of yours takes it. Leave it out.")
    return made


@cache
def own_net(side: Side, reference: str, shape: ImageShape, z_size: int, width: int | None) -> ModuleNet:
    """Return a net whose module a reference such as `my_nets.py:Generator` makes.

    Args:
        side: which of the two it is to be.
        reference: to a class or a function, which is called with those of size, channels, z_size, classes and width
            that it takes.
        shape: of the images.
        z_size: latent numbers an image.
        width: as it is set; None: it is not.

    Raises:
        ConfigError: it is no such module, or fails, or its output is not of the right shape, or is random.
    """
    where = f"task.{side} = {reference!r}"
    given = {**shape._asdict(), "z_size": z_size, **({} if width is None else {"width": width})}
    factory = _explained(where, partial(references.load, reference))
    make = partial(_made, where, factory, _arguments(where, factory, given))
    rng = stream(0, "example")
    pixels = (_FEW, shape.channels, shape.size, shape.size)
    example = torch.from_numpy(rng.standard_normal((_FEW, z_size) if side == "generator" else pixels)).float()
    with seeded(rng):
        net = ModuleNet(where, side, make, example, conditional=shape.classes > 0)
        _check_labels(where, net.module, shape.classes)
        if not net.layout.size:
            raise ConfigError(f"{where} has no parameters to be trained. Does it keep its layers in a plain list?")
        _check_calls(net, side, where, pixels)
    return net


def _takes_width(reference: str) -> bool:
    return "width" in inspect.signature(references.load(reference)).parameters


def _arguments(where: str, factory: Callable[..., Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return those that it takes."""
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where} is no class and no function: {one_line(error)}.") from error
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    for name, parameter in parameters.items():
        if name not in given and parameter.default is parameter.empty and parameter.kind not in variable:
            hint = "Set task.width." if name == "width" else f"It can be given {', '.join(given)}."
            raise ConfigError(f"{where} needs {name!r}, which nobody knows. {hint} Give the others a default.")
    return {name: value for name, value in given.items() if name in parameters}


def _made(where: str, factory: Callable[..., Any], arguments: Mapping[str, Any]) -> nn.Module:
    module = _explained(where, partial(factory, **arguments))
    if not isinstance(module, nn.Module):
        raise ConfigError(f"{where} makes a {type(module).__name__}; it must be, or return, a torch.nn.Module.")
    if any(hasattr(parameter, "materialize") for parameter in module.parameters()):
        raise ConfigError(f"{where} has lazy layers, which have no weights yet. Say how many channels come in.")
    return module


def _check_labels(where: str, module: nn.Module, classes: int) -> None:
    """Hold `forward` to taking labels where there are some."""
    parameters = inspect.signature(module.forward).parameters
    if classes and LABELS not in parameters:
        raise ConfigError(
            f"{where}: task.conditional is true, but its forward has no {LABELS!r}. Write forward(self, x, {LABELS}); "
            "they are int64[B]. Or leave conditional out."
        )
    if not classes and LABELS in parameters and parameters[LABELS].default is inspect.Parameter.empty:
        raise ConfigError(
            f"{where}: its forward needs {LABELS!r}; set task.conditional = true, or give them a default."
        )


def _check_calls(net: ModuleNet, side: Side, where: str, pixels: tuple[int, ...]) -> None:
    """Call a net as it will be called."""
    for training in (True, False):
        first, other = (_explained(where, partial(_tried, net, training=training)) for _ in range(2))
        made = first.made
        if not isinstance(made, Tensor):
            raise ConfigError(f"{where}: its forward returns a {type(made).__name__}; it must return one tensor.")
        if first.changes_input:
            raise ConfigError(f"{where} changes its input in place, which others see too; take inplace=True out there.")
        if side == "generator" and made.shape != pixels:
            raise ConfigError(
                f"{where} makes {list(made.shape)} of latents {list(net.examples[0].shape)}, but images are "
                f"{list(pixels)}: [B, C, H, W], in -1 … 1. Its class or function may take size and channels."
            )
        if side == "discriminator" and (made.numel() != _FEW or len(made) != _FEW):
            raise ConfigError(
                f"{where} makes {list(made.shape)} of images {list(pixels)}; return one logit an image, [B] or [B, 1]."
            )
        if first.draws or not torch.allclose(made, other.made, equal_nan=True):
            layers = sorted({type(part).__name__ for part in net.module.modules() if "Dropout" in type(part).__name__})
            what = f"it has {', '.join(layers)}" if layers else "something in its forward is drawn"
            raise ConfigError(
                f"{where} depends on global random numbers ({what}), which cannot be drawn for each member apart. "
                "Take that out, or make it of the latents; or train by a ModuleTask, where such draws are seeded."
            )


class _Tried(NamedTuple):
    """What came of a call."""

    made: Any
    draws: bool  # from torch's global generator
    changes_input: bool


def _tried(net: ModuleNet, *, training: bool) -> _Tried:
    net.module.train(training)
    inputs = [part.clone() for part in net.examples]
    before = torch.get_rng_state()
    with torch.no_grad():
        made, _ = net.called(net.own(), *inputs)
    return _Tried(
        made,
        draws=not torch.equal(before, torch.get_rng_state()),
        changes_input=not all(map(torch.equal, inputs, net.examples)),
    )


def _explained(where: str, call: Callable[[], Any]) -> Any:
    """Tell what a person's own code has raised by its line."""
    try:
        return call()
    except PbtGanError:
        raise
    except Exception as error:
        mend = f" Mend {place}." if (place := own_place(error)) else ""
        raise ConfigError(f"{where} fails: {one_line(error)}.{mend}") from error
