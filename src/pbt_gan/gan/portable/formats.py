"""The formats in which a generator leaves the house. A new one is a line here."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pbt_gan.validation import unknown

if TYPE_CHECKING:
    from pbt_gan.gan.portable.generator import Generator


class Format(NamedTuple):
    """How a generator is written."""

    suffix: str
    needs: str  # to read it
    encode: Callable[["Generator", Mapping[str, Any]], bytes]  # of a generator and its card
    loader: str  # a program that reads it; `WEIGHTS` stands for the file's name
    use: str  # how that is called


def _safetensors(generator: "Generator", card: Mapping[str, Any]) -> bytes:
    from pbt_gan.gan.portable.safetensors import encode

    return encode(generator, card)


def _torch_export(generator: "Generator", card: Mapping[str, Any]) -> bytes:
    from pbt_gan.gan.portable.programs import torch_program

    return torch_program(generator)


def _onnx(generator: "Generator", card: Mapping[str, Any]) -> bytes:
    from pbt_gan.gan.portable.programs import onnx_program

    return onnx_program(generator)


_LAYERS = '''\
"""Loads a generator: images [N, C, H, W] in -1 … 1 are load()(latents [N, Z]). It needs torch alone."""
import collections, json, math, pathlib, torch

def load(path=pathlib.Path(__file__).with_name(WEIGHTS)):
    data = bytearray(pathlib.Path(path).read_bytes())
    start = 8 + int.from_bytes(data[:8], "little")
    parts = json.loads(data[8:start])
    layers = json.loads(parts.pop("__metadata__")["layers"])
    layers = collections.OrderedDict((name, getattr(torch.nn, kind)(**how)) for name, kind, how in layers)
    net = torch.nn.Sequential(layers)
    types = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64}
    tensor = lambda dtype, shape, data_offsets: torch.frombuffer(
        data, dtype=types[dtype], count=math.prod(shape), offset=start + data_offsets[0]).view(shape)
    net.load_state_dict({name: tensor(**part) for name, part in parts.items() if name in net.state_dict()})
    return net.eval()
'''

_PROGRAM = '''\
"""Loads a generator: images [N, C, H, W] in -1 … 1 are load()(INPUTS). It needs torch alone."""
import pathlib, torch

def load(path=pathlib.Path(__file__).with_name(WEIGHTS)):
    try:
        return torch.export.load(path).module()
    except Exception as error:
        raise RuntimeError(f"{path} was written by torch VERSION, and this is {torch.__version__}: {error}") from error
'''

_ONNX = '''\
"""Loads a generator: images [N, C, H, W] in -1 … 1 are load()(INPUTS). It needs onnxruntime and numpy."""
import pathlib, numpy, onnxruntime

def load(path=pathlib.Path(__file__).with_name(WEIGHTS)):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda ARGUMENTS: session.run(["images"], {"z": numpy.asarray(latents, TYPE)FEED})[0]
'''

_IN_TORCH = """\
with torch.no_grad():
    images = load()(torch.randn(64, LATENT)TORCH_CLASSES)  # [64, CHANNELS, SIZE, SIZE] in -1 … 1
pixels = (127.5 * images + 128).clamp(0, 255).byte().permute(0, 2, 3, 1)  # as pictures, [64, SIZE, SIZE, CHANNELS]
"""

_IN_NUMPY = """\
images = load()(numpy.random.standard_normal((64, LATENT))NUMPY_CLASSES)  # [64, CHANNELS, SIZE, SIZE] in -1 … 1
pixels = (127.5 * images + 128).clip(0, 255).astype("uint8").transpose(0, 2, 3, 1)  # as pictures
"""

FORMATS: Mapping[str, Format] = {
    "safetensors": Format(".safetensors", "torch", _safetensors, _LAYERS, f"import torch\n{_IN_TORCH}"),
    "torch-export": Format(".pt2", "torch", _torch_export, _PROGRAM, f"import torch\n{_IN_TORCH}"),
    "onnx": Format(".onnx", "onnxruntime and numpy", _onnx, _ONNX, f"import numpy\n{_IN_NUMPY}"),
}
"""By the name that `--format` takes."""


def find_format(name: str) -> Format:
    """Return a format of the table.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in FORMATS:
        raise unknown("--format", name, FORMATS)
    return FORMATS[name]


def loader(name: str, generator: "Generator", weights: str) -> str | None:
    """Return the program that loads a generator from the file `weights` beside it.

    None: there is none, for a net that is no sequence of layers, of which safetensors hold no more than the tensors.
    """
    import torch

    from pbt_gan.gan.portable.safetensors import written_down

    if name == "safetensors" and written_down(generator.recipe) is None:
        return None
    dtype = str(next(generator.parameters()).dtype).removeprefix("torch.")
    conditional = generator.num_classes > 0
    words = {
        "VERSION": torch.__version__,
        "TYPE": f"numpy.{dtype}",
        "INPUTS": "latents [N, Z], labels [N]" if conditional else "latents [N, Z]",
        "ARGUMENTS": "latents, labels" if conditional else "latents",
        "FEED": ', "labels": numpy.asarray(labels, numpy.int64)' if conditional else "",
        "WEIGHTS": repr(weights),  # last: nothing is looked for in a name that somebody has given
    }
    return _filled(find_format(name).loader, words)


def use(name: str, generator: "Generator") -> str:
    """Return the lines of a program that has imported `load` from the loader."""
    in_turn = {library: f", {library}.arange(64) % {generator.num_classes}" for library in ("torch", "numpy")}
    words = {
        "LATENT": generator.latent_dim,
        "TORCH_CLASSES": in_turn["torch"] if generator.num_classes else "",
        "NUMPY_CLASSES": in_turn["numpy"] if generator.num_classes else "",
        "CHANNELS": generator.channels,
        "SIZE": generator.resolution,
    }
    return _filled(find_format(name).use, words)


def _filled(text: str, words: Mapping[str, object]) -> str:
    for word, meant in words.items():
        text = text.replace(word, str(meant))
    return text
