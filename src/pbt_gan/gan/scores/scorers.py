"""The networks that score a run: each was examined before, and lies in the run's folder.

One selects and a second, which is another one, is held out: it judges and never selects. What they are is shipped for
known data, else found in the user's cache, else made at the start of the run; see `ladder` for which is taken.
"""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

from pbt_gan import files
from pbt_gan.codec import decode, encode
from pbt_gan.errors import DamageError, RunFolderError
from pbt_gan.gan.data import Dataset
from pbt_gan.gan.scores import kept, published
from pbt_gan.gan.scores.examination import Examination, Findings, judged
from pbt_gan.gan.scores.ladder import KINDS, RANKS_BY, SPOKEN, Circumstances, rung_of, rungs, samples
from pbt_gan.gan.scores.naming import NetworkKind, Role, short
from pbt_gan.gan.scores.recipes import RECIPES, whole_effort
from pbt_gan.gan.scores.small import remark
from pbt_gan.gan.settings import MetricsSettings, Rung

Tree = Mapping[str, Any]
"""A scorer; see `making`."""

MOST_BYTES = 1 << 32
"""Of a scorer's file."""

_log = logging.getLogger(__name__)


def scorer_file(folder: Path, role: Role) -> Path:
    """Return where a run keeps a scorer."""
    return folder / f"{role}.safetensors"


def prepare_scorers(dataset: Dataset, folder: Path, metrics: MetricsSettings | None = None) -> None:
    """Put both scorers of a data set into a folder; those that are there and whole are kept.

    Args:
        dataset: the real images.
        folder: the run's.
        metrics: who is to select and to judge; None: as by default.

    Raises:
        StorageError: the disk refused.
        RunFolderError: scorers of other images lie there.
        DamageError: a shipped scorer is not what was shipped.
        ConfigError: a network that the settings ask for is not to be had.
    """
    metrics = metrics or MetricsSettings.model_validate({})
    files.make_folder(folder)
    before: Mapping[str, Any] | None = None
    features = 0
    for role in RECIPES:
        path = scorer_file(folder, role)
        card = _card(path)
        if card is not None and card["data_fingerprint"] != dataset.fingerprint:
            raise _of_other_images(path, dataset)
        if card is None or _asked(metrics, role) not in ("auto", rung_of(card)):
            tree = _chosen(dataset, role, order_of(dataset, metrics, role, before), metrics)
            files.write(path, encode(tree))
            card, features = tree["card"], max(features, len(tree["reference"]["mean"]))
        before = card
    if features and (said := remark(len(dataset.images), dataset.classes, features)):
        _log.warning("%s", said)


def order_of(
    dataset: Dataset, metrics: MetricsSettings, role: Role, selects: Mapping[str, Any] | None
) -> tuple[Rung, ...]:
    """Return which networks may take a role, the first choice first.

    Args:
        dataset: the real images.
        metrics: may force one.
        role: what for.
        selects: the card of the scorer that selects, for another role.

    Raises:
        ConfigError: see `ladder.rungs`.
    """
    found = Circumstances(
        images=len(dataset.images),
        labelled=dataset.labels is not None,
        colour=dataset.images.shape[3] == 3,
        imagenet=published.find_weights("imagenet") is not None,
        inception=published.find_weights("inception", given(metrics)) is not None,
    )
    if role == "select" or selects is None:
        return rungs(role, metrics, found)
    return rungs(role, metrics, found, rung_of(selects), selects.get("passed_over", ()))


def made(dataset: Dataset, role: Role, rung: Rung, inception: Path | None = None) -> Tree:
    """Return a scorer: shipped, from the user's cache, or made now and kept there."""
    found = known(dataset, role, rung)
    if found is not None:
        return found
    from pbt_gan.gan.scores.making import make_scorer  # imports torch

    effort = whole_effort(rung)
    steps = f", {effort.steps:,} steps" if effort.steps else ""
    _log.info("making the scorer %r of %s by %s%s", role, dataset.name, SPOKEN[rung], steps)
    tree = make_scorer(dataset, role, rung, effort, inception)
    kept.keep(dataset, role, rung, encode(tree))
    return tree


def known(dataset: Dataset, role: Role, rung: Rung) -> Tree | None:
    """Return a scorer that need not be made: it is shipped, or in the user's cache; None: it is in neither.

    Raises:
        DamageError: a shipped scorer is not what was shipped.
    """
    if rung == "classifier" and (data := _shipped(dataset, role)) is not None:
        return _decoded(data)
    data = _of_a_run(dataset, role, rung) or kept.find(dataset, role, rung)
    if data is None:
        return None
    tree = _decoded(data)
    return {**tree, "card": {**tree["card"], "data": dataset.name}}


def read_scorer(folder: Path, role: Role, dataset: Dataset) -> Tree:
    """Return a scorer of a run, its tensors as NumPy arrays.

    Raises:
        DamageError: it is missing or damaged.
        RunFolderError: it was made for other data.
    """
    scorer = stored_scorer(folder, role)
    if scorer["card"]["data_fingerprint"] == dataset.fingerprint:
        return scorer
    raise _of_other_images(scorer_file(folder, role), dataset)


def stored_scorer(folder: Path, role: Role) -> Tree:
    """Return a scorer of a run likewise, whatever images it was made for.

    Raises:
        DamageError: it is missing or damaged.
    """
    path = scorer_file(folder, role)
    try:
        scorer = _decoded(files.content(path, MOST_BYTES))
        if "data_fingerprint" in scorer["card"]:
            return scorer
    except (OSError, DamageError, KeyError, TypeError) as error:
        raise _unreadable(path) from error
    raise _unreadable(path)


def findings_of(card: Mapping[str, Any]) -> Findings | None:
    """Return what was measured of a scorer; None: it is of an earlier version, which measured nothing."""
    plain = card.get("findings") or _shipped_findings(card)
    return None if plain is None else Findings.of(plain)


def ranks_by(card: Mapping[str, Any]) -> str:
    """Return the score by which a scorer ranks members, a key of `SCORES`."""
    return str(card.get("ranks_by") or RANKS_BY[rung_of(card)][0])


def kind_of(card: Mapping[str, Any]) -> NetworkKind:
    """Return what kind of network a scorer has."""
    return KINDS[rung_of(card)]


def digests(folder: Path) -> Mapping[str, str]:
    """Return the sha256 of each scorer of a run."""
    return {f"scorers/{role}": _sha256(scorer_file(folder, role).read_bytes()) for role in RECIPES}


def as_chosen(metrics: MetricsSettings, folder: Path) -> MetricsSettings:
    """Return settings in which nothing is "auto" that was decided when a folder was prepared."""
    chosen = {role: _card(scorer_file(folder, role)) for role in RECIPES}
    found = {
        name: rung_of(card)
        for name, card in (("select", chosen["select"]), ("judge", chosen["held-out"]))
        if card is not None
    }
    return metrics.model_copy(update=found)


def shipped_folder() -> Path:
    """Return where the package keeps its scorers: `DATA-ROLE.safetensors`, and their cards in `DATA.json`."""
    return Path(str(package_files("pbt_gan"))) / "scorers"


def given(metrics: MetricsSettings) -> Path | None:
    """Return where a user says that the weights of Inception are."""
    return None if metrics.inception is None else Path(metrics.inception)


def _chosen(dataset: Dataset, role: Role, order: Sequence[Rung], metrics: MetricsSettings) -> Tree:
    """Return the first scorer that passes its examination, or the last one."""
    passed_over: dict[Rung, Examination] = {}
    for rung in order:
        tree = made(dataset, role, rung, given(metrics))
        examination = _examined(tree, samples(metrics, role, rung))
        if examination.passed or rung == order[-1]:
            break
        passed_over[rung] = examination
    line = _line(role, rung, examination, passed_over)
    _log.log(logging.INFO if examination.passed and not passed_over else logging.WARNING, "%s", line)
    if "findings" not in tree["card"]:
        return tree  # as it was shipped, bit for bit: old runs find it unchanged
    return {**tree, "card": {**tree["card"], "ranks_by": examination.score, "passed_over": [*passed_over], "why": line}}


def _examined(tree: Tree, samples: int) -> Examination:
    """Return the examination of the first score of a scorer that passes, else of the one that comes closest."""
    findings = findings_of(tree["card"])
    assert findings is not None, "what is made now, or shipped, was examined"
    found = [judged(findings, score, samples) for score in RANKS_BY[rung_of(tree["card"])]]
    return next((each for each in found if each.passed), max(found, key=lambda each: each.weakest))


def _line(role: Role, rung: Rung, examination: Examination, passed_over: Mapping[Rung, Examination]) -> str:
    """Say who selects or judges, and why."""
    does = "Members are ranked by" if role == "select" else "The held-out judge is"
    who = f"{short(KINDS[rung], examination.score)} of {SPOKEN[rung]}" if role == "select" else SPOKEN[rung]
    reasons = [f"{SPOKEN[other]} {found.reason}" for other, found in passed_over.items()]
    if not examination.passed:
        weak = f"{SPOKEN[rung]} {examination.reason}"
        return (
            f"{does} {who}, and nobody passes the examination: {'; '.join([*reasons, weak])}. Trust no score of this "
            "run: look at its samples, and give it more images, or labels."
        )
    if reasons:
        return f"{does} {who}, because {'; '.join(reasons)}."
    return f"{does} {who}: it {examination.reason}."


def _shipped(dataset: Dataset, role: Role) -> bytes | None:
    for cards in sorted(shipped_folder().glob("*.json")):
        card: Mapping[str, Any] = json.loads(cards.read_text())[role]
        if card["data_fingerprint"] == dataset.fingerprint:
            path = shipped_folder() / str(card["file"])
            data = path.read_bytes()
            if _sha256(data) != card["sha256"]:
                raise DamageError(f"{path} is damaged; install pbt-gan again.")
            return data
    return None


def _of_a_run(dataset: Dataset, role: Role, rung: Rung) -> bytes | None:
    """Return a scorer of a run of the same images that comes with the package, if it is what would be made now."""
    for path in sorted(shipped_folder().parent.glob("pretrained/*/card.json")):
        card: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if card["data"]["fingerprint"] != dataset.fingerprint:
            continue
        file = scorer_file(path.parent / "scorers", role)
        data = file.read_bytes()
        if _sha256(data) != card["scorers"][role]:
            raise DamageError(f"{file} is damaged; install pbt-gan again.")
        made = _decoded(data)["card"]
        as_now = RECIPES[role].seed, whole_effort(rung).steps
        if rung_of(made) == rung and (made["seed"], made.get("steps")) == as_now:
            return data
    return None


def _shipped_findings(card: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what was measured of a shipped scorer: it stands beside the file, which stays as old runs have it."""
    for cards in sorted(shipped_folder().glob("*.json")):
        for found in json.loads(cards.read_text()).values():
            if all(found[name] == card.get(name) for name in ("data_fingerprint", "seed", "steps", "predicts")):
                findings: Mapping[str, Any] = found["findings"]
                return findings
    return None


def _asked(metrics: MetricsSettings, role: Role) -> Rung | str:
    return metrics.select if role == "select" else metrics.judge


def _card(path: Path) -> Mapping[str, Any] | None:
    """Return the card of a scorer in a run's folder; None: it is missing or damaged."""
    try:
        card: Mapping[str, Any] = _decoded(path.read_bytes())["card"]
        return card if "data_fingerprint" in card else None
    except (OSError, DamageError, KeyError, TypeError):
        return None


def _decoded(data: bytes) -> Tree:
    tree: Tree = decode(data)
    return tree


def _unreadable(path: Path) -> DamageError:
    return DamageError(f"{path} is missing or damaged; take the run's folder from a backup, or begin anew.")


def _of_other_images(path: Path, dataset: Dataset) -> RunFolderError:
    return RunFolderError(
        f"{path} was made for other images than {dataset.name}: the data is not what it was when this run began. "
        "Put it back or say where it lies, or begin a new run with --out."
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
