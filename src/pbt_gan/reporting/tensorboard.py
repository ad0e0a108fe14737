"""RUN/tensorboard: one run a member, so that TensorBoard shows the population as lines of one chart."""

import math
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from pbt_gan import files
from pbt_gan.core.records import Record, Report
from pbt_gan.interfaces import Images, RunContext
from pbt_gan.reporting.images import grid, sample_path
from pbt_gan.reporting.text import member_name

_MEMBERS = re.compile(r"m\d{2,}")
_EVENTS = re.compile(r"events\.out\.tfevents\.\d{10,}\.pbt-gan")


class TensorBoard:
    """Writes TensorBoard's event files: score, metrics, hyperparameters, their log10, and samples, on trained_steps.

    Events wait in memory until the next flush, which appends them with one write a member: no thread, no file held
    open, whatever the population's size. A resumed run's files are made anew from its records and its sample grids.

    Args:
        clock: what tells when an event was written, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock

    def start(self, context: RunContext) -> None:
        """Replace what lies there by the run so far."""
        assert context.folder is not None
        self._folder = context.folder / "tensorboard"
        self._name = f"events.out.tfevents.{int(self._clock()):010d}.pbt-gan"
        self._waiting: dict[int, list[bytes]] = defaultdict(list)
        self._known: set[int] = set()
        for member in files.own(self._folder, _MEMBERS):
            for old in files.own(member, _EVENTS):
                files.remove(old)
        for record in context.records:
            if isinstance(record, Report):
                samples = sample_path(context.folder, record.member, record.interval)
                self._add(record, samples.read_bytes() if samples.exists() else None)

    def record(self, record: Record, preview: Images | None) -> None:
        """Take one report in."""
        if isinstance(record, Report):
            self._add(record, None if preview is None else grid(preview))

    def flush(self) -> None:
        """Append what waits."""
        for member, events in self._waiting.items():
            folder = self._folder / member_name(member)
            files.make_folder(folder)
            if member not in self._known:
                events.insert(0, _event(wall_time=self._clock(), file_version="brain.Event:2"))
                self._known.add(member)
            _append(folder / self._name, b"".join(events))
        self._waiting.clear()

    def close(self, ending: str) -> None:
        """Append what waits."""
        self.flush()

    def _add(self, report: Report, png: bytes | None) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars(report)]
        if png is not None:
            width, height = (int.from_bytes(png[place : place + 4]) for place in (16, 20))  # of the PNG's first chunk
            image = Summary.Image(width=width, height=height, colorspace=3, encoded_image_string=png)
            values.append(Summary.Value(tag="samples", image=image))
        self._waiting[report.member].append(
            _event(wall_time=self._clock(), step=report.trained_steps, summary=Summary(value=values))
        )


def scalars(report: Report) -> Iterator[tuple[str, float]]:
    """Yield every number of a report with its tag; text and yes-or-no hyperparameters have none."""
    yield "score", report.score
    for name, value in report.metrics.items():
        if name != "score":
            yield f"metrics/{name}", value
    yield "cost_s", report.cost_s
    for name, setting in report.hyperparams.items():
        if isinstance(setting, int | float) and not isinstance(setting, bool):
            yield f"hyperparams/{name}", setting
            if isinstance(setting, float) and setting > 0:
                yield f"hyperparams_log10/{name}", math.log10(setting)


def _event(**content: Any) -> bytes:
    """Encode one event as a record of the event file."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    buffer = BytesIO()
    RecordWriter(buffer).write(Event(**content).SerializeToString())
    return buffer.getvalue()


def _append(path: Path, data: bytes) -> None:
    file = files.Appender(path)
    try:
        file.append(data)
    finally:
        file.close()
