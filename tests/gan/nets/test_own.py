"""What is wrong with a person's own net is told before it is trained."""

from pathlib import Path

import pytest
import torch

from pbt_gan.core.rng import stream
from pbt_gan.errors import ConfigError
from pbt_gan.gan.nets.members_in_channels import MembersInChannels
from pbt_gan.gan.nets.net import ImageShape, Net
from pbt_gan.gan.nets.own import own_net
from pbt_gan.gan.nets.settings import NetSettings
from pbt_gan.gan.nets.table import make_nets
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.task import GanTask
from pbt_gan.gan.training.loop import make_step

FILE = Path(__file__).with_name("own_nets.py")


def ref(name: str) -> str:
    return f"{FILE}:{name}"


def parts(net: Net) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Return the parameters and buffers of one member."""
    params, buffers = net.initial_params(stream(0)), net.initial_buffers()
    return net.layout.views(params[None]), net.buffers.views(buffers[None])


@pytest.mark.parametrize(
    ("side", "name", "said"),
    [
        ("generator", "Larger", "makes [4, 1, 16, 16] of latents [4, 6], but images are [4, 1, 8, 8]: [B, C, H, W]"),
        ("discriminator", "Patches", "makes [4, 1, 4, 4] of images [4, 1, 8, 8]; return one logit an image"),
        ("generator", "Listed", "has no parameters to be trained. Does it keep its layers in a plain list?"),
        ("generator", "Dropping", "depends on global random numbers (something in its forward is drawn)"),
        ("discriminator", "Dropped", "depends on global random numbers (it has Dropout), which cannot be drawn"),
        ("generator", "Noisy", "or train by a ModuleTask, where such draws are seeded."),
        ("generator", "Unknown", "needs 'depth', which nobody knows. It can be given size, channels, classes, z_size."),
        ("generator", "Wide", "needs 'width', which nobody knows. Set task.width."),
        ("generator", "Raising", "fails: ZeroDivisionError: division by zero. Mend "),
        ("generator", "Stumbling", "fails: TypeError: Linear.forward() takes 2 positional arguments"),
        ("generator", "Stumbling", f"Mend {FILE}, line "),
        ("generator", "Lazy", "has lazy layers, which have no weights yet. Say how many channels come in."),
        ("generator", "nothing", "makes a NoneType; it must be, or return, a torch.nn.Module."),
        ("generator", "number", "is no class and no function"),
        ("discriminator", "InPlace", "changes its input in place, which others see too; take inplace=True out there."),
        ("generator", "Twice", "its forward returns a tuple; it must return one tensor."),
        ("generator", "Generatr", "has no 'Generatr'; check the name behind the colon. Did you mean 'Generator'?"),
        ("generator", "Labelled", "its forward needs 'labels'; set task.conditional = true, or give them a default."),
    ],
)
def test_a_net_that_cannot_be_trained_is_told_by_its_setting(side, name, said):
    shape = ImageShape(8, 1, 0)
    with pytest.raises(ConfigError) as error:
        own_net(side, ref(name), shape, 6, None)
    assert said in str(error.value)
    assert name in str(error.value)


def test_where_classes_are_asked_for_forward_has_to_take_them():
    with pytest.raises(ConfigError, match=r"task\.conditional is true, but its forward has no 'labels'"):
        own_net("generator", ref("Generator"), ImageShape(8, 1, 3), 6, None)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"generator": "Generator"}, "'Generator' is no reference; write 'module:name' or 'file.py:name'"),
        ({"discriminator": "/nowhere/my_nets.py:D"}, "/nowhere/my_nets.py does not exist"),
        ({"generator": ref("Generator"), "dtype": "bfloat16"}, "generator is your own"),
    ],
)
def test_a_wrong_setting_is_told_before_anything_is_imported(settings, said):
    with pytest.raises((ConfigError, ValueError), match="(?s)" + said.replace(".", r"\.")):
        GanSettings.model_validate(settings)


def test_one_s_own_net_stands_beside_one_of_the_table():
    for own, other in (("generator", "discriminator"), ("discriminator", "generator")):
        name = own.capitalize()
        settings = GanSettings.model_validate({own: ref(name), "width": 4, "z_size": 6}).resolved(8)
        step = make_step(settings, 8, 1)
        table = make_step(settings.model_copy(update={own: None}), 8, 1)
        assert getattr(step, own).layout.size != getattr(table, own).layout.size
        assert getattr(step, other) == getattr(table, other)


def test_both_nets_of_one_s_own_can_be_of_any_size():
    both = {side: ref(side.capitalize()) for side in ("generator", "discriminator")}
    settings = NetSettings.model_validate({**both, "z_size": 6})
    generator, discriminator = make_nets(settings, ImageShape(10, 3), MembersInChannels(torch.float32))
    images, _ = generator(*parts(generator), torch.zeros(1, 2, 6), training=True)
    assert images.shape == (1, 2, 3, 10, 10)
    logits, _ = discriminator(*parts(discriminator), images, training=True)
    assert logits.shape == (1, 2)


def test_a_width_that_neither_net_takes_is_refused():
    nets = {"generator": ref("Clashing"), "discriminator": ref("plain_discriminator")}
    make_step(GanSettings.model_validate(nets).resolved(8), 8, 1)
    with pytest.raises(ConfigError, match=r"task\.width = 4 has no effect: neither net of yours takes it"):
        make_step(GanSettings.model_validate({**nets, "width": 4}).resolved(8), 8, 1)


def test_settings_without_an_effect_beside_nets_of_one_s_own_are_named():
    both = GanSettings.model_validate({"generator": ref("Generator"), "discriminator": ref("Discriminator")}).idle()
    assert {"net", "kernel", "full_size_layer", "init", "discriminator_norm"} <= both.keys()
    one = GanSettings.model_validate({"generator": ref("Generator")}).idle()
    assert not {"net", "kernel", "init", "discriminator_norm"} & one.keys()


def test_a_batch_norm_in_a_discriminator_refuses_penalties_on_the_gradient_at_each_image():
    for name, refused in (("Normed", True), ("Discriminator", False), ("plain_discriminator", False)):
        settings = GanSettings.model_validate({"discriminator": ref(name), "loss": "wgan-gp", "width": 4})
        if refused:
            with pytest.raises(ConfigError, match="which mixes the samples of a batch"):
                make_step(settings.resolved(8), 8, 1)
        else:
            make_step(settings.resolved(8), 8, 1)


@pytest.mark.slow
def test_a_generator_of_one_s_own_learns_classes_beside_a_discriminator_of_the_table(tmp_path):
    task = GanTask(
        generator=ref("Labelled"), conditional=True, width=4, z_size=6, batch_size=64, metrics={"samples": 100}
    )
    task.prepare(tmp_path)
    trainer = task.attach(tmp_path, "cpu")
    state = trainer.init(stream(0))
    before = state["g"]["params"].clone()
    (done,) = trainer.train_group([state], [{}], 3, [lambda block: stream(1, block)])
    moved = trainer._step.generator.layout.views(done.state["g"]["params"] - before)
    assert moved["embedding.weight"].abs().sum(1).gt(0).all(), "each class has moved"
    assert trainer.preview(done.state, stream(0)).shape[1:] == (8, 8, 1)
