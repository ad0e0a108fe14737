"""Every loss, penalty and transform alone, and what else there is to set about a game, as settings."""

from typing import Any

from pbt_gan.gan.games.table import LOSSES, PENALTIES, TRANSFORMS

TINY: dict[str, Any] = {
    "width": 2, "z_size": 4, "batch_size": 6, "dtype": "float64", "init": "uniform", "discriminator_norm": "none",
}  # fmt: skip
ALL = ",".join(TRANSFORMS)

PARTS: dict[str, dict[str, Any]] = {
    **{f"loss {name}": {"loss": name} for name in LOSSES if name != "wasserstein"},
    "loss wasserstein": {"loss": "wasserstein", "discriminator_norm": "spectral"},
    "label smoothing": {"label_smoothing": 0.2},
    **{f"penalty {name}": {"penalties": (name,)} for name in PENALTIES},
    "penalties in few steps": {"penalties": ("r1", "r2", "lecam"), "penalty_interval": 2},
    **{f"transform {name}": {"augment": name, "augment_p": 0.7} for name in TRANSFORMS},
    "all transforms in pairing": {"augment": ALL, "loss": "pairing"},
    "a chance that moves": {
        "augment": ALL,
        "adaptive": True,
        "augment_target": -1.0,
        "augment_kimg": 0.05,
        "n_critic": 4,
    },
    "slopes of what is transformed": {"augment": ALL, "penalties": ("gradient", "dragan")},
    "mirrored reals": {"flips": True, "loss": "pairing"},
    "an average that begins short": {"ema_rampup": 0.3},
    "spectral norm": {"discriminator_norm": "spectral", "penalties": ("r1",)},
}
