"""Train the scorers that the package ships: `python -m pbt_gan.gan.scores.ship_scorers`.

Run it again when `Classifier`, the recipes or the reading of the data change; it takes half a minute for the digits.
On the same machine and versions it writes the same bytes.
"""

import hashlib
import json
from typing import Any

import torch

from pbt_gan import files
from pbt_gan.codec import decode, encode
from pbt_gan.gan.data import Dataset, load_dataset
from pbt_gan.gan.scores.classifier_score import classifier_score
from pbt_gan.gan.scores.making import Tree, make_scorer, network_of
from pbt_gan.gan.scores.recipes import RECIPES, Effort
from pbt_gan.gan.scores.scorers import shipped_folder
from pbt_gan.terminal import put

STEPS = {"digits": 1_500}
"""For which built-in data scorers are shipped, and how long they are trained."""


def main() -> None:
    """Train them and write them with their cards into the package."""
    folder = shipped_folder()
    files.make_folder(folder)
    for name, steps in STEPS.items():
        cards = {}
        dataset = load_dataset(name)
        for role in RECIPES:
            tree = make_scorer(dataset, role, "classifier", Effort(steps, reals=None, examined=500))
            data = encode({**tree, "card": _kept_card(dataset, tree)})
            file = f"{name}-{role}.safetensors"
            files.write(folder / file, data)
            card = {
                "file": file,
                "bytes": len(data),
                "sha256": hashlib.sha256(data).hexdigest(),
                **decode(data)["card"],
                "findings": tree["card"]["findings"],
            }
            cards[role] = {**card, "command": "python -m pbt_gan.gan.scores.ship_scorers", "torch": torch.__version__}
            put(f"{file}: {len(data):,} bytes, accuracy {card['accuracy']:.4f}")
        files.write(folder / f"{name}.json", (json.dumps(cards, indent=2) + "\n").encode())


def _kept_card(dataset: Dataset, tree: Tree) -> dict[str, Any]:
    """Return the card that stands in the file: as the first version wrote it, since old runs know the file's digest."""
    card = tree["card"]
    probabilities = network_of(tree, "cpu")(torch.from_numpy(dataset.images)).probabilities
    assert probabilities is not None
    own = ("data", "data_fingerprint", "images", "predicts", "shape", "parameters", "seed", "steps", "accuracy")
    return {
        **{name: card[name] for name in own},
        "held_out_images": card["held_out_images"],
        "score_of_real_images": classifier_score(probabilities),
    }


if __name__ == "__main__":
    main()
