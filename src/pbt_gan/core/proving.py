"""Copies that have to prove themselves: what is remembered of one until it has trained for an interval.

Whoever has copied goes on with its donor's hyperparameters at first. If it then scores no worse than the donor did, it
explores; if it does worse, that was a lucky score, or a state that falls apart, and it goes back to where it began.

Source: going back to a checkpoint that was better is ours; that a copy is judged by what it becomes, and not by what it
was, is the idea of FIRE PBT, Dalibard and Jaderberg 2021, arXiv:2109.13800, section 3.
"""

import math
from collections.abc import Mapping
from typing import Any

from pbt_gan.core.population import Member, Value
from pbt_gan.core.selection import Seen

_DOUBT = 2.0  # standard errors of the difference by which a copy may lie below its donor


def on_trial(donor: Member) -> Mapping[str, Any]:
    """Return what is remembered of a donor, as a JSON value: all that going back needs."""
    return {
        "member": donor.id,
        "interval": donor.interval,
        "step": donor.step,
        "place": donor.trained_steps,
        "checkpoint": donor.checkpoint,
        "hyperparams": dict(donor.hyperparams),
        "scores": [score if math.isfinite(score) else str(score) for score in donor.scores],
        "score_error": donor.score_error,
    }


def donor_of(trial: Mapping[str, Any]) -> Member:
    """Return a donor as it was when it was copied.

    >>> donor = Member(3, {"lr": 0.1}, interval=2, step=20, trained_steps=20, scores=(1.0, 2.0), checkpoint="m03-i0002")
    >>> donor_of(on_trial(donor)) == donor
    True
    """
    hyperparams: dict[str, Value] = dict(trial["hyperparams"])
    return Member(
        id=trial["member"],
        hyperparams=hyperparams,
        interval=trial["interval"],
        step=trial["step"],
        trained_steps=trial["place"],
        scores=tuple(float(score) for score in trial["scores"]),
        checkpoint=trial["checkpoint"],
        score_error=trial["score_error"],
    )


def proved(copy: Member, donor: Member, seen: Seen) -> bool:
    """Whether a copy has held what its donor had, but for two standard errors of the difference, if any is known."""
    error = math.hypot(seen.measured_error(copy), seen.measured_error(donor))
    return copy.score >= donor.score - (_DOUBT * error if math.isfinite(error) else 0.0)
