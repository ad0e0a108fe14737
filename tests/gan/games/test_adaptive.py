import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.gan.games.adaptive import AT_BIRTH, UPDATES, remember

BATCH = 8


def scalars(target=0.6, kimg=0.5):
    return {
        name: torch.tensor([[value]], dtype=torch.float64)
        for name, value in (("augment_target", target), ("augment_kimg", kimg))
    }


def at_birth(members=1):
    return {name: torch.full((members,), value, dtype=torch.float64) for name, value in AT_BIRTH.items()}


def after(memory, logits, hyper):
    """Return what is remembered after updates, whose logits of reals are [updates, P, B]."""
    for on_real in logits:
        memory = remember(memory, on_real, on_real.shape[1], hyper)
    return memory


def plain_chance(logits, target, kimg):
    """Compute the chance as a training loop without populations does, in numbers of Python."""
    chance, signs = 0.0, []
    for on_real in logits:
        signs += [1.0 if logit > 0 else -1.0 if logit < 0 else 0.0 for logit in on_real]
        if len(signs) == UPDATES * BATCH:
            r_t = sum(signs) / len(signs)
            direction = 1 if r_t > target else -1 if r_t < target else 0
            chance = min(1.0, max(0.0, chance + direction * len(signs) / (1_000 * kimg)))
            signs = []
    return chance


@given(
    seed=st.integers(0, 2**32 - 1),
    updates=st.integers(1, 60),
    shift=st.floats(-1, 3),
    target=st.floats(-0.5, 0.9),
    kimg=st.floats(0.05, 5),
)
def test_the_chance_is_that_of_a_plain_loop_and_stays_between_0_and_1(seed, updates, shift, target, kimg):
    logits = torch.randn(updates, 1, BATCH, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + shift
    memory = after(at_birth(), logits, scalars(target, kimg))
    assert 0 <= memory["augment_p"].item() <= 1
    assert memory["augment_p"].item() == pytest.approx(plain_chance(logits[:, 0].tolist(), target, kimg))


def test_it_rises_while_a_discriminator_knows_all_reals_by_heart_and_falls_when_it_is_unsure():
    sure, unsure = torch.full((40, 1, BATCH), 5.0), torch.zeros(40, 1, BATCH)
    risen = after(at_birth(), sure, scalars())
    assert risen["augment_p"].item() == pytest.approx(40 * BATCH / 500)
    fallen = after(risen, unsure[:20], scalars())
    assert fallen["augment_p"].item() == pytest.approx(20 * BATCH / 500)
    assert after(fallen, unsure, scalars())["augment_p"].item() == 0
    assert after(risen, sure, scalars())["augment_p"].item() == 1


def test_it_moves_after_every_fourth_update_and_stays_where_it_is_between():
    memory, seen = at_birth(), []
    for _ in range(9):
        memory = remember(memory, torch.ones(1, BATCH), BATCH, scalars())
        seen.append(memory["augment_p"].item())
    step = UPDATES * BATCH / 500
    assert seen == pytest.approx([0, 0, 0, *[step] * 4, *[2 * step] * 2])


def test_each_member_has_its_own():
    logits = torch.stack([torch.full((8, BATCH), 1.0), torch.full((8, BATCH), -1.0)], 1)
    hyper = {name: value.expand(2, 1) for name, value in scalars().items()}
    assert after(at_birth(2), logits, hyper)["augment_p"].tolist() == pytest.approx([8 * BATCH / 500, 0])


def test_several_logits_of_an_image_count_as_one_image():
    def chance(logits):
        memory = at_birth()
        for _ in range(UPDATES):
            memory = remember(memory, torch.ones(1, logits), BATCH, scalars())
        return memory["augment_p"].item()

    assert 0 < chance(BATCH) == chance(50 * BATCH)
