"""Train the scorers that the package ships: `python -m pbt_gan.gan.scores.ship_scorers`.

Run it again when `Classifier`, the recipes or the reading of the data change; it takes half a minute for the digits.
On the same machine and versions it writes the same bytes.
"""

import hashlib
import json

from pbt_gan import files
from pbt_gan.codec import decode
from pbt_gan.gan.data import load_dataset
from pbt_gan.gan.scores.scorers import RECIPES, shipped_folder, train_scorer
from pbt_gan.terminal import put

STEPS = {"digits": 1_500}
"""For which built-in data scorers are shipped, and how long they are trained."""


def main() -> None:
    """Train them and write them with their cards into the package."""
    import torch

    folder = shipped_folder()
    files.make_folder(folder)
    for name, steps in STEPS.items():
        cards = {}
        for role in RECIPES:
            data = train_scorer(load_dataset(name), role, steps)
            file = f"{name}-{role}.safetensors"
            files.write(folder / file, data)
            card = {
                "file": file,
                "bytes": len(data),
                "sha256": hashlib.sha256(data).hexdigest(),
                **decode(data)["card"],
            }
            cards[role] = {**card, "command": "python -m pbt_gan.gan.scores.ship_scorers", "torch": torch.__version__}
            put(f"{file}: {len(data):,} bytes, accuracy {card['accuracy']:.4f}")
        files.write(folder / f"{name}.json", (json.dumps(cards, indent=2) + "\n").encode())


if __name__ == "__main__":
    main()
