import csv
import math

from pbt_gan.core.population import Value
from pbt_gan.core.records import Exploit, Report
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
