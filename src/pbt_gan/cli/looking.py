"""`data`, `cache`: what is found in a place, and what is kept of it."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from rich.text import Text

from pbt_gan import files
from pbt_gan.config.durations import seconds
from pbt_gan.config.source import Table as Settings
from pbt_gan.config.source import data_place
from pbt_gan.errors import ConfigError, instead
from pbt_gan.gan.data import Dataset, load_dataset
from pbt_gan.gan.data import cache as kept
from pbt_gan.gan.data.gathering import examined
from pbt_gan.gan.data.telling import lines
from pbt_gan.gan.settings import GanSettings
from pbt_gan.places import cache_folder
from pbt_gan.reporting.text import duration, number, size_of
from pbt_gan.terminal import console, put
from pbt_gan.validation import validated

_SHOWN = 100  # images of a grid
_AT_A_TIME = 4_096  # images whose values are looked at together: a data set may be larger than memory


def data(place: str, change: Settings, grid: Path | None, *, as_json: bool) -> None:
    """Print what a place holds, and draw some of it."""
    if grid is not None and grid.suffix != ".png":
        raise ConfigError(f"--grid {grid}: the images are drawn as a picture; name a .png file.")
    settings = validated(GanSettings, change.get("task", {}), "task")
    found = examined(load_dataset(data_place(place, Path.cwd()), settings.fitting))
    if as_json:
        put(json.dumps(_summary(found), indent=2))
    else:
        for line in lines(found):
            console().print(Text(line), soft_wrap=True)
        console().print(_details(_summary(found)))
    if grid is not None:
        from pbt_gan.reporting.images import grid as drawn

        files.make_folder(grid.parent)
        files.write(grid, drawn(_spread(found.images)))
        console(stderr=True).print(f"{min(_SHOWN, len(found.images))} of the images, in {grid}", soft_wrap=True)


def cache(remove: str | None, older_than: str | None, *, clear: bool) -> None:
    """List what is kept, least recently used last, or remove some of it."""
    if sum((remove is not None, older_than is not None, clear)) > 1:
        raise ConfigError("--remove, --older-than and --clear each say what goes; give one.")
    there = kept.entries()
    going = _going(there, remove, older_than, clear=clear)
    if going is None:
        console().print(_listing(there))
        total = sum(each.size for each in there)
        bound = f"{kept.bound_bytes() / 2**30:g} GiB"
        console().print(f"{size_of(total)} of {bound} at most, in {cache_folder()}", soft_wrap=True)
        return
    for each in going:
        kept.remove(each.path)
    console().print(f"Removed {len(going)} of {len(there)}: {size_of(sum(each.size for each in going))}")


def _going(
    there: list[kept.Kept], remove: str | None, older_than: str | None, *, clear: bool
) -> list[kept.Kept] | None:
    """Return what is to be removed; None: nobody asked for that."""
    if clear:
        return there
    if older_than is not None:
        before = time.time() - seconds(older_than, "--older-than")
        return [each for each in there if each.used < before]
    if remove is None:
        return None
    meant = [each for each in there if each.path.name.startswith(remove)]
    if len(meant) != 1 or not remove:
        names = [each.path.name for each in meant or there]
        raise ConfigError(f"--remove {remove}: {'several' if meant else 'no'} keys begin so.{instead(remove, names)}")
    return meant


def _listing(there: list[kept.Kept]) -> Table:
    listing = Table(box=None, pad_edge=False)
    listing.add_column("key", overflow="fold", min_width=12)
    listing.add_column("what", overflow="fold")
    listing.add_column("size", justify="right", no_wrap=True)
    listing.add_column("last used", justify="right", no_wrap=True)
    for each in reversed(there):
        ago = f"{duration(max(0.0, time.time() - each.used))} ago"
        listing.add_row(each.path.name[:12], Text(kept.what(each.path)), size_of(each.size), ago)
    return listing


def _summary(found: Dataset) -> dict[str, Any]:
    """Return what there is to say of a data set, as JSON values."""
    account, (count, height, width, channels) = found.account, found.images.shape
    mean, spread, distinct = _values(found.images)
    return {
        "name": found.name,
        "kind": account.kind if account else "built in",
        "images": count,
        "shape": [height, width, channels],
        "classes": _classes(found, found.labels),
        "mean": mean,
        "spread": spread,
        "duplicates": count - distinct,
        "unseen": None
        if found.unseen is None
        else {"images": len(found.unseen.images), "classes": _classes(found, found.unseen.labels)},
        "found": account.found if account else count,
        "sides": list(account.sides) if account and account.sides else None,
        "fitted": account.fitted if account else "",
        "skipped": [list(each) for each in account.skipped] if account else [],
        "ignored": dict(account.ignored) if account else {},
        "remarks": list(account.remarks) if account else [],
        "fingerprint": found.fingerprint,
    }


def _details(summary: dict[str, Any]) -> Table:
    """Return what the lines on a data set do not say."""
    details = Table(box=None, show_header=False, pad_edge=False)
    details.add_column(no_wrap=True)
    details.add_column(overflow="fold")
    height, width, channels = summary["shape"]
    rows = {
        "images": f"{number(summary['images'])} of {height}×{width}, {'grey' if channels == 1 else 'colour'}",
        "classes": _counts(summary["classes"]),
        "unseen": "" if summary["unseen"] is None else _unseen(summary["unseen"]),
        "mean": f"{', '.join(f'{value:.1f}' for value in summary['mean'])} of 255",
        "spread": ", ".join(f"{value:.1f}" for value in summary["spread"]),
        "duplicates": f"{summary['duplicates']:,}" if summary["duplicates"] else "",
    }
    for name, text in rows.items():
        if text:
            details.add_row(Text(name, "dim"), Text(text))
    for name, reason in summary["skipped"]:
        details.add_row(Text("skipped", "dim"), Text(f"{name}: {reason}"))
    for kind, count in summary["ignored"].items():
        details.add_row(Text("ignored", "dim"), Text(f"{count:,} {kind.removesuffix('s') if count == 1 else kind}"))
    return details


def _unseen(unseen: dict[str, Any]) -> str:
    counts = _counts(unseen["classes"])
    return f"{unseen['images']:,} images, never trained on{': ' if counts else ''}{counts}"


def _counts(classes: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in classes.items())


def _classes(found: Dataset, labels: NDArray[np.int64] | None) -> dict[str, int]:
    if labels is None:
        return {}
    names = found.class_names or tuple(map(str, range(found.classes)))
    return dict(zip(names, np.bincount(labels, minlength=found.classes).tolist(), strict=True))


def _values(images: NDArray[np.uint8]) -> tuple[list[float], list[float], int]:
    """Return mean and standard deviation of each channel, 0 … 255, and how many images differ from all others."""
    total = squares = np.zeros(images.shape[3])
    seen: set[int] = set()
    for begin in range(0, len(images), _AT_A_TIME):
        some = images[begin : begin + _AT_A_TIME]
        flat = some.reshape(-1, images.shape[3]).astype(np.float64)
        total, squares = total + flat.sum(0), squares + (flat**2).sum(0)
        seen.update(hash(image.tobytes()) for image in some)
    count = images[..., 0].size
    mean = total / count
    return mean.tolist(), np.sqrt(np.maximum(squares / count - mean**2, 0)).tolist(), len(seen)


def _spread(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return some images, evenly spread: where they stand by classes, all of those are shown."""
    places = np.linspace(0, len(images) - 1, min(_SHOWN, len(images))).round().astype(int)
    return np.asarray(images[places])
