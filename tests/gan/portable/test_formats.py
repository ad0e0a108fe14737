"""Every format, loaded where pbt-gan is not installed."""

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from pbt_gan.errors import ConfigError
from pbt_gan.gan.portable import programs
from pbt_gan.gan.portable.formats import FORMATS, find_format, loader, use

ELSEWHERE = """
import sys
sys.path += ["WEIGHTS", "PACKAGES"]
import numpy
try:
    import pbt_gan
except ImportError:
    from load_generator import load
else:
    raise SystemExit("pbt_gan can be imported here")
z = numpy.load("z.npy")
if "torch" in sys.modules:
    import torch
    z = torch.from_numpy(z)
images = load()(z)
numpy.save("images.npy", images.detach() if "torch" in sys.modules else images)
exec(open("use.py").read())
assert pixels.shape == (64, *images.shape[2:], images.shape[1]) and str(pixels.dtype).endswith("uint8")
"""


def loaded_elsewhere(folder: Path, name: str, member, z: np.ndarray) -> np.ndarray:
    """Return images of latents, made by a format's loader in a process without pbt-gan."""
    generator = member.generator()
    form = find_format(name)
    (folder / f"generator{form.suffix}").write_bytes(form.encode(generator, {}))
    text = loader(name, generator, f"generator{form.suffix}")
    assert text is not None
    (folder / "load_generator.py").write_text(text, encoding="utf-8")
    (folder / "use.py").write_text(use(name, generator), encoding="utf-8")
    np.save(folder / "z.npy", z)
    # -S: without .pth files, one of which leads to this package where it is installed to be worked on.
    code = ELSEWHERE.replace("WEIGHTS", str(folder)).replace("PACKAGES", torch.__path__[0].rpartition("/")[0])
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    images: np.ndarray = np.load(folder / "images.npy")
    return images


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("safetensors", {"size": 28, "full_size_layer": True, "bias_before_norm": True, "kernel": 5}),
        ("safetensors", {"size": 32, "channels": 3, "sampling_norm": "batch"}),
        ("torch-export", {"size": 8}),
        ("onnx", {"size": 32, "channels": 3}),
    ],
    ids=str,
)
def test_a_loader_makes_the_same_images_without_pbt_gan(make, tmp_path, name, kind):
    if name == "onnx":
        pytest.importorskip("onnxscript")
        pytest.importorskip("onnxruntime")
    member = make(**kind)
    z = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)  # not the number it was exported with
    with torch.no_grad():
        expected = member.generator()(torch.from_numpy(z)).numpy()
    assert np.abs(expected).mean() > 0.2
    np.testing.assert_allclose(loaded_elsewhere(tmp_path, name, member, z), expected, atol=1e-4)


def test_a_loader_has_about_ten_lines():
    for form in FORMATS.values():
        assert len([line for line in form.loader.splitlines() if line.strip()]) <= 15


def test_an_unknown_format_is_refused_with_the_near_one():
    with pytest.raises(ConfigError, match="Did you mean 'safetensors'"):
        find_format("safetensor")


def test_onnx_without_its_packages_says_what_to_install(make, monkeypatch):
    monkeypatch.setattr(programs, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'pbt-gan\[onnx\]'"):
        find_format("onnx").encode(make().generator(), {})


@pytest.mark.slow
def test_a_net_that_torch_cannot_export_is_told(make, monkeypatch):
    generator = make().generator()
    monkeypatch.setattr(type(generator), "forward", lambda self, z: z if z.sum() > 0 else -z)
    with pytest.raises(ConfigError, match=r"torch cannot write this net as torch-export.*Safetensors takes every net"):
        find_format("torch-export").encode(generator, {})


@pytest.mark.slow
def test_a_torch_program_holds_no_pickle(make, tmp_path):
    path = tmp_path / "x.pt2"
    path.write_bytes(find_format("torch-export").encode(make().generator(), {}))
    with zipfile.ZipFile(path) as archive:
        assert not [name for name in archive.namelist() if archive.read(name)[:1] == b"\x80" or name.endswith(".pkl")]
