"""What is added to a step by settings: ramps, flips, classes, lazy penalties, what nets draw and what a game keeps."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch

from pbt_gan.core.rng import stream
from pbt_gan.gan.data.source import ImagesInMemory
from pbt_gan.gan.drawn import NOTHING, normals, uniforms
from pbt_gan.gan.games import table as games
from pbt_gan.gan.games.game import Game, Penalty
from pbt_gan.gan.nets import table as nets
from pbt_gan.gan.nets.layout import Layout
from pbt_gan.gan.nets.net import Answers, Net, Pair
from pbt_gan.gan.nets.table import Architecture
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.training.batches import Batches
from pbt_gan.gan.training.loop import BLOCK, Loop, make_step
from pbt_gan.gan.training.optim import average_
from pbt_gan.gan.training.stacking import leaves

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), np.uint8)
LABELS = np.arange(40) % 3
SMALL: dict[str, Any] = {"width": 4, "z_size": 8, "batch_size": 8}


def loop_of(classes=0, images=IMAGES, **arguments):
    settings = GanSettings.model_validate({**SMALL, **arguments})
    source = ImagesInMemory(images, "cpu", torch.float32)
    labels = LABELS if classes else None
    return Loop(settings, make_step(settings, 8, 1, classes=classes), source, "cpu", labels, classes)


def trained(loop, members=1, steps=3, **hyperparams):
    return loop.train(
        [loop.init(stream(0, "init", member)) for member in range(members)],
        [hyperparams] * members,
        steps,
        [lambda block, member=member: stream(0, "train", member, block) for member in range(members)],
    )


def same(one, other):
    return all(torch.equal(*pair) for pair in zip(leaves(one.state), leaves(other.state), strict=True))


def close(one, other):
    """Whether two are one but for rounding: products of the nets below depend on the size of a group in their bits."""
    pairs = zip(leaves(one.state), leaves(other.state), strict=True)
    return all(torch.allclose(*pair, rtol=1e-4, atol=1e-6) for pair in pairs)


# Averages


def test_an_average_with_a_ramp_forgets_where_it_began_and_then_keeps_its_half_life():
    half_life, batch, average = torch.tensor([[2.0]], dtype=torch.float64), 100, torch.zeros(1, 1, dtype=torch.float64)
    kimg, expected = 0.0, 0.0
    for step in range(1, 2_000):
        kimg += batch / 1_000
        most = torch.tensor([[0.05 * kimg]], dtype=torch.float64)
        assert torch.equal(average_(average, torch.ones_like(average), half_life, batch, most), half_life)
        decay = 0.5 ** (batch / 1_000 / min(2.0, 0.05 * kimg))
        expected = 1 - (1 - expected) * decay
        assert average.item() == pytest.approx(expected)
        if step == 20:  # a whole half-life of 2,000 images would have left half of it
            assert average.item() > 0.999


def test_the_images_that_a_ramp_counts_travel_with_the_weights():
    loop = loop_of(ema_rampup=0.05)
    (first,) = trained(loop, steps=3)
    assert first.state["g"]["average"]["kimg"].tolist() == [3 * 8 / 1_000]
    assert "kimg" not in trained(loop_of())[0].state["g"]["average"]
    group = trained(loop, members=3)
    assert same(group[0], first)


# Reals


def test_half_of_the_reals_are_mirrored_and_all_else_is_drawn_as_before(monkeypatch):
    lopsided = np.zeros((40, 8, 8, 1), np.uint8)
    lopsided[:, :, :4] = 255
    seen = []

    class Watched(Batches):
        def of(self, draws, at):
            critic, generator = super().of(draws, at)
            seen.extend([*critic, generator])
            return critic, generator

    monkeypatch.setattr("pbt_gan.gan.training.loop.Batches", Watched)

    def batches(**arguments):
        seen.clear()
        settings = GanSettings.model_validate({**SMALL, **arguments})
        source = ImagesInMemory(lopsided, "cpu", torch.float32)
        trained(Loop(settings, make_step(settings, 8, 1), source, "cpu"), steps=100)
        return list(seen)

    plain, flipped = batches(), batches(flips=True)
    left = torch.cat([batch["real"][0, :, 0, 0, 0] > 0 for batch in flipped if "real" in batch])
    assert 0.4 < left.float().mean() < 0.6  # of 800
    for one, other in zip(plain, flipped, strict=True):
        assert torch.equal(one["z"], other["z"])


# Classes


@dataclass(frozen=True)
class Linear(Net):
    """Products whose outcome moves with the class; it takes down what it is told."""

    ins: int
    outs: int
    classes: int
    image: tuple[int, ...] | None
    told: list[Any] = field(default_factory=list)
    exact = True

    @property
    def layout(self):
        return Layout({"weight": (self.outs, self.ins), "by_class": (self.classes, self.outs)})

    def initial_params(self, rng):
        return torch.from_numpy(0.1 * rng.standard_normal(self.layout.size, np.float32))

    def __call__(self, params, buffers, x, labels=None, drawn=NOTHING, *, training):
        self.told.append((x, labels, drawn))
        y = x.flatten(2) @ params["weight"].mT + labels @ params["by_class"]
        return (y.tanh().view(*x.shape[:2], *self.image) if self.image else y.squeeze(2)), buffers


def told_to(net):
    return net.told


def make_linear(shape, settings, layers):
    pixels = shape.channels * shape.size**2
    image = (shape.channels, shape.size, shape.size)
    return Pair(Linear(settings.z_size, pixels, shape.classes, image), Linear(pixels, 1, shape.classes, None))


@pytest.fixture
def linear(monkeypatch):
    monkeypatch.setattr(nets, "NETS", {**nets.NETS, "linear": Architecture(f"{__file__}:make_linear")})


def test_reals_come_with_their_labels_and_fakes_are_asked_for_as_often_as_classes_are_there(linear):
    loop = loop_of(classes=3, net="linear", loss="hinge")
    trained(loop, steps=BLOCK)
    told = told_to(loop.step.discriminator)
    shown = {tuple(image.flatten().tolist()): label for image, label in zip(IMAGES / 127.5 - 1, LABELS, strict=True)}
    reals = 0
    for images, labels, _ in told:
        assert torch.equal(labels.sum(2), torch.ones(labels.shape[:2]))
        for image, label in zip(images[0].flatten(1), labels[0].argmax(1), strict=True):
            known = shown.get(tuple(torch.as_tensor(image).double().tolist()))
            reals += known is not None
            assert known is None or known == label
    asked = torch.cat([labels[0] for _, labels, _ in told_to(loop.step.generator)])
    assert (asked.mean(0) - torch.tensor([14, 13, 13]) / 40).abs().max() < 0.07  # of 800


def test_members_of_classes_train_side_by_side_as_alone(linear):
    loop = loop_of(classes=3, net="linear", loss="hinge")
    assert close(trained(loop, members=3)[0], trained(loop)[0])


# Penalties


def nearness(update):
    return update.on_real.square().mean(1)


def test_a_lazy_penalty_acts_in_each_so_manieth_step_and_as_much_stronger(monkeypatch):
    acted = []

    def value(update):
        acted.append(update.on_real.detach())
        return nearness(update)

    game = Game(games.LOSSES["hinge"], (Penalty("near", value, weight="r1_weight", lazy=True),))
    monkeypatch.setattr(games, "GAMES", {**games.GAMES, "lazy": game})
    (training,) = trained(loop_of(loss="lazy", penalty_interval=4), steps=BLOCK + 4, r1_weight=0.3)
    assert len(acted) == 14  # at 0, 4, …, 52: blocks do not begin to count anew
    assert training.metrics["near"] == pytest.approx(torch.stack(acted).square().mean().item(), rel=1e-5)
    assert training.hyperparams == {"r1_weight": 0.3}
    once = trained(loop_of(loss="lazy", penalty_interval=4), steps=1, r1_weight=0.3)
    whole = trained(loop_of(loss="lazy"), steps=1, r1_weight=1.2)
    assert same(once[0], whole[0])


def test_what_a_penalty_keeps_is_the_members_own_and_stays_with_it(monkeypatch):
    def remember(update):
        return {"count": update.memory["count"] + 1, "mean": update.on_real.mean(1)}

    def value(update):
        return update.on_real.mean(1) * update.memory["count"]

    penalty = Penalty("kept", value, "r1_weight", memory={"count": 5.0, "mean": 0.0}, remember=remember)
    monkeypatch.setattr(games, "GAMES", {**games.GAMES, "kept": Game(games.LOSSES["hinge"], (penalty,))})
    loop = loop_of(loss="kept")
    group = trained(loop, members=3, steps=4, n_critic=2)
    for training in group:
        count, mean = training.state["game"]["memory"].tolist()
        assert count == 5 + 8
        assert mean != 0
    assert same(group[0], trained(loop, steps=4, n_critic=2)[0])


# Draws and lessons of nets


@dataclass(frozen=True)
class Noisy(Linear):
    """A generator that adds what was drawn, or a discriminator that learns from reals to guess a number drawn."""

    @property
    def draws(self):
        return {"noise": normals(*self.image)} if self.image else {"guess": uniforms()}

    @property
    def lessons(self):
        return () if self.image else ("reconstruction_weight",)

    def __call__(self, params, buffers, x, labels=None, drawn=NOTHING, *, training):
        self.told.append((x, labels, drawn))
        y = x.flatten(2) @ params["weight"].mT
        if self.image:
            y = y.view(*x.shape[:2], *self.image)
            return (y + drawn["noise"] if drawn else y).tanh(), buffers
        return y.squeeze(2), buffers

    def each(self, params, buffers, batches, drawn=NOTHING, *, training):
        said = super().each(params, buffers, batches, training=training)
        lesson = (said.logits[0] - drawn["guess"]).square().mean(1)
        return Answers(said.logits, said.buffers, {"reconstruction_weight": lesson})


def make_noisy(shape, settings, layers):
    pixels = shape.channels * shape.size**2
    image = (shape.channels, shape.size, shape.size)
    return Pair(Noisy(settings.z_size, pixels, 1, image), Noisy(pixels, 1, 1, None))


def test_nets_are_given_what_they_have_declared_and_their_lessons_are_minimised(monkeypatch):
    architecture = Architecture(f"{__file__}:make_noisy", lessons=("reconstruction_weight",))
    monkeypatch.setattr(nets, "NETS", {**nets.NETS, "noisy": architecture})
    loop = loop_of(net="noisy", loss="hinge")
    (training,) = trained(loop, steps=2, n_critic=2, reconstruction_weight=3.0)
    noises = [drawn["noise"] for *_, drawn in told_to(loop.step.generator) if drawn]  # not those of health checks
    assert len(noises) == 2 * (2 + 1)
    assert all(noise.shape == (1, 8, 1, 8, 8) for noise in noises)
    assert len({noise.sum().item() for noise in noises}) == len(noises)
    assert training.hyperparams == {"n_critic": 2, "reconstruction_weight": 3.0}
    assert "reconstruction" in training.metrics
    assert not same(training, trained(loop, steps=2, n_critic=2, reconstruction_weight=1.0)[0])
    assert close(trained(loop, members=3)[0], trained(loop)[0])
