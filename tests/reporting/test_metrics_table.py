import csv
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.population import Value
from pbt_gan.core.records import Exploit, Report
from pbt_gan.errors import StorageError
from pbt_gan.reporting.metrics import MetricsTable


def read(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def listen(synthetic, folder, records, before=()):
    listener = MetricsTable()
    listener.start(synthetic.context(folder, before))
    for record in records:
        listener.record(record, None)
    listener.close("finished")


def test_the_table_has_a_row_for_every_report(synthetic, tmp_path):
    records = synthetic.records(4, 3)
    listen(synthetic, tmp_path, records)
    reports = [record for record in records if isinstance(record, Report)]
    rows = read(tmp_path)
    assert [(int(row["member"]), int(row["interval"])) for row in rows] == [(r.member, r.interval) for r in reports]
    for row, report in zip(rows, reports, strict=True):
        assert float(row["score"]) == report.score
        assert float(row["lr_g"]) == report.hyperparams["lr_g"]
        assert float(row["held_out_cs"]) == report.metrics["held_out_cs"]
        assert float(row["cost_s"]) == report.cost_s
        assert int(row["images"]) == report.images


def test_a_donor_stands_beside_the_report_after_which_it_was_copied(synthetic, tmp_path):
    records = synthetic.records(6, 3)
    listen(synthetic, tmp_path, records)
    donors = {(r.recipient, r.interval): r.donor.member for r in records if isinstance(r, Exploit) and r.donor}
    rows = read(tmp_path)
    found = {(int(row["member"]), int(row["interval"])): int(row["donor"]) for row in rows if row["donor"]}
    assert found == donors != {}


def test_a_resumed_table_equals_that_of_the_run_that_was_never_cut(synthetic, tmp_path):
    records = synthetic.records(4, 4)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir()
    cut.mkdir()
    listen(synthetic, whole, records)
    listen(synthetic, cut, records[:15])
    listen(synthetic, cut, records[9:], before=records[:9])
    assert (cut / "metrics.csv").read_bytes() == (whole / "metrics.csv").read_bytes()


def test_diverged_members_are_written_as_nan(synthetic, tmp_path):
    listen(synthetic, tmp_path, synthetic.records(2, 1, score=lambda member, interval: math.nan))
    assert [row["score"] for row in read(tmp_path)] == ["nan", "nan"]


def test_no_name_and_no_value_reaches_a_terminal_or_a_spreadsheet_as_more_than_a_text(synthetic, tmp_path):
    (birth, *_) = synthetic.records(1, 1)
    values: dict[str, Value] = {"\x1b[31mred": "=1+1", "@sum": "a\nb", "plain": -1.5}
    report = Report(birth.member, 1, 10, 10, 0.5, {"-metric": 2.0}, values, "m00-i0001")
    listen(synthetic, tmp_path, [birth, report])
    text = (tmp_path / "metrics.csv").read_text()
    assert all(line.isprintable() for line in text.splitlines())
    (row,) = read(tmp_path)
    found = {name: row[name] for name in ("?[31mred", "'@sum", "plain", "'-metric")}
    assert found == {"?[31mred": "'=1+1", "'@sum": "a b", "plain": "-1.5", "'-metric": "2.0"}


def test_rows_that_change_no_more_are_neither_kept_nor_written_again(synthetic, tmp_path):
    listener = MetricsTable()
    listener.start(synthetic.context(tmp_path, ()))
    for place, record in enumerate(synthetic.records(4, 200)):
        listener.record(record, None)
        if place % 50 == 0:
            listener.flush()
            assert len(listener._open) <= 4
    listener.close("finished")
    assert len(read(tmp_path)) == 800


@given(st.lists(st.sampled_from(("flush", "cut off")), max_size=6), st.data())
def test_however_often_it_is_written_the_table_is_the_same(synthetic, tmp_path_factory, events, data):
    folders = [tmp_path_factory.mktemp("run") for _ in range(2)]
    records = [
        replace(record, metrics={f"{'é,' * (record.interval // 2)}x": record.score})
        if isinstance(record, Report)
        else record
        for record in synthetic.records(3, 5)
    ]
    listener = MetricsTable()
    listener.start(synthetic.context(folders[0], ()))
    places = sorted(data.draw(st.integers(0, len(records))) for _ in events)
    for place, record in enumerate([*records, None]):
        for event in (event for event, at in zip(events, places, strict=True) if at == place):
            if event == "cut off":
                listener = MetricsTable()
                listener.start(synthetic.context(folders[0], records[:place]))
            else:
                listener.flush()
        if record is not None:
            listener.record(record, None)
    listener.close("finished")
    listen(synthetic, folders[1], records)
    written, expected = ((folder / "metrics.csv").read_bytes() for folder in folders)
    assert written == expected


def test_a_table_that_was_taken_away_meanwhile_is_not_written_on(synthetic, tmp_path):
    records = synthetic.records(2, 4)
    listener = MetricsTable()
    listener.start(synthetic.context(tmp_path, records[:-1]))
    listener.record(records[-1], None)
    (tmp_path / "metrics.csv").unlink()
    with pytest.raises(StorageError, match="pbt-gan report"):
        listener.flush()
