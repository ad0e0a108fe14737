import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.records import Birth, Donor, Exploit, Failure, Report, UnknownRecordError, from_json, to_json

NUMBERS = st.integers(0, 10**9)
FLOATS = st.floats(allow_nan=False)
HYPERPARAMS = st.dictionaries(
    st.text(max_size=5), st.one_of(st.floats(allow_nan=False), st.integers(), st.booleans(), st.text(max_size=5))
)
BIRTHS = st.builds(Birth, NUMBERS, HYPERPARAMS, st.sampled_from(["drawn", "given"]))
REPORTS = st.builds(
    Report, NUMBERS, NUMBERS, NUMBERS, NUMBERS, FLOATS, st.dictionaries(st.text(max_size=5), FLOATS), HYPERPARAMS,
    st.text(max_size=5), NUMBERS, st.lists(st.text(max_size=5), max_size=2).map(tuple),
    st.none() | st.floats(0, 10), st.text(max_size=5), st.just(0.1), st.just("serial"),
)  # fmt: skip
EXPLOITS = st.builds(
    Exploit, NUMBERS, NUMBERS, st.none() | st.builds(Donor, NUMBERS, NUMBERS, NUMBERS, st.text(max_size=5)),
    st.sampled_from([(), ("weights",), ("hyperparams",), ("weights", "hyperparams")]), st.text(max_size=5), HYPERPARAMS,
    HYPERPARAMS, st.text(max_size=5), st.text(max_size=5), st.lists(FLOATS, max_size=3).map(tuple), NUMBERS,
    st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2), st.none() | st.text(max_size=5),
    st.none() | NUMBERS, st.none() | NUMBERS,
)  # fmt: skip
FAILURES = st.builds(
    Failure, NUMBERS, NUMBERS, NUMBERS, st.text(max_size=5), st.text(max_size=5), st.sampled_from(["task", "worker"]),
    st.text(max_size=5),
)  # fmt: skip


@pytest.mark.slow
@given(st.one_of(BIRTHS, REPORTS, EXPLOITS, FAILURES))
def test_a_record_comes_back_from_json_as_it_was(record):
    back = from_json(json.loads(json.dumps(to_json(record))))
    assert back == record
    assert repr(back) == repr(record)  # 1, 1.0 and True are equal, but not the same; cost and worker are not compared


@pytest.mark.parametrize(("text", "number"), [("NaN", math.nan), ("Infinity", math.inf), ("-Infinity", -math.inf)])
def test_numbers_that_are_not_finite_come_back_from_their_strings(text, number):
    data = to_json(Report(0, 1, 1, 1, 0.0, {}, {}, "m00-i0001", 0))
    report = from_json({**data, "score": text, "metrics": {"loss": text}})
    assert isinstance(report, Report)
    assert repr(report.score) == repr(report.metrics["loss"]) == repr(number)
    exploit = to_json(Exploit(0, 1, None, (), "none", {}, {}, "none", ""))
    back = from_json({**exploit, "scores": [text]})
    assert isinstance(back, Exploit)
    assert repr(back.scores) == repr((number,))


@pytest.mark.parametrize("name", ["run", "commit", "resume", "end"])
def test_what_is_the_journal_s_own_is_no_record(name):
    with pytest.raises(UnknownRecordError, match=name):
        from_json({"type": name, "upto": 3})


@pytest.mark.parametrize("data", [{}, {"type": "member"}, {"type": "member", "member": 0, "hyperparams": {}}])
def test_an_object_without_all_fields_is_an_error(data):
    with pytest.raises((KeyError, TypeError)):
        from_json(data)


@given(st.one_of(BIRTHS, REPORTS, EXPLOITS, FAILURES), st.text(min_size=1), st.data())
def test_no_field_that_is_not_known_is_dropped(record, name, data):
    entry = json.loads(json.dumps(to_json(record)))
    objects = [entry, *(entry[key] for key in ("time", "donor") if entry.get(key))]
    data.draw(st.sampled_from(objects)).setdefault(f"new {name}", 1)
    with pytest.raises(UnknownRecordError, match="new"):
        from_json(entry)


@pytest.mark.parametrize(
    ("record", "name"),
    [
        *((Report(0, 1, 1, 1, 0.0, {}, {}, "m00-i0001"), name) for name in ("attempt", "preview", "cost_s", "worker")),
        *((Failure(0, 1, 1, "w0", "died"), name) for name in ("details", "cause")),
    ],
)
def test_what_is_not_in_the_journal_is_not_read_from_it(record, name):
    entry = to_json(record)
    assert name not in entry
    with pytest.raises(UnknownRecordError, match=name):
        from_json({**entry, name: None})


def test_a_record_keeps_of_a_report_what_is_journaled():
    report = Report(
        member=1, interval=2, attempt=1, step=10, trained_steps=20, score=1.5, metrics={"loss": 0.5},
        hyperparams={"lr": 0.1}, checkpoint="m01-i0002", images=640, cost_s=0.25, worker="worker-0", preview=object(),
    )  # fmt: skip
    assert to_json(report) == {
        "type": "report", "member": 1, "interval": 2, "step": 10, "trained_steps": 20, "score": 1.5,
        "metrics": {"loss": 0.5}, "hyperparams": {"lr": 0.1}, "checkpoint": "m01-i0002", "images": 640,
        "time": {"cost_s": 0.25, "worker": "worker-0"},
    }  # fmt: skip


def test_equal_reports_may_differ_in_time():
    one, other = (Report(0, 1, 1, 1, 0.5, {}, {}, "m00-i0001", 0, cost_s=cost_s, worker="w") for cost_s in (1.0, 2.0))
    assert one == other


@pytest.mark.parametrize(
    ("exploit", "kept"),
    [
        (Exploit(0, 1, None, (), "none", {"lr": 1.0}, {"lr": 1.0}, "truncation", ""), True),
        (Exploit(0, 1, None, (), "perturb", {"lr": 1.0}, {"lr": 1.2}, "none", ""), False),
        (Exploit(0, 1, Donor(1, 1, 5, "k"), ("weights",), "none", {"lr": 1.0}, {"lr": 1.0}, "tournament", ""), False),
        (Exploit(0, 1, None, ("weights", "hyperparams"), "resample", {"lr": 1.0}, {"lr": 1.0}, "rescue", ""), False),
    ],
)
def test_a_member_is_kept_if_nothing_was_copied_or_moved(exploit, kept):
    assert exploit.kept is kept
