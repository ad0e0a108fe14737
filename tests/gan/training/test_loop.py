from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from pbt_gan import codec
from pbt_gan.core.rng import stream
from pbt_gan.gan.data.source import ImagesInMemory
from pbt_gan.gan.games.table import GAMES as TABLE
from pbt_gan.gan.nets.members_in_channels import MembersInChannels
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.task import GanTask
from pbt_gan.gan.training import loop as loop_module
from pbt_gan.gan.training.draws import Needs, drawn
from pbt_gan.gan.training.loop import BLOCK, LAG, Loop, dtype_of, make_step
from pbt_gan.gan.training.stacking import leaves
from pbt_gan.gan.training.step import Step
from pbt_gan.gan.training.team import Team, Trainee

IMAGES = np.random.default_rng(0).integers(0, 256, (100, 8, 8, 1), np.uint8)

SMALL = {"width": 4, "z_size": 8, "batch_size": 8}


def make(**arguments):
    return loop_of(GanSettings(**{**SMALL, **arguments}), IMAGES)


def loop_of(settings, images):
    step = make_step(settings, images.shape[1], images.shape[3])
    return Loop(settings, step, ImagesInMemory(images, "cpu", dtype_of(settings)), "cpu")


def streams(block):
    return stream(0, "train", block)


def trained(loop, steps=3, **hyperparams):
    (training,) = loop.train([loop.init(stream(0, "init"))], [hyperparams], steps, [streams])
    return training


def same(one, other):
    return all(torch.equal(*pair) for pair in zip(leaves(one), leaves(other), strict=True))


@pytest.mark.slow
def test_equal_streams_give_equal_bits():
    assert same(trained(make(), BLOCK + 5).state, trained(make(), BLOCK + 5).state)


@pytest.mark.slow
def test_a_state_that_was_encoded_between_two_orders_goes_on_with_the_same_bits():
    loop = make()
    kept = trained(loop, 20).state
    read = codec.decode(codec.encode(kept))
    one, other = (loop.train([state], [{"lr_g": 1e-3}], 20, [streams])[0].state for state in (kept, read))
    assert same(one, other)
    assert codec.encode(one) == codec.encode(other)


@pytest.mark.slow
def test_each_block_of_steps_draws_from_a_stream_of_its_own():
    asked = []

    def noted(block):
        asked.append(block)
        return streams(block)

    loop = make()
    loop.train([loop.init(stream(0, "init"))], [{}], 2 * BLOCK + 1, [noted])
    assert asked == [0, 1, 2]


@pytest.mark.slow
def test_members_that_have_chosen_different_games_become_what_they_become_alone():
    loop = make()
    chosen = [{"loss": "hinge"}, {"loss": "non-saturating"}, {"loss": "hinge", "n_critic": 2}, {}]
    states = [loop.init(stream(0, "init", member)) for member in range(4)]
    alone = [loop.train([codec.clone(s)], [values], 3, [streams])[0] for s, values in zip(states, chosen, strict=True)]
    together = loop.train(states, chosen, 3, [streams] * 4)
    for one, other, values in zip(alone, together, chosen, strict=True):
        assert same(one.state, other.state)
        assert one.hyperparams == other.hyperparams == values
        assert one.metrics == other.metrics
    for member, loss in ((0, "hinge"), (1, "non-saturating")):
        fresh = make(loss=loss)
        (expected,) = fresh.train([fresh.init(stream(0, "init", member))], [{}], 3, [streams])
        assert same(expected.state, alone[member].state)


def test_a_step_that_plays_another_game_than_was_chosen_is_found_out(monkeypatch):
    monkeypatch.setattr(loop_module, "chosen", lambda settings, values: settings)
    assert trained(make(), steps=1, loss="hinge").hyperparams == {"loss": "non-saturating"}


CHANGES = {
    "lr_g": 1e-3,
    "lr_d": 1e-3,
    "beta1": 0.6,
    "beta2": 0.9,
    "n_critic": 2,
    "ema_half_life_kimg": 2.0,
    "label_smoothing": 0.05,
    "gp_weight": 5.0,
}


GAMES: list[dict[str, Any]] = [{}, {"loss": "hinge"}, {"loss": "wgan-gp", "discriminator_norm": "none"}]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "arguments"),
    [(name, arguments) for arguments in GAMES for name in GanTask(**arguments).settings.scalars()],
)
def test_changing_one_scalar_alone_changes_the_next_state(name, arguments):
    loop = make(**arguments)
    two_steps = trained(loop, 2), trained(loop, 2, **{name: CHANGES[name]})
    assert not same(two_steps[0].state, two_steps[1].state)
    assert two_steps[1].hyperparams == {name: CHANGES[name]}


def test_a_rate_moves_its_own_net_alone_in_the_first_update():
    loop = make()
    usual, other = (trained(loop, 1, lr_g=rate).state for rate in (1e-3, 2e-3))
    assert torch.equal(usual["d"]["params"], other["d"]["params"])
    assert not torch.equal(usual["g"]["params"], other["g"]["params"])


def test_values_in_force_are_read_back_exactly_and_only_those_that_were_ordered():
    ordered = {"lr_g": 1 / 3e3, "beta1": 0.1 + 0.2, "n_critic": 3}
    training = trained(make(), 1, **ordered)
    assert training.hyperparams == ordered
    assert isinstance(training.hyperparams["n_critic"], int)


def test_n_critic_counts_the_updates_of_the_discriminator(monkeypatch):
    updates = {"g": 0, "d": 0}
    for net, method in (("d", "update_discriminator"), ("g", "update_generator")):
        own = getattr(Step, method)

        def counted(self, *given, net=net, own=own):
            updates[net] += 1
            return own(self, *given)

        monkeypatch.setattr(Step, method, counted)
    training = trained(make(), 4, n_critic=3)
    assert updates == {"g": 4, "d": 12}
    assert training.images == 12 * 8


NEEDS = Needs(dataset_size=100, batch_size=8, z_size=4, game=TABLE["wgan-gp"], image=(1, 8, 8))


def test_every_update_gets_fresh_numbers_and_real_images_come_from_everywhere():
    critic, generator = drawn(NEEDS, 50, [2], [stream(0)], "cpu")
    assert [each["indices"].shape for each in critic] == 2 * [(50, 1, 8)]
    assert [each["z"].shape for each in critic] == 2 * [(50, 1, 8, 4)]
    assert {name: numbers.shape for name, numbers in generator.items()} == {"z": (50, 1, 8, 4)}
    assert [each["mix"].shape for each in critic] == 2 * [(50, 1, 8)]
    assert torch.cat([each["indices"] for each in critic]).unique().tolist() == list(range(100))
    latents = torch.cat([*(each["z"] for each in critic), generator["z"]])
    assert len(latents.unique()) > 0.99 * latents.numel()
    assert latents.std().item() == pytest.approx(1, abs=0.05)
    mix = torch.cat([each["mix"] for each in critic])
    assert 0 <= mix.min() < mix.max() < 1


def test_the_numbers_of_a_member_do_not_depend_on_who_is_drawn_for_beside_it():
    group = drawn(NEEDS, 5, [3, 2, 1], [stream(0, member) for member in range(3)], "cpu")
    assert [each["z"].shape[1] for each in group.critic] == [3, 2, 1]
    for member, updates in enumerate([3, 2, 1]):
        alone = drawn(NEEDS, 5, [updates], [stream(0, member)], "cpu")
        assert torch.equal(group.generator["z"][:, member], alone.generator["z"][:, 0])
        for mine, own in zip(alone.critic, group.critic, strict=False):
            assert all(torch.equal(mine[name][:, 0], own[name][:, member]) for name in mine)


def test_metrics_are_means_over_the_order():
    one, two = (trained(make(), steps).metrics for steps in (1, 2))
    assert set(one) == {"loss_g", "loss_d", "logit_real", "logit_fake"}
    assert one != two
    assert set(trained(make(loss="wgan-gp", discriminator_norm="none"), 1).metrics) == {*one, "penalty"}


def test_without_an_average_none_is_kept():
    assert "average" in trained(make()).state["g"]
    assert "average" not in trained(make(ema=False)).state["g"]


def test_a_rate_that_is_far_too_high_is_no_error():
    training = trained(make(bias_before_norm=True), 20, lr_g=1e30, lr_d=1e30)
    assert set(training.metrics) >= {"loss_g", "loss_d"}


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_weights_and_moments_are_kept_in_full_precision(dtype):
    kept = trained(make(dtype=dtype)).state
    full = torch.float64 if dtype == "float64" else torch.float32
    for net in (kept["g"], kept["d"]):
        assert {net["params"].dtype, net["moments"]["mean"].dtype, net["moments"]["square"].dtype} == {full}


# Groups


MEMBERS: list[dict[str, Any]] = [{"lr_g": 1e-3}, {"lr_d": 4e-3, "n_critic": 3}, {"beta1": 0.2}, {"n_critic": 2}]


def together(loop, members, steps, **hyperparams):
    return loop.train(
        [loop.init(stream(0, "init", member)) for member in members],
        [{**MEMBERS[member], **hyperparams} for member in members],
        steps,
        [partial(stream, 0, "train", member) for member in members],
    )


@pytest.mark.slow
@pytest.mark.parametrize("arguments", GAMES)
def test_members_of_a_group_become_what_each_becomes_alone(arguments):
    loop = make(**arguments)
    group = together(loop, range(4), BLOCK + 5)
    for member, training in enumerate(group):
        (alone,) = together(loop, [member], BLOCK + 5)
        assert same(training.state, alone.state)
        assert training.metrics == alone.metrics
        assert training.images == alone.images
        assert training.hyperparams == alone.hyperparams == MEMBERS[member]


@pytest.mark.slow
def test_members_of_large_images_too_become_what_each_becomes_alone():
    loop = loop_of(GanSettings.model_validate(SMALL), np.zeros((10, 32, 32, 1), np.uint8))
    for member, training in enumerate(together(loop, range(2), 3)):
        assert same(training.state, together(loop, [member], 3)[0].state)


@pytest.fixture
def stacked_everywhere(monkeypatch):
    """Let large images be trained in one program on a CPU too, as they are on a GPU."""
    monkeypatch.setattr(MembersInChannels, "exact", True)


@pytest.mark.slow
def test_large_images_in_one_program_stay_equal_to_each_alone(stacked_everywhere):
    loop = loop_of(
        GanSettings.model_validate({**SMALL, "dtype": "float64"}),
        np.random.default_rng(0).integers(0, 256, (30, 32, 32, 3), np.uint8),
    )
    group = together(loop, range(3), 5)
    for member, training in enumerate(group):
        (alone,) = together(loop, [member], 5)
        assert training.images == alone.images
        for one, other in zip(leaves(training.state), leaves(alone.state), strict=True):
            assert (one - other).abs().max() <= 1e-9 * one.abs().max()


@pytest.mark.slow
def test_a_member_that_diverges_is_trained_no_further_and_its_neighbours_do_not_notice():
    loop, steps = make(), 4 * BLOCK
    group = loop.train(
        [loop.init(stream(0, "init", member)) for member in range(3)],
        [{}, {"lr_g": 1e38, "lr_d": 1e38}, {"n_critic": 2}],
        steps,
        [partial(stream, 0, "train", member) for member in range(3)],
    )
    assert [training.images for training in group] == [8 * steps, 8 * LAG * BLOCK, 16 * steps]
    assert not all(leaf.isfinite().all() for leaf in leaves(group[1].state))
    for member, hyperparams in ((0, {}), (2, {"n_critic": 2})):
        (alone,) = loop.train(
            [loop.init(stream(0, "init", member))], [hyperparams], steps, [partial(stream, 0, "train", member)]
        )
        assert same(group[member].state, alone.state)


@pytest.mark.slow
def test_those_who_go_on_keep_their_order(monkeypatch):
    """On a GPU the bits of a member may depend on its place."""
    made: list[list[Trainee]] = []

    class Noted(Team):
        def __init__(self, trainees, device):
            super().__init__(trainees, device)
            made.append(self.trainees)

    monkeypatch.setattr(loop_module, "Team", Noted)
    loop = make()
    loop.train(
        [loop.init(stream(0, "init", member)) for member in range(8)],
        [{"lr_g": 1e38, "lr_d": 1e38} if member == 2 else {} for member in range(8)],
        3 * BLOCK,
        [partial(stream, 0, "train", member) for member in range(8)],
    )
    before, after = made
    assert after == [trainee for trainee in before if trainee is not before[2]]


@pytest.mark.slow
def test_a_group_of_which_all_have_diverged_is_done():
    group = together(make(), range(3), 10 * BLOCK, lr_g=1e38, lr_d=1e38)
    assert all(training.images < 8 * 10 * BLOCK for training in group)


def test_a_member_alone_is_trained_in_the_memory_it_is_given():
    loop = make()
    state = loop.init(stream(0, "init"))
    (training,) = loop.train([state], [{}], 1, [streams])
    assert training.state["g"]["params"].data_ptr() == state["g"]["params"].data_ptr()
