"""The toy, with files that all members depend on and with pictures, so that every part of a run has to write."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pbt_gan import files
from pbt_gan.toy.quadratic import Quadratic


class Pictured(Quadratic):
    """Draws where a member is."""

    def prepare(self, folder: Path) -> None:
        self._folder = folder
        files.make_folder(folder)
        for name in ("select", "held-out"):
            if not (folder / name).exists():
                files.write(folder / name, f"a network called {name}".encode())

    def fingerprint(self) -> Mapping[str, str]:
        return {path.name: path.read_text() for path in self._folder.glob("[!.]*")}

    def preview(self, state: Any, rng: np.random.Generator) -> Any:
        latents = rng.normal(size=(4, 8, 8, 1))
        return (128 + 50 * state["theta"].sum() + 10 * latents).clip(0, 255).astype(np.uint8)

    def reals(self, count: int) -> Any:
        return np.full((count, 8, 8, 1), 128, np.uint8)
