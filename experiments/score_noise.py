"""How sure the score that selects is: `python experiments/score_noise.py RUN …`.

Every living member of a finished run is scored again some times, each time with other latents: the spread of one
member's scores is noise, that between members is what selection works on. Told are both standard deviations, the rank
correlation of two measurings, and how many of the best fifth are the same in both.
"""

import argparse
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr

from pbt_gan.gan.scores.making import network_of
from pbt_gan.gan.scores.scorers import read_scorer
from pbt_gan.gan.scores.table import SCORES
from pbt_gan.gan.task import GanTask
from pbt_gan.runs.folder import scorers
from pbt_gan.runs.result import Run

TIMES = 5
FIFTH = 0.2


def main() -> None:
    """Score, and print a line a run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, help="folders of finished runs")
    print("run | members | between members | noise | rank correlation | the same of the best fifth")
    for folder in parser.parse_args().runs:
        told = measured(Run.open(folder))
        members, between, noise = len(told), told.mean(1).std(ddof=1), np.sqrt(told.var(1, ddof=1).mean())
        count = max(1, round(members * FIFTH))
        ranks, same = [], []
        for one, other in combinations(told.T, 2):
            ranks.append(spearmanr(one, other).statistic)
            same.append(len({*np.argsort(one)[-count:]} & {*np.argsort(other)[-count:]}) / count)
        print(f"{folder} | {members} | {between:.3f} | {noise:.3f} | {np.mean(ranks):.2f} | {np.mean(same):.2f}")


def measured(run: Run) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """Return the scores [members, times] of the last states, higher is better."""
    task = run.problem()
    assert isinstance(task, GanTask)
    assert run.folder is not None
    scorer = read_scorer(scorers(run.folder), "select", task.dataset)
    assert scorer is not None
    key = "cs" if scorer["card"]["predicts"] == "labels" else "fcd"
    network, score = network_of(scorer, "cpu"), SCORES[key]
    reference = None if score.reference is None else score.reference(scorer["reference"])
    count = int(run.config["metrics"]["samples"])
    sign = 1.0 if score.better == "higher" else -1.0
    living = [member for member in run.history.last if member not in run.history.retirements]
    return np.array(
        [
            [
                sign
                * score.measure(
                    network(torch.from_numpy(run.sample(count, member=str(member), seed=1_000_003 + time))), reference
                )
                for time in range(TIMES)
            ]
            for member in living
        ]
    )


if __name__ == "__main__":
    main()
