import math
import subprocess
import sys

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pbt_gan.core.records import Report
from pbt_gan.interfaces import Listener
from pbt_gan.reporting.images import SampleGrids
from pbt_gan.reporting.tensorboard import TensorBoard


def read(folder, member):
    events = EventAccumulator(str(folder / "tensorboard" / member))
    events.Reload()
    return events


def listen(synthetic, folder, records, before=(), flush_every=7):
    listeners: list[Listener] = [SampleGrids(), TensorBoard()]
    for listener in listeners:
        listener.start(synthetic.context(folder, before))
    for index, (record, preview) in enumerate(synthetic.previewed(records)):
        for listener in listeners:
            listener.record(record, preview)
            if index % flush_every == 0:
                listener.flush()
    for listener in listeners:
        listener.close("finished")


def table(folder, member):
    events = read(folder, member)
    scalars = {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    return scalars, [(event.step, event.encoded_image_string) for event in events.Images("samples")]


def test_each_member_is_a_run_of_its_own_on_trained_steps(synthetic, tmp_path):
    records = synthetic.records(3, 4)
    listen(synthetic, tmp_path, records)
    for member in range(3):
        scalars, images = table(tmp_path, f"m{member:02d}")
        reports = [r for r in records if isinstance(r, Report) and r.member == member]
        steps = [r.trained_steps for r in reports]
        assert scalars["score"] == [(r.trained_steps, pytest.approx(r.score, rel=1e-6)) for r in reports]
        assert scalars["metrics/g_loss"] == [(r.trained_steps, pytest.approx(r.metrics["g_loss"])) for r in reports]
        rates = [r.hyperparams["lr_g"] for r in reports]
        assert [value for _, value in scalars["hyperparams/lr_g"]] == pytest.approx(rates, rel=1e-6)
        logs = [math.log10(float(rate)) for rate in rates]
        assert [value for _, value in scalars["hyperparams_log10/lr_g"]] == pytest.approx(logs, rel=1e-6)
        assert [step for step, _ in images] == steps
        assert all(png.startswith(b"\x89PNG") for _, png in images)


def test_a_resumed_run_shows_what_the_run_shows_that_was_never_cut(synthetic, tmp_path):
    records = synthetic.records(3, 4)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    listen(synthetic, whole, records)
    listen(synthetic, cut, records[:11])
    listen(synthetic, cut, records[7:], before=records[:7])
    for member in ("m00", "m01", "m02"):
        assert table(cut, member) == table(whole, member)


def test_events_of_ones_own_stay(synthetic, tmp_path):
    mine = ["m00/events.out.tfevents.1.mine", "mine/events.out.tfevents.0000000001.pbt-gan", "m00/notes.txt"]
    for name in [*mine, "m00/events.out.tfevents.0000000001.pbt-gan"]:
        path = tmp_path / "tensorboard" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"mine")
    TensorBoard().start(synthetic.context(tmp_path))
    left = {str(path.relative_to(tmp_path / "tensorboard")) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == set(mine)


def test_text_and_truth_values_are_no_scalars(synthetic, tmp_path):
    records = synthetic.with_values(synthetic.records(1, 1), loss="hinge", ema=True, n_critic=2)
    listen(synthetic, tmp_path, records)
    tags = set(read(tmp_path, "m00").Tags()["scalars"])
    assert "hyperparams/n_critic" in tags
    assert not any(
        ("loss" in tag and tag.startswith("hyperparams")) or "ema" in tag or "log10/n_critic" in tag for tag in tags
    )


@pytest.mark.slow
def test_writing_events_imports_neither_torch_nor_tensorflow():
    code = (
        "import sys; from pbt_gan.reporting.tensorboard import _event; _event(step=1); "
        "assert not {'torch', 'tensorflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
