"""A generator as a program that needs none of this package: of `torch.export`, or of ONNX.

Both take latents [N, latent_dim] of any N, and labels int64[N] if the net knows classes, and return images [N, C, H, W]
in -1 … 1. A label that is none of them is not noticed there. TorchScript is not among them: torch has deprecated it.
"""

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import torch

from pbt_gan.errors import ConfigError, one_line
from pbt_gan.gan.portable.generator import Generator


def torch_program(generator: Generator) -> bytes:
    """Return the content of a `.pt2` file, which holds no pickle.

    Raises:
        ConfigError: torch cannot export this net.
    """
    program = _exported(generator)
    program.example_inputs = None  # else they would lie in the file, as a pickle
    buffer = io.BytesIO()
    with _quiet():
        torch.export.save(program, buffer)
    return buffer.getvalue()


def onnx_program(generator: Generator) -> bytes:
    """Return the content of an `.onnx` file.

    Its inputs are called `z` and, if there are classes, `labels`; its output is called `images`.

    Raises:
        ConfigError: torch cannot export this net, or the packages are missing that torch needs for it.
    """
    missing = [name for name in ("onnx", "onnxscript") if find_spec(name) is None]
    if missing:
        raise ConfigError(f"onnx needs {' and '.join(missing)}: pip install 'pbt-gan[onnx]'.")
    program = _exported(generator)
    with _quiet(), _explained("onnx"):
        names = ["z", "labels"] if generator.num_classes else ["z"]
        made = torch.onnx.export(program, input_names=names, output_names=["images"], dynamo=True, verbose=False)
        assert made is not None  # it is asked for no file
        data: bytes = made.model_proto.SerializeToString()
        return data


def _exported(generator: Generator) -> torch.export.ExportedProgram:
    # Two at the least: torch takes a size of 0 or 1 for one that never changes.
    z = torch.zeros(2, generator.latent_dim).to(next(generator.parameters()))
    labels = torch.zeros(2, dtype=torch.int64, device=z.device)
    inputs = (z, labels) if generator.num_classes else (z,)
    batch = torch.export.Dim("batch")
    with _quiet(), _explained("torch-export"):
        return torch.export.export(generator, inputs, dynamic_shapes=tuple({0: batch} for _ in inputs))


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Tell what torch says of a net that it cannot export: one of a person's own may do anything."""
    try:
        yield
    except Exception as error:
        raise ConfigError(
            f"torch cannot write this net as {name}: {one_line(error)[:200]}. Safetensors takes every net."
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to itself what torch's exporters say of packages that are not there, and of their own future."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
