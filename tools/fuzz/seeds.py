"""Small inputs as each loader was made for: what is mutated begins with them."""

import functools
import io
import json
import re
import struct
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from pbt_gan import codec
from pbt_gan.config.settings import Config
from pbt_gan.config.source import preset_text, presets
from pbt_gan.core.lineage import History
from pbt_gan.core.rng import stream
from pbt_gan.gan.nets.settings import NetSettings
from pbt_gan.gan.portable import safetensors
from pbt_gan.gan.portable.generator import Generator
from pbt_gan.gan.portable.recipe import Recipe
from pbt_gan.runs.launch import start
from pbt_gan.runs.project import Project
from pbt_gan.runs.result import Run
from pbt_gan.validation import validated

Seeds = Sequence[bytes]

_SIZE = {"population_size": 2, "total_steps": 4, "ready_interval": 2}
_CONFIG = {"task": "quadratic", "pbt": _SIZE, "executor": "serial"}


@functools.cache
def _journal() -> bytes:
    with tempfile.TemporaryDirectory() as name:
        start(Project(validated(Config, _CONFIG)), Path(name) / "run")  # without pictures
        return (Path(name) / "run" / "journal.jsonl").read_bytes()


@functools.cache
def history() -> History:
    """Return that of a small run."""
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "journal.jsonl").write_bytes(_journal())
        return Run.open(name).history


def journals() -> Seeds:
    """Return journals as they lie in runs."""
    return [_journal(), _journal()[:-40]]


def runs() -> Seeds:
    """Return journals without their checksums."""
    plain = re.sub(rb',"crc32":"\w{8}"}', b"}", _journal())
    first, *rest = plain.splitlines()
    hostile = json.loads(first)
    hostile["name"] = hostile["config"]["name"] = "a</title><script>alert(1)</script>"
    hostile["cards"]["score"] = {"name": "<b onclick=x>", "better": "\x1b[31mhigher", "deep": [[["x"]]]}
    reports = [line.replace(b'"score":', b'"score":"NaN","old":', 1) for line in rest]
    return [plain, b"\n".join([json.dumps(hostile).encode(), *rest, b""]), b"\n".join([first, *reports, b""])]


def checkpoints() -> Seeds:
    """Return states of members."""
    tensor = torch.arange(6.0).reshape(2, 3)
    trees = (
        {"g": {"w": tensor, "tied": tensor}, 3: [1, 2.5, None, True, ("x", float("nan"))]},
        {"n": np.arange(4, dtype=np.int64), "empty": np.zeros((0, 3)), "half": tensor.half()},
    )
    return [codec.encode(tree) for tree in trees]


def generators() -> Seeds:
    """Return exported generators."""
    recipe = Recipe(
        net=NetSettings(width=2, z_size=2, kernel=3, full_size_layer=True, bias_before_norm=True),
        resolution=8,
        channels=1,
        sampling_norm="batch",
    )
    net = recipe.plain_nets().generator
    params, buffers = net.layout.views(net.initial_params(stream(0))), net.buffers.views(net.initial_buffers())
    return [safetensors.encode(Generator(recipe, params, buffers), {"pbt_gan": "0"})]


def settings() -> Seeds:
    """Return configurations."""
    row = b"{ step = 0, values = { h0 = 1 } }"
    own = b'task = "quadratic"\n[space]\nh0 = [0.1, 0.9]\n[pbt]\nschedule = { rows = [' + row + b"] }\n"
    return [own, *(preset_text(name).encode() for name in presets())]


def changes() -> Seeds:
    """Return words of `--set`, one after another."""
    lines = ("pbt.total_steps=8", "pbt.population=[[0, 8], [0.5, 1]]", "space.h0.init=[0.1, 0.2]", "executor=serial")
    return [line.encode() for line in (*lines, "\0".join(lines))]


def options() -> Seeds:
    """Return values of options."""
    return [b"8h", b"90s", b"0-5,7", b"pbt,cosine", b"my_task.py:Classifier"]


def schedules() -> Seeds:
    """Return schedules."""
    return [b"format = 1\nrelative = false\n[[rows]]\nstep = 0\nmember = 1\ninterval = 2\n[rows.values]\nlr = 0.1\n"]


def _image(side: int = 8) -> Image.Image:
    return Image.fromarray(np.arange(side * side * 3, dtype=np.uint8).reshape(side, side, 3))


def _packed(kind: str) -> bytes:
    buffer = io.BytesIO()
    _image().save(buffer, kind)
    return buffer.getvalue()


def pictures() -> Seeds:
    """Return a picture of each kind."""
    return [_packed(kind) for kind in ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")]


def _saved(save: Callable[..., None], *given: object, **named: object) -> bytes:
    buffer = io.BytesIO()
    save(buffer, *given, **named)
    return buffer.getvalue()


def arrays() -> Seeds:
    """Return images as arrays."""
    images, labels = np.zeros((12, 8, 8, 1), np.uint8), np.arange(12) % 2
    idx = bytes([0, 0, 8, 3]) + struct.pack(">3I", 12, 8, 8) + images.tobytes()
    archive = _tarred({"cifar-10-batches-py/data_batch_1": pickles()[0], "cifar-10-batches-py/batches.meta": b""})
    return [
        idx,
        _saved(np.save, images),
        _saved(np.savez, images=images, labels=labels),
        _saved(np.savez_compressed, x_train=images, y_train=labels, x_test=images),
        archive,
    ]


def collections() -> Seeds:
    """Return archives and tables of pictures."""
    png = _packed("PNG")
    held = {"cat/a.png": png, "dog/b.png": png, "dataset.json": b'{"labels": [["cat/a.png", 3]]}'}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in held.items():
            archive.writestr(name, data)
    tables = []
    try:
        import pyarrow as pa
        from pyarrow import parquet

        table = pa.table({"image": [png, png], "label": [0, 1]})
        tables.append(_saved(lambda file: parquet.write_table(table, file)))
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        tables.append(sink.getvalue())
    except ImportError:
        pass
    return [buffer.getvalue(), _tarred(held), _tarred(held, "w:gz"), *tables]


def _tarred(held: dict[str, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
        for name, data in held.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def pickles() -> Seeds:
    """Return a batch of CIFAR as its authors' Python wrote it."""
    pixels = bytes(3072)
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR"
        b"(K\x01K\x01M\x00\x0c\x86cnumpy\ndtype\n(U\x02u1K\x00K\x01tR"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T" + struct.pack("<i", len(pixels)) + pixels
    )
    return [b"\x80\x02}(U\x06labels](K\x01eU\x04data" + array + b"tbu."]


def labels() -> Seeds:
    """Return descriptions of pictures."""
    return [b'{"labels": [["a.png", 3], ["b.png", 4]]}', b'{"labels": null}']


def latents() -> Seeds:
    """Return latents."""
    z = np.zeros((2, 4), np.float32)
    return [_saved(np.save, z), _saved(np.savez, z=z), _saved(np.savez_compressed, z)]


def classes() -> Seeds:
    """Return names of classes."""
    return [b'{"format": 1, "counts": [30, 10], "names": ["cat", "dog"]}']


def averages() -> Seeds:
    """Return cards of averages."""
    best = history().best
    made_from = {"reports": len(history().reports), "best": best.checkpoint if best else None}
    return [json.dumps({"format": 1, "made_from": made_from, "ingredients": [], "sha256": "0"}).encode()]


def signatures() -> Seeds:
    """Return signatures, of somebody else."""
    return [json.dumps({"signatures": [{"code": {"package:Task": None}, "hmac": "0" * 64}]}).encode()]


def words() -> Seeds:
    """Return names as people and strangers give them."""
    return [b"</script><script>alert(1)</script>", b"\x1b]8;;x\x07", "\u202egnp.exe".encode(), b'" onerror="x', b"=1+1"]
