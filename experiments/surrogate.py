"""How well the surrogate of `pbt-gan simulate` foretells curves that it was not made of: a table of its document.

    python experiments/surrogate.py

A quarter of the members of each recording is held back at a time, and its curves are foretold from its learning rates
alone, without chance.
"""

from collections import defaultdict

import numpy as np

from pbt_gan.core.rng import stream
from pbt_gan.studies.simulation import recordings
from pbt_gan.studies.simulation.recordings import HELD_OUT, LOG_LR_D, LOG_LR_G, SCORE, STEP, Numbers
from pbt_gan.studies.simulation.surrogate import UNIT, Surrogate, made_of, score_of

FOLDS = 4
AGES = (100, 200, 400, 800, 1_400, 2_000, 4_000, 6_000, 12_000)
RECORDED = {"c": "constant rates", "s": "constant rates, for long", "w": "rates that move by decades"}


def main() -> None:
    """Print the median error of the score by age and recording."""
    curves, errors = recordings.digits(), defaultdict(list)
    for fold in range(FOLDS):
        held_back = {name for name in curves if int(name[1:]) % FOLDS == fold}
        found = made_of({name: curve for name, curve in curves.items() if name not in held_back})
        for name in held_back:
            for step, error in foretold(found, curves[name]):
                errors[name[0], step].append(error)
    print("| recording |", " | ".join(f"{age:,}" for age in AGES), "|")
    print("|---|", "|".join(["---:"] * len(AGES)), "|")
    for kind, says in RECORDED.items():
        cells = [f"{np.median(np.abs(errors[kind, age])):.2f}" if errors[kind, age] else "" for age in AGES]
        print(f"| {says} |", " | ".join(cells), "|")


def foretold(found: Surrogate, curve: Numbers) -> list[tuple[int, float]]:
    """Return by how much a curve is missed at the age of each of its reports."""
    member, errors = found.begin(stream(0, "life")), []
    for row in curve:
        while member.age < row[STEP]:
            member = found.moved(member, 10 ** row[LOG_LR_G], 10 ** row[LOG_LR_D], UNIT)
        errors.append((int(row[STEP]), score_of(member.level) - (row[SCORE] + row[HELD_OUT]) / 2))
    return errors


if __name__ == "__main__":
    main()
