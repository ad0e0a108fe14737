"""The tasks of this package, by the names that a config uses, and what else a config has to know of them."""

from collections.abc import Mapping

TASKS: Mapping[str, str] = {
    "gan": "pbt_gan.gan.task:GanTask",
    "quadratic": "pbt_gan.toy.quadratic:Quadratic",
    "mueller": "pbt_gan.toy.mueller:Mueller",
}

DEFAULT_TASK = "gan"

DATA: Mapping[str, str] = {"gan": "data"}
"""By task, the argument that says where its data lies: a path, or the name of what is built in."""

BUILT_IN_DATA = "digits"
"""The one data set that is always there."""

FETCHED_DATA = frozenset(("cifar-10", "cifar-100", "mnist", "fashion-mnist"))
"""Those that are no paths either, once they have been fetched."""
