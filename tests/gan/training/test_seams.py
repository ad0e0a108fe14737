"""What comes later fits in through the tables: another loss, penalty, augmentation, net, or source of images."""

from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import softplus

from pbt_gan.core.rng import stream
from pbt_gan.errors import ConfigError
from pbt_gan.gan.data.source import ImagesInMemory, scaled
from pbt_gan.gan.drawn import NOTHING, uniform
from pbt_gan.gan.games import table as games
from pbt_gan.gan.games.game import Augmentation, Game, Loss, Penalty, Transform, Update
from pbt_gan.gan.nets import table as nets
from pbt_gan.gan.nets.layout import Layout
from pbt_gan.gan.nets.net import Net, Pair
from pbt_gan.gan.nets.table import Architecture
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.shown import Shown
from pbt_gan.gan.task import GanTask
from pbt_gan.gan.training.loop import BLOCK, Loop, make_step
from pbt_gan.gan.training.sampler import Sampler
from pbt_gan.gan.training.stacking import leaves

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), np.uint8)
SMALL: dict[str, Any] = {"width": 4, "z_size": 8, "batch_size": 8, "discriminator_norm": "none"}


def loop_of(images=None, **arguments):
    settings = GanSettings.model_validate({**SMALL, **arguments})
    images = images or ImagesInMemory(IMAGES, "cpu", torch.float32)
    return Loop(settings, make_step(settings, 8, 1), images, "cpu")


def trained(loop, members=1, steps=3, **hyperparams):
    return loop.train(
        [loop.init(stream(0, "init", member)) for member in range(members)],
        [hyperparams] * members,
        steps,
        [lambda block, member=member: stream(0, "train", member, block) for member in range(members)],
    )


def same(one, other):
    return all(torch.equal(*pair) for pair in zip(leaves(one.state), leaves(other.state), strict=True))


@pytest.fixture
def add(monkeypatch):
    """Return what adds an entry to a table."""

    def added(module, name, key, value):
        monkeypatch.setattr(module, name, MappingProxyType({**getattr(module, name), key: value}))

    return added


# Losses, penalties and augmentations


def relativistic_critic(real, fake, hyper):
    """Source: Jolicoeur-Martineau 2018, arXiv:1807.00734, the paired form."""
    return softplus(fake - real).mean(1)


def relativistic_generator(fake, real, hyper):
    return softplus(real - fake).mean(1)


RELATIVISTIC = Loss(relativistic_critic, relativistic_generator, pairs=True)


def r1(update):
    """Source: Mescheder et al. 2018, arXiv:1801.04406."""
    gradients = torch.func.grad(lambda images: update.critic(Shown(images)).sum())(update.real.images)
    return gradients.flatten(2).square().sum(2).mean(1) / 2


R1 = Penalty("r1", r1, each_image=True)

FLIP = Augmentation({"flip": Transform(lambda images, drawn, hyper: images.flip(-1))})

NONE = Transform(lambda images, drawn, hyper: images, {"unused": uniform}, gated=False)

NEW = {
    "relativistic": Game(RELATIVISTIC),
    "hinge-r1": Game(games.LOSSES["hinge"], (R1,)),
    "both": Game(RELATIVISTIC, (R1, games.PENALTIES["gradient"])),
    "flipped": Game(RELATIVISTIC, augmentation=FLIP),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NEW)
def test_a_game_that_is_added_to_the_table_trains_members_side_by_side_as_alone(add, name):
    add(games, "GAMES", name, NEW[name])
    loop = loop_of(loss=name)
    group = trained(loop, members=3, n_critic=2)
    assert set(group[0].metrics) == {
        "loss_g",
        "loss_d",
        "logit_real",
        "logit_fake",
        *(p.name for p in NEW[name].penalties),
    }
    assert group[0].hyperparams == {"n_critic": 2}
    assert same(group[0], trained(loop, n_critic=2)[0])


def test_the_generator_of_a_relativistic_game_sees_reals_that_are_drawn_for_it(add):
    seen = []

    def generator(fake, real, hyper):
        seen.append((fake.shape, real.shape))
        return relativistic_generator(fake, real, hyper)

    add(games, "GAMES", "seen", Game(Loss(relativistic_critic, generator, pairs=True)))
    trained(loop_of(loss="seen"), steps=1, n_critic=3)
    assert seen == [((1, 8), (1, 8))]


def test_the_slope_of_r1_is_that_of_the_hand_formula():
    weight = torch.tensor([[3.0, 4.0]], dtype=torch.float64, requires_grad=True)
    real = torch.randn(1, 5, 2, 1, 1, dtype=torch.float64)
    shown, nothing = Shown(real), torch.empty(0)
    update = Update(
        lambda shown: (shown.images.flatten(2) * weight[:, None]).sum(2), shown, shown, nothing, nothing, {}, {}
    )
    value = r1(update)
    assert value.tolist() == [12.5]
    torch.testing.assert_close(torch.autograd.grad(value.sum(), weight)[0], weight.detach())


def test_what_a_game_needs_decides_what_may_be_evolved_and_beside_which_nets(add):
    add(games, "GAMES", "hinge-r1", NEW["hinge-r1"])
    assert {"gp_weight"} == set(GanTask(loss="hinge-r1", discriminator_norm="none").space) - set(
        GanTask(loss="hinge").space
    )
    with pytest.raises(ConfigError, match="batch norm"):
        GanTask(loss="hinge-r1")


def test_an_augmentation_is_shown_to_the_discriminator_and_its_numbers_leave_all_others_as_they_were(add):
    add(games, "GAMES", "as-it-is", Game(RELATIVISTIC))
    add(games, "GAMES", "drawn", Game(RELATIVISTIC, augmentation=Augmentation({"none": NONE})))
    add(games, "GAMES", "flipped", Game(RELATIVISTIC, augmentation=FLIP))
    plain, drawn, flipped = (trained(loop_of(loss=name), steps=1)[0] for name in ("as-it-is", "drawn", "flipped"))
    assert same(plain, drawn)
    assert not same(plain, flipped)


def test_a_game_of_ones_own_is_named_by_its_file(tmp_path):
    file = tmp_path / "my_game.py"
    file.write_text("from pbt_gan.gan.games.table import GAMES\nGAME = GAMES['hinge']\nNONE = 5\n")
    assert same(trained(loop_of(loss=f"{file}:GAME"))[0], trained(loop_of(loss="hinge"))[0])
    with pytest.raises(ConfigError, match=r"must be a pbt_gan\.gan\.games\.game\.Game"):
        GanTask(loss=f"{file}:NONE")


# Nets


class Linear(Net):
    """One product; a discriminator of these counts the batches that it has seen."""

    exact = True

    def __init__(self, ins, outs, *, image=None):
        self._ins, self._outs, self._image = ins, outs, image

    @property
    def layout(self):
        return Layout({"weight": (self._outs, self._ins)})

    @property
    def buffers(self):
        return Layout({} if self._image else {"seen": (1,)})

    def initial_params(self, rng):
        return torch.from_numpy(0.1 * rng.standard_normal(self._outs * self._ins, np.float32))

    def initial_buffers(self):
        return torch.zeros(self.buffers.size)

    def share(self, buffer):
        return 1.0

    def __call__(self, params, buffers, x, labels=None, drawn=NOTHING, *, training):
        y = x.flatten(2) @ params["weight"].mT
        if self._image:
            return y.tanh().view(*x.shape[:2], *self._image), buffers
        return y.squeeze(2), {"seen": buffers["seen"] + training}


def make_linear(shape, settings, layers):
    image = (shape.channels, shape.size, shape.size)
    pixels = shape.channels * shape.size**2
    return Pair(Linear(settings.z_size, pixels, image=image), Linear(pixels, 1))


def test_a_net_that_is_added_to_the_table_trains_and_makes_images_and_keeps_its_buffers(add):
    add(nets, "NETS", "linear", Architecture(f"{__file__}:make_linear"))
    loop = loop_of(net="linear")
    (training,) = trained(loop, steps=4, n_critic=2)
    assert set(training.state["g"]) == {"params", "moments", "average"}
    assert training.state["d"]["statistics"].tolist() == [4 * 2 * 2]  # reals and fakes in each update
    images = Sampler(loop.step.generator, 8, running=True, device="cpu").show(training.state, 5, stream(0, "sample"))
    assert images.shape == (5, 8, 8, 1)


def test_a_net_of_ones_own_is_named_by_its_file_and_an_unknown_one_is_refused():
    assert same(trained(loop_of(net=f"{__file__}:make_linear"))[0], trained(loop_of(net=f"{__file__}:make_linear"))[0])
    with pytest.raises(ConfigError, match=r"task\.net = 'dcgun' is not known.*Did you mean 'dcgan'"):
        GanTask(net="dcgun")


def test_every_net_of_the_table_is_found():
    for name in nets.NETS:
        settings = GanSettings.model_validate({**SMALL, "discriminator_norm": None, "net": name})
        assert make_step(settings, 8, 1).generator.layout.size > 0


# Images


class FromFile:
    """Images that stay on the disk."""

    device = "cpu"

    def __init__(self, path):
        self._images = np.load(path, mmap_mode="r")

    def __len__(self):
        return len(self._images)

    def expect(self, indices):
        pass

    def take(self, indices):
        return scaled(torch.from_numpy(self._images[indices.numpy()]).movedim(-1, -3), torch.float32)


@pytest.mark.slow
def test_images_from_a_file_train_to_the_same_bits_as_those_in_memory(tmp_path):
    np.save(tmp_path / "images.npy", IMAGES)
    trainings = [
        trained(loop_of(images), members=2, steps=BLOCK + 2) for images in (None, FromFile(tmp_path / "images.npy"))
    ]
    for one, other in zip(*trainings, strict=True):
        assert same(one, other)
