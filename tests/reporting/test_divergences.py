"""What is told of members that diverged."""

import math
from dataclasses import replace

from pbt_gan.core.lineage import History
from pbt_gan.core.records import Birth, Donor, Exploit, Record, Report
from pbt_gan.reporting.divergences import divergences, told
from pbt_gan.reporting.log import line
from pbt_gan.reporting.page import write_page
from pbt_gan.reporting.table import Population


def report(member: int, interval: int, score: float, diverged: str = "") -> Report:
    key = f"m{member:02d}-i{interval:04d}"
    return Report(member, interval, interval * 10, interval * 10, score, {}, {"lr": 1.0}, key, diverged=diverged)


def exploit(member: int, interval: int, donor: Donor | None, *, rule: str = "rescue") -> Exploit:
    copied = ("weights", "hyperparams") if rule == "rescue" else ()
    settings = {"lr": 1.0}
    return Exploit(member, interval, donor, copied, "none", settings, settings, rule, "because")


RECORDS: list[Record] = [
    *(Birth(member, {"lr": 1.0}, "drawn") for member in range(4)),
    report(0, 1, 1.0),
    report(1, 1, math.nan, "loss_d is not finite [bold], 50 steps into its order"),
    report(2, 1, math.inf),
    report(3, 1, math.nan, "weights are not finite after step 10"),
    exploit(1, 1, Donor(0, 1, 10, "m00-i0001")),
    exploit(2, 1, None),
    exploit(3, 1, None, rule="none"),
]


def test_when_why_and_what_became_of_it() -> None:
    found = divergences(History.of(RECORDS))
    assert [(each.report.member, each.why, each.then) for each in found] == [
        (1, "loss_d is not finite [bold], 50 steps into its order", "went back to m00 @ 1"),
        (2, "the score is inf", "started anew"),
        (3, "weights are not finite after step 10", "was not trained any more"),
    ]
    assert told(found)[0] == "Members diverged 3 times:"
    assert told([*found, *found])[0] == "Members diverged 6 times; the last 3:"
    assert told(found[:1])[0] == "Members diverged once:"
    assert told([]) == []


def test_log_and_table_say_why() -> None:
    assert line(RECORDS[5]).endswith("; diverged: loss_d is not finite [bold], 50 steps into its order")
    rows = Population.of(RECORDS).ranked()
    assert next(row for row in rows if row.member == 3).diverged
    rows = Population.of([*RECORDS, report(3, 2, 1.0)]).ranked()
    assert not next(row for row in rows if row.member == 3).diverged


def test_the_page_has_a_section_of_them_and_none_where_nobody_did(synthetic, tmp_path) -> None:
    records = synthetic.records(3, 2)
    lost = [
        replace(record, score=math.nan, diverged="<b>lost</b>")
        if isinstance(record, Report) and (record.member, record.interval) == (1, 1)
        else record
        for record in records
    ]
    for each, there in ((records, False), (lost, True)):
        view = synthetic.view(tmp_path, each)
        page = write_page(view).read_text()
        assert ("Members that diverged" in page) is there
        assert "<b>lost</b>" not in page
