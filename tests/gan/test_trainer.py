from typing import Any

import numpy as np
import pytest
import torch

from pbt_gan import codec
from pbt_gan.core.rng import stream
from pbt_gan.gan.draws import Needs, draw
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.step import Step
from pbt_gan.gan.task import GanTask
from pbt_gan.gan.trainer import BLOCK, Trainer, leaves, to_uint8

IMAGES = np.random.default_rng(0).integers(0, 256, (100, 8, 8, 1), np.uint8)

SMALL = {"width": 4, "z_size": 8, "batch_size": 8}


def make(**arguments):
    return Trainer(GanSettings(**{**SMALL, **arguments}), IMAGES, "cpu")


def streams(block):
    return stream(0, "train", block)


def trained(trainer, steps=3, **hyperparams):
    return trainer.train(trainer.init(stream(0, "init")), hyperparams, steps, streams)


def same(one, other):
    return all(torch.equal(*pair) for pair in zip(leaves(one), leaves(other), strict=True))


def test_equal_streams_give_equal_bits():
    assert same(trained(make(), BLOCK + 5).state, trained(make(), BLOCK + 5).state)


def test_a_state_that_was_encoded_between_two_orders_goes_on_with_the_same_bits():
    trainer = make()
    kept = trained(trainer, 20).state
    read = codec.decode(codec.encode(kept))
    one, other = (trainer.train(state, {"lr_g": 1e-3}, 20, streams).state for state in (kept, read))
    assert same(one, other)
    assert codec.encode(one) == codec.encode(other)


def test_each_block_of_steps_draws_from_a_stream_of_its_own():
    asked = []

    def noted(block):
        asked.append(block)
        return streams(block)

    trainer = make()
    trainer.train(trainer.init(stream(0, "init")), {}, 2 * BLOCK + 1, noted)
    assert asked == [0, 1, 2]


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


@pytest.mark.parametrize(
    ("name", "arguments"),
    [(name, arguments) for arguments in GAMES for name in GanTask(**arguments).space],
)
def test_changing_one_scalar_alone_changes_the_next_state(name, arguments):
    trainer = make(**arguments)
    two_steps = trained(trainer, 2), trained(trainer, 2, **{name: CHANGES[name]})
    assert not same(two_steps[0].state, two_steps[1].state)
    assert two_steps[1].hyperparams == {name: CHANGES[name]}


def test_a_rate_moves_its_own_net_alone_in_the_first_update():
    trainer = make()
    usual, other = (trained(trainer, 1, lr_g=rate).state for rate in (1e-3, 2e-3))
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


def test_every_update_gets_fresh_numbers_and_real_images_come_from_everywhere():
    needs = Needs(dataset_size=100, batch_size=8, z_size=4, mix=True)
    draws = draw(needs, 50, 2, stream(0), torch.float32, "cpu")
    assert draws.indices.shape == (50, 2, 8)
    assert draws.z.shape == (50, 3, 8, 4)
    assert draws.mix.shape == (50, 2, 8)
    assert draws.indices.unique().tolist() == list(range(100))
    assert len(draws.z.unique()) > 0.99 * draws.z.numel()
    assert draws.z.std().item() == pytest.approx(1, abs=0.05)
    assert 0 <= draws.mix.min() < draws.mix.max() < 1


def test_metrics_are_means_over_the_order():
    one, two = (trained(make(), steps).metrics for steps in (1, 2))
    assert set(one) == {"loss_g", "loss_d", "logit_real", "logit_fake"}
    assert one != two
    assert set(trained(make(loss="wgan-gp", discriminator_norm="none"), 1).metrics) == {*one, "penalty"}


def test_without_an_average_none_is_kept():
    assert "average" in trained(make()).state["g"]
    assert "average" not in trained(make(ema=False)).state["g"]


@pytest.mark.parametrize("sampling_norm", ["running", "batch"])
def test_the_first_images_do_not_depend_on_how_many_follow(sampling_norm):
    trainer = make(sampling_norm=sampling_norm)
    state = trained(trainer).state
    few, many = (trainer.generate(state, count, stream(0, "eval")) for count in (7, 230))
    assert few is not None
    assert many is not None
    assert few.shape == (7, 8, 8, 1)
    assert many.shape == (230, 8, 8, 1)
    assert torch.equal(few, many[:7])


def test_images_come_from_the_average_where_there_is_one():
    trainer = make()
    state = trained(trainer).state
    before = trainer.show(state, 10, stream(0, "eval"))
    state["g"]["params"] += 1.0
    assert np.array_equal(before, trainer.show(state, 10, stream(0, "eval")))
    state["g"]["average"]["params"] += 1.0
    assert not np.array_equal(before, trainer.show(state, 10, stream(0, "eval")))


def test_making_images_changes_no_state():
    trainer = make()
    state = trained(trainer).state
    before = codec.encode(state)
    trainer.generate(state, 10, stream(0, "eval"))
    trainer.show(state, 10, stream(0, "eval"))
    assert codec.encode(state) == before


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_diverged_member_makes_no_images_for_the_score_stays_diverged_and_shows_grey(value):
    trainer = make()
    state = trained(trainer).state
    state["g"]["params"][:] = value
    state["g"]["average"]["params"][:] = value
    assert trainer.generate(state, 10, stream(0, "eval")) is None
    assert set(trainer.show(state, 3, stream(0, "eval")).ravel()) == {128}
    later = trainer.train(state, {}, 2, streams)
    assert trainer.generate(later.state, 10, stream(0, "eval")) is None


def test_a_rate_that_is_far_too_high_is_no_error():
    training = trained(make(bias_before_norm=True), 20, lr_g=1e30, lr_d=1e30)
    assert set(training.metrics) >= {"loss_g", "loss_d"}


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_weights_and_moments_are_kept_in_full_precision(dtype):
    kept = trained(make(dtype=dtype)).state
    full = torch.float64 if dtype == "float64" else torch.float32
    for net in (kept["g"], kept["d"]):
        assert {net["params"].dtype, net["moments"]["mean"].dtype, net["moments"]["square"].dtype} == {full}


def test_pixels_are_rounded_to_the_nearest_of_256_values():
    values = torch.tensor([-1.0, -0.999, 0.0, 0.5, 0.999, 1.0]).view(1, 1, 2, 3)
    assert to_uint8(values).flatten().tolist() == [0, 0, 128, 191, 255, 255]
    grey = torch.arange(256).view(1, 1, 16, 16) / 127.5 - 1
    assert to_uint8(grey).flatten().tolist() == list(range(256))
