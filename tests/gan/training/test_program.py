"""What a GPU would be asked to do, followed without one: shapes, places, launches, bytes, and where the host waits."""

from collections.abc import Mapping, Sequence
from functools import partial
from unittest.mock import patch

import pytest

from benchmarks.budgets import CASES, budgets, differences, measured, torch_version
from benchmarks.fake_gpu import fake_gpu
from benchmarks.meter import Meter
from benchmarks.program import make_loop, newborn, order, settings_of, shape_of
from pbt_gan.core.rng import stream
from pbt_gan.gan.nets.table import NETS
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.training import loop as loops
from pbt_gan.gan.training.loop import Loop
from pbt_gan.gan.training.stacking import leaves
from pbt_gan.gan.training.step import Step
from tests.gan.training.parts import PARTS, TINY

ANY_NET = {"width": 4, "z_size": 4, "batch_size": 4, "conditional": True}
WAYS = {
    **{part: ({**TINY, "dtype": "float32", **changes}, 8) for part, changes in PARTS.items()},
    **{f"net {net}": ({**ANY_NET, "net": net}, 16) for net in NETS},
}


def of_way(way: str) -> tuple[GanSettings, int, int]:
    changes, size = WAYS[way]
    return GanSettings.model_validate(changes), size, 3


@pytest.mark.slow
@pytest.mark.parametrize("preset,dtype", CASES)  # noqa: PT006
def test_no_preset_asks_more_of_a_gpu_than_is_written(preset, dtype):
    version, written = budgets()
    if version != torch_version():
        pytest.skip(f"another torch takes other operations; the budgets are of {version}")
    name = f"{preset} {dtype}"
    changed = "\n".join(differences(name, measured(preset, dtype), written[name]))
    assert not changed, f"{changed}\nMeant to change? python -m benchmarks.budgets write"


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_all_of_a_step_happens_on_the_gpu_with_launches_for_all_members_at_once(way):
    with fake_gpu() as meter:
        loop = make_loop(*of_way(way))
        few, many = (trained(loop, meter, updates) for updates in ((2, 2, 1, 1), (2, 2, 2, 1, 1, 1)))
    assert few == many


def trained(loop: Loop, meter: Meter, updates: Sequence[int]) -> Mapping[str, int]:
    """Train members with so many updates of their discriminators; return the launches of a step by operation."""
    found: list[Meter] = []
    step = Step.__call__

    def counted(self, *given):
        before = meter.copy()
        result = step(self, *given)
        found.append(meter - before)
        return result

    states = [newborn(loop) for _ in updates]
    before = [[(leaf.shape, leaf.dtype) for leaf in leaves(state)] for state in states]
    streams = [partial(stream, 0, "train", member) for member in range(len(updates))]
    with patch.object(Step, "__call__", counted):
        trainings = loop.train(states, [{"n_critic": each} for each in updates], 1, streams)
    assert [[(leaf.shape, leaf.dtype) for leaf in leaves(each.state)] for each in trainings] == before
    assert all(leaf.is_cuda for each in trainings for leaf in leaves(each.state))
    assert not found[0].waits
    return {name: cost.launches for name, cost in found[0].by_operation.items()}


@pytest.mark.slow
def test_from_block_to_block_the_host_waits_for_looks_only():
    settings, size, channels = GanSettings.model_validate(TINY), 8, 1
    with fake_gpu() as meter, patch.object(loops, "BLOCK", 2):
        loop = make_loop(settings, size, channels)
        two, four = (order(loop, meter, [{}, {}], steps) for steps in (4, 8))
    assert set((four - two).waits) <= {"training/health.py"}
    assert (four - two).sent_bytes > 0


def measured_with(extra):
    """Return what is asked by a step that does something besides."""
    before = Step.update_discriminator

    def update_discriminator(self, d, hyper, found, used):
        extra(found.gradients)
        before(self, d, hyper, found, used)

    with patch.object(Step, "update_discriminator", update_discriminator):
        return measured("digits", "float32")


@pytest.mark.slow
def test_a_launch_and_a_wait_that_are_added_are_seen():
    written = measured_with(lambda gradients: None)
    launched, waited = (
        measured_with(lambda gradients: gradients + 1),
        measured_with(lambda gradients: gradients.tolist()),
    )
    assert launched["launches"] == written["launches"] + 1
    assert launched["megabytes"] > written["megabytes"]
    assert waited["waits"] == {"training/test_program.py": 1}
    assert all(list(differences("digits", found, written)) for found in (launched, waited))


def test_a_preset_is_counted_with_its_own_images():
    assert shape_of("mnist") == (28, 1)
    assert settings_of("seed-dcgan", dtype="bfloat16").dtype == "bfloat16"
