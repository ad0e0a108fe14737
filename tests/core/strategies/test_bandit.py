import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.rng import stream
from pbt_gan.core.strategies.bandit import probabilities
from pbt_gan.core.strategies.observations import ranks

ROWS = st.lists(st.tuples(st.integers(0, 3), st.floats(-0.5, 0.5)), max_size=60)


def test_two_rows_worked_by_hand():
    # Two arms, two rows: γ = √(2 ln 2 / (2 (e - 1))) = 0.635134, and weights get e / 4 of their sum.
    gamma = math.sqrt(2 * math.log(2) / (2 * (math.e - 1)))
    assert gamma == pytest.approx(0.635134, abs=1e-6)
    # Arm 0 with reward ½, p = ½: its weight times exp(γ/2) = 1.373777; both get 0.679570 · 2.373777 = 1.613149.
    first, second = 1.373777 + 1.613149, 1.0 + 1.613149
    # Arm 1 with reward -½: p = (1 - γ) share + γ/2.
    p = (1 - gamma) * second / (first + second) + gamma / 2
    second *= math.exp(-gamma / 4 / p)
    more = math.e / 4 * (first + second)
    first, second = first + more, second + more
    expected = (1 - gamma) * first / (first + second) + gamma / 2
    assert probabilities([0, 1], [0.5, -0.5], 2) == pytest.approx([expected, 1 - expected], abs=1e-5)


@given(ROWS)
def test_every_arm_is_tried_now_and_then(rows):
    codes, rewards = zip(*rows, strict=True) if rows else ((), ())
    found = probabilities(codes, rewards, 4)
    gamma = min(1.0, math.sqrt(4 * math.log(4) / ((math.e - 1) * max(len(rows), 1))))
    assert found.sum() == pytest.approx(1)
    assert (found >= gamma / 4 - 1e-12).all()


def test_what_has_seen_nothing_prefers_nothing():
    assert probabilities([], [], 3) == pytest.approx([1 / 3] * 3)


def centred(gains):
    return ranks(np.array(gains)) - 0.5


def played(seed, rewards_of, rows=150):
    """Let it choose by itself; return the last probabilities."""
    rng = stream(seed)
    codes, gains = list[int](), list[float]()
    for turn in range(rows):
        codes.append(int(rng.choice(3, p=probabilities(codes, centred(gains), 3))))
        gains.append(rewards_of(codes[-1], turn) + rng.normal())
    return probabilities(codes, centred(gains), 3)


@pytest.mark.slow
def test_it_comes_to_prefer_the_better_arm_and_notices_when_another_is():
    better = np.mean([played(seed, lambda code, turn: 2.0 * (code == 1)) for seed in range(6)], axis=0)
    assert better.argmax() == 1
    assert better[1] > 0.5
    changed = np.mean(
        [played(seed, lambda code, turn: 2.0 * (code == (1 if turn < 60 else 2))) for seed in range(6)], axis=0
    )
    assert changed.argmax() == 2


def test_an_arm_gains_nothing_by_being_kept_often():
    found = []
    for seed in range(40):
        rng = stream(seed, "often")
        codes = (rng.random(100) < 0.1).astype(int).tolist()  # nine of ten rows are of arm 0
        found.append(probabilities(codes, centred(rng.normal(size=100)), 2)[0])
    assert np.mean(found) == pytest.approx(0.5, abs=0.06)
