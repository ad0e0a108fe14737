"""What a person is told about a data set: about five lines."""

from collections.abc import Iterator, Sequence

from pbt_gan.errors import printable
from pbt_gan.gan.data.account import Account
from pbt_gan.gan.data.dataset import Dataset

_MOST_CLASSES = 3
_LONGEST_CLASS = 20  # characters
_LONGEST_FILE = 60


def lines(dataset: Dataset, most_files: int = 3) -> list[str]:
    """Return what was found and what was made of it, each on a line that can be printed whatever files are called.

    Args:
        dataset: what was read.
        most_files: how many of those that cannot be read are named.

    Examples:
        >>> import numpy as np
        >>> lines(Dataset.of("mine", np.zeros((10, 8, 8, 1), np.uint8)))
        ['mine: 10 grey images, 8×8 pixels']
    """
    account = dataset.account or Account("", len(dataset.images))
    return [printable(line) for line in _lines(dataset, account, most_files)]


def _lines(dataset: Dataset, account: Account, most_files: int) -> Iterator[str]:
    yield f"{dataset.name}: {account.kind}{', ' * bool(account.kind)}{_images(dataset, account)}"
    if account.fitted:
        yield f"fitted: {account.fitted}"
    left_out = list(_left_out(account, most_files))
    if left_out:
        yield f"left out: {', '.join(left_out)}"
    if dataset.unseen is not None:
        yield f"unseen: {len(dataset.unseen.images):,} images are never trained on; scores are checked with them"
    for remark in account.remarks:
        yield f"note: {remark}"


def _images(dataset: Dataset, account: Account) -> str:
    count, height, width, channels = dataset.images.shape
    classes = f" in {dataset.classes} classes{_names(dataset.class_names)}" if dataset.classes else ""
    sides = account.sides
    if sides is None:
        size = f"{width}×{height}"
    else:
        size = f"{sides.smallest:,} to {sides.largest:,}" if sides.smallest < sides.largest else f"{sides.largest:,}"
    return f"{count:,} {'grey' if channels == 1 else 'colour'} images{classes}, {size} pixels"


def _names(class_names: Sequence[str]) -> str:
    if not class_names:
        return ""
    some = [name if len(name) <= _LONGEST_CLASS else f"{name[: _LONGEST_CLASS - 1]}…" for name in class_names]
    return f" ({', '.join([*some[:_MOST_CLASSES], '…'] if len(some) > _MOST_CLASSES else some)})"


def _left_out(account: Account, most_files: int) -> Iterator[str]:
    if account.skipped:
        files = [f"{_end(file.name)}: {file.reason}" for file in account.skipped[:most_files]]
        more = ["…"] if len(account.skipped) > most_files else []
        yield f"{len(account.skipped):,} that cannot be read ({'; '.join(files + more)})"
    for kind, count in account.ignored.items():
        yield f"{count:,} {kind.removesuffix('s') if count == 1 else kind}"


def _end(name: str) -> str:
    """Return the end of a long name: its beginning is what all of a folder have in common."""
    return name if len(name) <= _LONGEST_FILE else f"…{name[1 - _LONGEST_FILE :]}"
