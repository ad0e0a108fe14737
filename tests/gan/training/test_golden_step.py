"""Some numbers of a few steps, kept in the repository: no refactoring changes what is computed unseen.

`make golden` writes them anew. Change them only on purpose, and say so in CHANGELOG.md ("seeded runs differ"). They are
compared to nine digits and not bit for bit, so that they hold on other processors and versions too.
"""

import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pbt_gan.core.rng import stream
from pbt_gan.gan.data.source import ImagesInMemory
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.training.loop import Loop, dtype_of, make_step

GOLDEN = Path(__file__).parents[2] / "golden" / "gan-step.json"
STEPS = 4
SETTINGS: dict[str, dict[str, Any]] = {
    "non-saturating": {"label_smoothing": 0.1},
    "hinge": {"n_critic": 2},
    "wgan-gp": {"discriminator_norm": "none"},
    "pairing": {"discriminator_norm": "none", "penalties": ("r1", "r2"), "penalty_interval": 2, "ema_rampup": 0.2},
    "least-squares": {
        "discriminator_norm": "spectral",
        "penalties": ("dragan", "lecam"),
        "augment": "flip,colour,translation,cutout,noise",
        "adaptive": True,
        "augment_target": -1.0,
        "augment_kimg": 0.05,
    },
}


def numbers(name, size, channels):
    """Return what four steps leave of two members."""
    small = {"width": 3, "z_size": 5, "batch_size": 6, "dtype": "float64", "init": "uniform"}
    settings = GanSettings.model_validate({"loss": name, **small, **SETTINGS[name]})
    images = np.random.default_rng(0).integers(0, 256, (20, size, size, channels), np.uint8)
    source = ImagesInMemory(images, "cpu", dtype_of(settings))
    loop = Loop(settings, make_step(settings, size, channels), source, "cpu")
    trainings = loop.train(
        [loop.init(stream(0, "init", member)) for member in range(2)],
        [{"lr_g": 1e-3}, {"lr_g": 3e-3, "beta1": 0.2}],
        STEPS,
        [partial(stream, 0, "train", member) for member in range(2)],
    )
    found = {}
    for member, training in enumerate(trainings):
        g, d = training.state["g"], training.state["d"]
        flat = {"g": g["params"], "d": d["params"], "statistics": g["statistics"], "average": g["average"]["params"]}
        for part, tensor in flat.items():
            found[f"{member}.{part}"] = [tensor.norm().item(), *tensor[:: len(tensor) // 3][:3].tolist()]
        found[f"{member}.losses"] = [training.metrics[key] for key in sorted(training.metrics)]
    return found


@pytest.mark.parametrize(("size", "channels"), [(8, 1), (32, 3)])
@pytest.mark.parametrize("name", SETTINGS)
def test_four_steps_give_the_golden_numbers(name, size, channels):
    written = numbers(name, size, channels)
    if os.environ.get("PBT_GAN_GOLDEN") == "write":
        kept = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
        text = json.dumps({**kept, f"{name} {size}": written}, indent=1, sort_keys=True)
        GOLDEN.write_text(text + "\n")
    golden = json.loads(GOLDEN.read_text())[f"{name} {size}"]
    assert written.keys() == golden.keys()
    for key, values in golden.items():
        assert written[key] == pytest.approx(values, rel=1e-9, abs=1e-14), f"{key}: meant to change? `make golden`"
