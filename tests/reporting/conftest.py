"""A run that looks like a real one: members whose score follows their learning rates, exploits, blobs as samples."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from pbt_gan.core.records import Birth, Donor, Exploit, Record, Report
from pbt_gan.core.rng import stream
from pbt_gan.interfaces import Images, RunContext, RunView

STEPS = 100
NAMES = ("lr_d", "lr_g")


def blobs(member: int, interval: int, count: int = 16, side: int = 8) -> Images:
    """Samples that get sharper with every interval, the same latents each time: uint8[N, side, side, 1]."""
    rng = stream(0, "blobs")
    grid = np.arange(side)
    centre = rng.uniform(2, side - 2, (count, 2)) + 0.4 * stream(0, "blobs", member).standard_normal((count, 2))
    distance = (grid[:, None] - centre[:, 0, None, None]) ** 2 + (grid[None, :] - centre[:, 1, None, None]) ** 2
    clean = np.exp(-distance / 4)
    blur = math.exp(-interval / 4)
    noise = stream(0, "noise", member, interval).uniform(size=clean.shape)
    return (255 * np.clip((1 - blur) * clean + blur * noise, 0, 1)).astype(np.uint8)[..., None]


def _quality(values: Mapping[str, float], interval: int) -> float:
    """Large rates pay early, small ones late."""
    wanted = -2.2 - 0.15 * interval
    return -((math.log10(values["lr_g"]) - wanted) ** 2) - 0.5 * (math.log10(values["lr_d"]) - wanted) ** 2


def make_records(members=20, intervals=12, seed=0, exploit=True, score=None):
    """Return the records of a synchronous run with truncation selection."""
    rng = stream(seed, "history")
    hyperparams = [{name: float(10 ** rng.uniform(-5, -1.5)) for name in NAMES} for _ in range(members)]
    skill = np.zeros(members)
    records: list[Record] = [Birth(member, hyperparams[member], "drawn") for member in range(members)]
    for interval in range(1, intervals + 1):
        scores = {}
        for member in range(members):
            skill[member] += 0.35 * (8 + 2 * _quality(hyperparams[member], interval) - skill[member])
            measured = max(1.0, skill[member] + 0.2 * rng.standard_normal())
            scores[member] = measured if score is None else score(member, interval)
            records.append(
                Report(
                    member,
                    interval,
                    interval * STEPS,
                    interval * STEPS,
                    scores[member],
                    {"g_loss": float(rng.uniform(0.5, 3)), "held_out_cs": scores[member] * 0.97, "held_out_fcd": 2.5},
                    hyperparams[member],
                    f"m{member:02d}-i{interval:04d}",
                    STEPS * 64,
                    cost_s=float(rng.uniform(1.5, 2)),
                    worker="w0",
                )
            )
        if not exploit or interval == intervals:
            continue
        ranking = sorted(range(members), key=lambda m: (math.isfinite(scores[m]), scores[m], m))
        n = min(math.ceil(0.2 * members), members // 2)
        for recipient in ranking[:n]:
            donor = int(rng.choice(ranking[len(ranking) - n :]))
            before = hyperparams[recipient]
            after = {name: value * float(rng.choice([0.5, 2])) for name, value in hyperparams[donor].items()}
            hyperparams[recipient] = after
            skill[recipient] = skill[donor]
            key = f"m{donor:02d}-i{interval:04d}"
            records.append(
                Exploit(
                    recipient,
                    interval,
                    Donor(donor, interval, interval * STEPS, key),
                    ("weights", "hyperparams"),
                    "perturb",
                    before,
                    after,
                    "truncation",
                    f"in the bottom {n} of {members}",
                    sources={"*": key},
                    step=interval * STEPS,
                )
            )
    return records


REALS = blobs(0, 100)
CONFIG = {
    "task": "gan",
    "seed": 0,
    "pbt": {"population_size": 20, "total_steps": 1200, "exploit": {"name": "truncation", "fraction": 0.2}},
    "space": {"lr_g": {"init": [1e-5, 0.03], "bounds": [1e-6, 0.1], "scale": "log"}},
}
CARDS: dict[str, dict[str, object]] = {
    "score": {
        "formula": "exp(mean KL(p(y|x) || p(y)))",
        "samples": 1000,
        "splits": 1,
        "network": "classifier A, 0.985 accuracy",
        "checksum": "sha256:5f70",
    },
    "held_out_cs": {
        "short": "held-out CS",
        "name": "classifier score",
        "formula": "exp(mean KL(p(y|x) || p(y)))",
        "better": "higher",
        "network": "classifier B",
    },
    "held_out_fcd": {"name": "Fréchet distance", "better": "lower", "samples": 1000, "network": "classifier B"},
}


def make_view(folder, records, config=CONFIG, ending="finished"):
    """Return the view of a run with these records."""
    run = {
        "config": config,
        "cards": CARDS,
        "versions": {"python": "3.11.9", "torch": "2.13.0"},
        "fingerprint": {"data": "sha256:77aa"},
        "time": {"host": "a <b>host</b>"},
    }
    return RunView(folder, run, tuple(records), ending)


def make_context(folder, records=(), total_orders=240, reals=REALS):
    """Return what a listener is told at the start."""
    return RunContext(folder, CONFIG, CARDS, tuple(records), reals, total_orders)


def previewed(records):
    """Pair each record with the preview that the engine would hand over."""
    for record in records:
        yield record, blobs(record.member, record.interval) if isinstance(record, Report) else None


def with_values(records, **values):
    """Return reports and births with these hyperparameters in place of their own."""
    return [
        replace(record, hyperparams={**record.hyperparams, **values})
        for record in records
        if isinstance(record, Birth | Report)
    ]


@pytest.fixture(scope="session")
def synthetic():
    """Give the tests this module's functions."""
    import types

    return types.SimpleNamespace(
        records=make_records,
        view=make_view,
        context=make_context,
        previewed=previewed,
        blobs=blobs,
        with_values=with_values,
    )
