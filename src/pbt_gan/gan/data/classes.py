"""The classes that labels tell apart: what each is called, how many images it has, and which is asked for when."""

import json
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from pbt_gan import files
from pbt_gan.errors import ConfigError, DamageError, instead, printable
from pbt_gan.gan.data.dataset import Dataset
from pbt_gan.validation import Settings

FORMAT = 1
"""Of the file that `keep` writes."""

MOST_CLASSES = 65_536

_FILE = "classes.json"
_LONGEST = 2**24  # bytes of that file
_SIDE_BY_SIDE = 10  # classes that a square grid shows
_COLUMNS = 8  # about so many it has

Labels = NDArray[np.int64]


class Classes(Settings):
    """How many images each class has, and what it is called, both by its number; no classes: nothing is labelled.

    Examples:
        >>> animals = Classes(counts=(300, 100), names=("cat", "dog"))
        >>> len(animals), animals.name(1), animals.number("dog"), animals.labels(8).tolist()
        (2, 'dog', 1, [0, 0, 1, 0, 0, 0, 1, 0])
    """

    counts: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(max_length=MOST_CLASSES)] = ()
    names: tuple[str, ...] = ()  # none: they are called by their numbers

    @field_validator("names")
    @classmethod
    def _on_a_line(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(printable, names))

    @model_validator(mode="after")
    def _one_name_each(self) -> Self:
        if self.names and len(self.names) != len(self.counts):
            raise ValueError(f"{len(self.names)} names were given for {len(self.counts)} classes")
        return self

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """Return those of a data set; none, if its labels do not count."""
        if dataset.labels is None:
            return cls()
        counts = np.bincount(dataset.labels, minlength=dataset.classes).tolist()
        names = dataset.class_names
        return cls(counts=tuple(counts), names=names if len(set(map(printable, names))) == len(counts) else ())

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.counts)

    def name(self, number: int) -> str:
        """Return what a class is called."""
        return self.names[number] if self.names else str(number)

    def number(self, asked: str) -> int:
        """Return the number of a class by its name, or by the number itself where nothing else is called so.

        Raises:
            ConfigError: there is no such class.
        """
        if asked in self.names:
            return self.names.index(asked)
        if asked.isdecimal() and len(asked) <= len(str(len(self))) and int(asked) < len(self):
            return int(asked)
        there = instead(asked, self.names) if self.names else f" There are 0 … {len(self) - 1}."
        raise ConfigError(f"There is no class {asked!r}.{there}")

    def labels(self, count: int) -> Labels:
        """Return classes for so many images, each as often as in the data; the first do not depend on how many follow.

        The k-th image of a class that is the share s of the data has its turn at (k + ½) / s. So a class has its share
        of the first N, but for ½ + s·K/2 at the most, where K is the number of classes.

        Source: the divisor method of Webster, or Sainte-Laguë 1910; Balinski and Young 1982, "Fair Representation".
        """
        shares = np.array(self.counts) / sum(self.counts)
        turns = np.floor((count + len(self) / 2) * shares + 1.5).astype(int)  # together they are `count` or more
        numbers = np.repeat(np.arange(len(self)), turns)
        nth = np.arange(len(numbers)) - np.repeat(np.cumsum(turns) - turns, turns)
        when = (2 * nth + 1) / np.array(self.counts)[numbers]
        return numbers[np.argsort(when, kind="stable")][:count].astype(np.int64)

    def asked(self, labels: Any, count: int) -> Labels:
        """Return the classes that somebody wants so many images of.

        Args:
            labels: None: those of `labels`; or one for all images, or one for each: numbers, or names.
            count: of the images.

        Raises:
            ConfigError: there is no such class, or there are more or fewer labels than images.
        """
        if labels is None:
            return self.labels(count)
        if isinstance(labels, str):
            return np.full(count, self.number(labels), np.int64)
        try:
            several = np.asarray(labels)
        except ValueError as error:
            raise ConfigError(
                "Labels are one for all images, or a list with one for each; there is more in it."
            ) from error
        if several.ndim > 1 or (several.ndim and len(several) != count):
            raise ConfigError(
                f"Labels of the shape {list(several.shape)} were given for {count} images: give one for all, or one "
                f"for each, [{count}]."
            )
        if several.dtype.kind in "UO" and all(isinstance(each, str) for each in several.flat):
            several = np.array([self.number(str(each)) for each in several.flat], np.int64).reshape(several.shape)
        self.check(several)
        return np.broadcast_to(several, count).astype(np.int64)

    def check(self, labels: NDArray[Any]) -> None:
        """Refuse labels that are no numbers of classes.

        Raises:
            ConfigError: says which one.
        """
        there = f"the {len(self)} classes of this net are 0 … {len(self) - 1}"
        if labels.dtype.kind not in "iu":
            raise ConfigError(f"Labels are whole numbers or names, and not {labels.dtype}: {there}.")
        wrong = labels[(labels < 0) | (labels >= len(self))]
        if wrong.size:
            raise ConfigError(f"There is no class {wrong.flat[0]}: {there}.")

    def columns(self) -> Labels:
        """Return the class of each column of a square grid of images: ten at the most, evenly spread, side by side."""
        shown = np.linspace(0, len(self) - 1, min(len(self), _SIDE_BY_SIDE)).round().astype(np.int64)
        return np.repeat(shown, max(1, round(_COLUMNS / len(shown))))


UNLABELLED = Classes()
"""No classes."""


def keep(folder: Path, classes: Classes) -> None:
    """Put classes into a folder, unless they are there; none need no file.

    Raises:
        StorageError: the disk refused.
    """
    data = json.dumps({"format": FORMAT, **classes.model_dump()}).encode()
    path = folder / _FILE
    if len(classes) and not (path.is_file() and path.read_bytes() == data):
        files.write(path, data)


def kept(folder: Path) -> Classes | None:
    """Return the classes that are kept in a folder; None: there are none.

    Raises:
        DamageError: they cannot be read.
    """
    path = folder / _FILE
    try:
        found = json.loads(files.content(path, _LONGEST))
        return Classes.model_validate({name: found[name] for name in Classes.model_fields})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamageError(f"{path} is damaged; take the run's folder from a backup.") from error
