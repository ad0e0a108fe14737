"""Steps that are recorded once and replayed; on a CPU a tape stands in for CUDA graphs."""

from functools import partial

import pytest
import torch

from benchmarks.parts import random_images
from pbt_gan.core.rng import stream
from pbt_gan.gan.nets.members_in_channels import MembersInChannels
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.training import loop as loop_module
from pbt_gan.gan.training.graphs import CudaGraphs, recorder_of
from pbt_gan.gan.training.loop import Loop, make_step
from pbt_gan.gan.training.replays import TRIED
from pbt_gan.gan.training.stacking import leaves
from pbt_gan.interfaces import Health
from tests.gan.training.parts import PARTS, TINY
from tests.gan.training.tape import Tapes
from tests.gan.training.ways import CLASSES, loop_of

BLOCK = 6
STEPS = 2 * BLOCK + 3

MEMBERS = [{"lr_g": 1e-3, "n_critic": 2}, {"lr_d": 3e-3}, {"beta1": 0.2, "n_critic": 3}]


@pytest.fixture(autouse=True)
def short_blocks(monkeypatch):
    monkeypatch.setattr(loop_module, "BLOCK", BLOCK)


@pytest.fixture
def ready(monkeypatch):
    """Return what makes of settings the loop of a group, with the layers of a GPU."""
    monkeypatch.setattr(MembersInChannels, "exact", True)  # or a CPU would train one after another
    monkeypatch.setattr(
        "pbt_gan.gan.training.compiled_adam.compiles", lambda *moved: False
    )  # the tape hears torch only

    def loop(**changes):
        settings = GanSettings.model_validate({**TINY, **changes})
        step = make_step(settings, 8, 1, "cuda", CLASSES if settings.conditional else 0)
        return loop_of(settings, step, 8, 1)

    return loop


def trained(loop: Loop, recorder=None, members=MEMBERS, steps=STEPS):
    loop._recorder = recorder
    states = [loop.init(stream(0, "init", member)) for member in range(len(members))]
    return loop.train(states, members, steps, [partial(stream, 0, "train", member) for member in range(len(members))])


def assert_equal(one, other):
    for mine, theirs in zip(one, other, strict=True):
        told = [(each.hyperparams, each.metrics, each.images, each.diverged) for each in (mine, theirs)]
        assert repr(told[0]) == repr(told[1])  # nan equals itself there
        for own, other in zip(leaves(mine.state), leaves(theirs.state), strict=True):
            torch.testing.assert_close(own, other, rtol=0, atol=0, equal_nan=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "part",
    ["penalties in few steps", "a chance that moves", "mirrored reals", "an average that begins short"],
)
def test_members_become_the_same_whether_or_not_their_steps_are_replayed(part, ready):
    loop, tapes = ready(**PARTS[part]), Tapes()
    assert_equal(trained(loop), trained(loop, tapes))
    kinds = 1 + loop.step.game.lazy
    assert tapes.recorded == kinds
    assert tapes.replayed == STEPS - kinds * TRIED


@pytest.mark.slow
def test_so_they_do_where_nets_know_classes(ready):
    loop, tapes = ready(conditional=True), Tapes()
    assert_equal(trained(loop), trained(loop, tapes))
    assert tapes.replayed == STEPS - TRIED


@pytest.mark.slow
def test_a_team_that_becomes_smaller_is_recorded_anew(ready):
    loop, tapes = ready(dtype="float32"), Tapes()
    loop._health = Health(every_steps=BLOCK)
    members = [{}, {"lr_g": 1e38, "lr_d": 1e38}, {"n_critic": 2}]
    steps = 5 * BLOCK
    plain = trained(loop, members=members, steps=steps)
    assert_equal(plain, trained(loop, tapes, members, steps))
    assert [bool(each.diverged) for each in plain] == [False, True, False]
    assert tapes.recorded == 2


class Reluctant(Tapes):
    """Finds that nobody waits, or cannot record."""

    def __init__(self, waiting):
        super().__init__()
        self.waiting = waiting
        self.timed = self.asked = 0

    def waits(self, run):
        run()
        self.timed += 1
        return self.waiting

    def record(self, run):
        self.asked += 1


@pytest.mark.slow
@pytest.mark.parametrize("waiting", [True, False])
def test_steps_that_are_not_recorded_are_taken_as_they_are(waiting, ready):
    loop, recorder = ready(), Reluctant(waiting)
    assert_equal(trained(loop), trained(loop, recorder))
    assert recorder.timed == TRIED
    assert recorder.asked == waiting


def test_short_orders_are_not_recorded(ready):
    loop, tapes = ready(), Tapes()
    trained(loop, tapes, steps=BLOCK - 1)
    assert tapes.recorded == 0


def test_what_waits_cannot_be_recorded():
    with pytest.raises(RuntimeError, match="waits"):
        Tapes().record(lambda: torch.ones(1).item())


@pytest.mark.gpu
def test_where_bits_are_to_be_equal_nothing_is_left_to_a_timing():
    assert recorder_of("cuda") is not None
    torch.use_deterministic_algorithms(True)
    try:
        assert recorder_of("cuda") is None
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.gpu
def test_a_graph_does_the_same_again_on_the_same_memory():
    graphs, counted = CudaGraphs("cuda"), torch.zeros(1, device="cuda")

    def run():
        counted.add_(1)

    graphs.waits(run)
    replay = graphs.record(run)
    assert counted.item() == 1
    assert replay is not None
    replay()
    replay()
    assert counted.item() == 3


@pytest.mark.gpu
def test_what_cannot_be_recorded_is_said_and_the_device_goes_on(caplog):
    graphs, number = CudaGraphs("cuda"), torch.ones(1, device="cuda")

    def run():
        number.item()

    assert graphs.record(run) is None
    assert "kernel by kernel" in caplog.text
    assert (number + 1).item() == 2
    assert not graphs.waits(lambda: None)


class Forced(CudaGraphs):
    """Records wherever it can."""

    def waits(self, run):
        super().waits(run)
        return True


@pytest.mark.gpu
@pytest.mark.parametrize("part", PARTS)
def test_on_a_gpu_members_become_the_same_whether_or_not_their_steps_are_replayed(part):
    settings = GanSettings.model_validate({**TINY, **PARTS[part]})
    loop = Loop(settings, make_step(settings, 8, 3, "cuda"), random_images(settings, 8, 3, "cuda"), "cuda")
    plain, graphs = trained(loop), Forced("cuda")
    replayed = trained(loop, graphs)
    assert not graphs.refused
    for one, other in zip(plain, replayed, strict=True):
        assert one.metrics == pytest.approx(other.metrics)
        for mine, theirs in zip(leaves(one.state), leaves(other.state), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-9)  # equal, but for sums by atomic operations
