import pytest
import torch
from torch import nn

from pbt_gan.gan.nets.sequential import dcgan
from tests.gan.nets.groups import nets, params


@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize(
    ("name", "size", "settings"),
    [
        ("dcgan", 28, {"bias_before_norm": True, "kernel": 5}),
        ("sngan-cnn", 16, {}),
        ("sngan-cnn", 48, {"bias_before_norm": True}),
    ],
)
def test_a_generator_that_is_written_down_and_built_by_torch_makes_the_same_images(name, size, settings, running):
    generator, _ = nets(name, size, 3, width=2, z_size=4, **settings)
    views = generator.layout.views(params(generator, 1))
    kept = {
        statistic: torch.rand(1, *shape, dtype=torch.float64) for statistic, shape in generator.buffers.shapes.items()
    }
    written = dcgan(generator, running=running)
    assert written is not None
    built = nn.Sequential()
    for layer, kind, arguments in written.layers:
        built.add_module(layer, getattr(nn, kind)(**arguments))
    state = {written.names[own]: tensor[0] for own, tensor in {**views, **(kept if running else {})}.items()}
    missing, unexpected = built.double().train(not running).load_state_dict(state, strict=False)
    assert not unexpected
    assert not [name for name in missing if not name.endswith("num_batches_tracked")]
    z = torch.randn(5, 4, dtype=torch.float64)
    images, _ = generator(views, kept, z[None], training=not running)
    torch.testing.assert_close(built(z), images[0], rtol=1e-10, atol=1e-12)


def test_a_generator_that_knows_classes_is_not_written_down():
    assert dcgan(nets("sngan-cnn", 16, classes=3, width=2).generator, running=True) is None
