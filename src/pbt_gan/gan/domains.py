"""Where each number of a GAN may go when it is evolved, and how it moves there.

Where members begin is no matter of the domain: there all of them begin at the value that is set. Ranges to begin in
stand in the presets and in `docs/evolving.md`.
"""

from collections.abc import Mapping
from dataclasses import replace

from pbt_gan.core.space import Domain, Float, Integer

_TWICE = (0.5, 2.0)
"""Weights and half-lives are known by their order of magnitude; a fifth more or less is hardly seen."""

DOMAINS: Mapping[str, Float | Integer] = {
    "lr_g": Float(2e-3, (1e-6, 1e-1), "log", safer="down"),
    "lr_d": Float(2e-3, (1e-6, 1e-1), "log", safer="down"),
    "beta1": Float(0.5, (0.01, 0.99), "logit"),
    "beta2": Float(0.999, (0.5, 0.9999), "complement", _TWICE),
    "n_critic": Integer(1, (1, 10), (0.9, 1.1)),  # so by 1 up or down: a step costs as much more
    "ema_half_life_kimg": Float(1.0, (0.01, 1_000.0), "log", _TWICE),
    "label_smoothing": Float(0.0, (0.0, 0.3), step=0.05),
    "gp_weight": Float(10.0, (0.1, 1_000.0), "log", _TWICE),
    "dragan_weight": Float(10.0, (0.1, 1_000.0), "log", _TWICE),
    "r1_weight": Float(1.0, (1e-4, 100.0), "log", _TWICE),
    "r2_weight": Float(1.0, (1e-4, 100.0), "log", _TWICE),
    "lecam_weight": Float(0.3, (1e-4, 10.0), "log", _TWICE),
    "augment_p": Float(1.0, (0.0, 1.0), step=0.1),
    "augment_target": Float(0.6, (0.0, 1.0), step=0.1),
    "augment_kimg": Float(500.0, (1.0, 10_000.0), "log", _TWICE),
    "instance_noise": Float(0.05, (1e-3, 1.0), "log", _TWICE),
    "reconstruction_weight": Float(1.0, (1e-2, 100.0), "log", _TWICE),
}
"""By name, with the value of one that nobody has set."""


def domain(name: str, value: float) -> Domain:
    """Return the domain of a number that begins at a value."""
    own = DOMAINS[name]
    return replace(own, init=int(value)) if isinstance(own, Integer) else replace(own, init=value)
