"""The task on a device: what it takes in from elsewhere, and what leaves the house."""

import numpy as np
import pytest
import torch

from pbt_gan import codec
from pbt_gan.core.rng import stream
from pbt_gan.errors import TaskError
from pbt_gan.gan.data.classes import Classes
from pbt_gan.gan.nets.layers import layers_for
from pbt_gan.gan.nets.net import ImageShape
from pbt_gan.gan.nets.settings import NetSettings
from pbt_gan.gan.nets.table import make_nets
from pbt_gan.gan.task import GanTask
from pbt_gan.gan.training.sampler import fresh, in_batches, to_uint8
from pbt_gan.gan.training.stacking import leaves


def make(folder, **changed):
    task = GanTask(**{"width": 2, "z_size": 4, "batch_size": 4, **changed})
    task.prepare(folder)
    return task.attach(folder, "cpu")


def trained(trainer):
    return trainer.train(trainer.init(stream(0, "init")), {}, 3, lambda block: stream(0, "train", block)).state


def test_attaching_twice_makes_two_trainers_and_leaves_the_task_as_it_was(tmp_path):
    task = GanTask(width=2, z_size=4, batch_size=4)
    task.prepare(tmp_path)
    before = dict(vars(task))
    one, other = task.attach(tmp_path, "cpu"), task.attach(tmp_path, "cpu")
    assert one is not other
    assert {**vars(task), "dataset": None} == {**before, "dataset": None}
    assert codec.encode(trained(one)) == codec.encode(trained(other))


def test_what_needs_the_scorers_says_so_of_a_task_that_has_none():
    with pytest.raises(TaskError, match="prepare"):
        GanTask().fingerprint()


@pytest.mark.parametrize("ema", [True, False])
@pytest.mark.parametrize("full_size_layer", [True, False])
def test_what_is_exported_makes_the_members_images_with_nothing_but_the_nets(tmp_path, ema, full_size_layer):
    trainer = make(tmp_path, ema=ema, full_size_layer=full_size_layer)
    state = trained(trainer)
    exported = codec.decode(codec.encode(trainer.export(state)))
    settings, shape = NetSettings(**exported["net"]), ImageShape(**exported["images"])
    generator, _ = make_nets(settings, shape, layers_for(shape.size, torch.float32, "cpu"))
    params, buffers = (
        {name: torch.as_tensor(tensor)[None] for name, tensor in exported[part].items()}
        for part in ("params", "buffers")
    )
    z = stream(0, "sample").standard_normal((1, 100, settings.z_size), np.float32)
    images, _ = generator(params, buffers, torch.from_numpy(z), training=exported["sampling_norm"] == "batch")
    assert np.array_equal(to_uint8(images)[0].numpy(), trainer.sample(state, 100, stream(0, "sample")))


def test_what_was_exported_is_not_the_members_memory(tmp_path):
    trainer = make(tmp_path)
    state = trained(trainer)
    before = codec.encode(state)
    for tensor in trainer.export(state)["params"].values():
        tensor.zero_()
    assert codec.encode(state) == before


def test_a_state_of_these_nets_is_adopted_as_it_is(tmp_path):
    trainer = make(tmp_path)
    state = trained(trainer)
    adopted = trainer.adopt(codec.decode(codec.encode(state)))
    assert all(torch.equal(*pair) for pair in zip(leaves(adopted), leaves(state), strict=True))


@pytest.mark.parametrize(("changed", "place"), [({"width": 3}, "d.moments.mean"), ({"ema": False}, "g.average.params")])
def test_a_state_of_other_nets_is_refused_with_the_place(tmp_path, changed, place):
    with pytest.raises(TaskError, match=rf"in {place}, but these settings need"):
        make(tmp_path).adopt(trained(make(tmp_path, **changed)))


def test_what_is_no_state_is_refused(tmp_path):
    with pytest.raises(TaskError, match="A state to be trained on has"):
        make(tmp_path).adopt({"g": 5})


def labelled(state):
    """Return a state whose generator tells classes apart as it never could after a few steps."""
    rng = np.random.default_rng(0)
    for part in (state["g"], state["g"]["average"]):
        part["params"] += torch.from_numpy(rng.standard_normal(len(part["params"]), np.float32))
    return state


def test_a_preview_shows_a_class_in_each_column_and_the_same_latents_along_a_row(tmp_path):
    trainer = make(tmp_path, conditional=True)
    state = labelled(trained(trainer))
    preview = trainer.preview(state, stream(0, "preview")).reshape(10, 10, 8, 8, 1)
    z = fresh(10, 4, stream(0, "preview"))[0, :10]
    for column in (0, 7):
        labels = np.full((1, 100), column)
        drawn = trainer._sampler.draw(state, in_batches(z), labels)
        assert np.array_equal(drawn[:10], preview[:, column])
    assert not np.array_equal(preview[:, 0], preview[:, 7])


def test_what_is_exported_of_a_conditional_run_makes_its_images_and_names_its_classes(tmp_path):
    trainer = make(tmp_path, conditional=True)
    state = labelled(trained(trainer))
    exported = codec.decode(codec.encode(trainer.export(state)))
    assert exported["class_names"] == [str(number) for number in range(10)]
    settings, shape = NetSettings(**exported["net"]), ImageShape(**exported["images"])
    generator, _ = make_nets(settings, shape, layers_for(shape.size, torch.float32, "cpu"))
    params, buffers = (
        {name: torch.as_tensor(tensor)[None] for name, tensor in exported[part].items()}
        for part in ("params", "buffers")
    )
    z = torch.from_numpy(fresh(100, settings.z_size, stream(0, "sample")))
    asked = Classes.of(GanTask().dataset).labels(100)
    images, _ = generator(params, buffers, z, torch.eye(10)[torch.from_numpy(asked)][None], training=False)
    assert np.array_equal(to_uint8(images)[0].numpy(), trainer.sample(state, 100, stream(0, "sample")))


def test_a_state_of_nets_without_classes_is_refused_by_those_that_know_some(tmp_path):
    with pytest.raises(TaskError, match=r"but these settings need"):
        make(tmp_path, conditional=True).adopt(trained(make(tmp_path)))
