"""The tasks of this package, by the names that a config uses."""

from collections.abc import Mapping

TASKS: Mapping[str, str] = {
    "gan": "pbt_gan.gan.task:GanTask",
    "quadratic": "pbt_gan.toy.quadratic:Quadratic",
    "mueller": "pbt_gan.toy.mueller:Mueller",
}
