"""The one generator of a run that was shipped without its checkpoints: it lies beside the journal."""

from pathlib import Path
from typing import TYPE_CHECKING

from pbt_gan.core.records import Report
from pbt_gan.errors import DamageError, RunFolderError
from pbt_gan.reporting.text import member_name, number
from pbt_gan.runs import average
from pbt_gan.runs.pretrained import is_shipped, spoken
from pbt_gan.store.reader import kept_checkpoints

if TYPE_CHECKING:
    from pbt_gan.gan.portable.generator import Generator
    from pbt_gan.runs.result import Run

FILE = "generator.safetensors"


def has_only(run: "Run", member: str) -> bool:
    """Whether a run keeps no checkpoint of a member, but a generator of somebody.

    Raises:
        ConfigError: there is no such member.
    """
    folder = run.folder
    if folder is None or member == average.NAME or not (folder / FILE).is_file():
        return False
    return run.member(member).checkpoint not in kept_checkpoints(folder)


def lone_generator(run: "Run", member: str) -> "Generator":
    """Return the generator that a run keeps in place of checkpoints.

    Raises:
        RunFolderError: it is another member's.
        DamageError: it is not what was written.
    """
    from pbt_gan.gan.portable.safetensors import read

    folder, report = run.folder, run.member(member)
    assert folder is not None
    try:
        generator, card = read(folder / FILE)
    except DamageError as error:
        mended = "Install pbt-gan again." if is_shipped(folder) else "Take it from where the run came from."
        raise DamageError(f"{folder / FILE} is damaged. {mended}") from error
    whose = card.get("member", {})
    if (whose.get("member"), whose.get("interval")) != (report.member, report.interval):
        raise RunFolderError(_only(folder, run.history.best, report))
    return generator


def _only(folder: Path, best: Report | None, asked: Report) -> str:
    kept = "" if best is None else f", of {member_name(best.member)} at step {number(best.step)}"
    return (
        f"{spoken(folder)} keeps one generator{kept}, and nothing of {member_name(asked.member)} at step "
        f"{number(asked.step)}; leave the member out."
    )
