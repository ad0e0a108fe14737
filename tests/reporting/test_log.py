import logging

import pytest

from pbt_gan import files
from pbt_gan.core.records import Birth, Failure
from pbt_gan.errors import StorageError
from pbt_gan.reporting.log import RunLog


def lines(folder):
    return (folder / "log.txt").read_text().splitlines()


def test_every_record_has_a_line_with_the_time(synthetic, tmp_path):
    records = [*synthetic.records(3, 2), Failure(2, 2, 1, "w1", "worker died")]
    log = RunLog()
    log.start(synthetic.context(tmp_path))
    for record in records:
        log.record(record, None)
    log.close("finished")
    written = lines(tmp_path)
    assert len(written) == len(records) + 3
    assert all(line[:2] == "20" and line[19:28] == " INFO    " for line in written)
    assert "worker died" in written[-3]
    assert any("copies weights and hyperparams of m0" in line for line in written)


def test_at_the_end_failures_are_counted_by_kind(synthetic, tmp_path):
    log = RunLog()
    log.start(synthetic.context(tmp_path, [Failure(2, 2, 1, "w1", "died", "worker")]))
    log.record(Failure(1, 2, 1, "w1", "hung", "deadline"), None)
    log.record(Failure(1, 2, 2, "w1", "hung", "deadline"), None)
    log.close("finished")
    assert lines(tmp_path)[-2].endswith("3 orders failed: 2 deadline, 1 worker")


def test_messages_of_the_package_are_in_the_log_with_their_traceback(synthetic, tmp_path):
    log = RunLog()
    log.start(synthetic.context(tmp_path))
    try:
        raise RuntimeError("out of luck")
    except RuntimeError:
        logging.getLogger("pbt_gan.engine").warning("a listener failed", exc_info=True)
    log.close("finished")
    logging.getLogger("pbt_gan.engine").warning("of another run")
    text = "\n".join(lines(tmp_path))
    assert "WARNING a listener failed" in text
    assert "RuntimeError: out of luck" in text
    assert "of another run" not in text


def test_a_resumed_run_adds_to_its_log(synthetic, tmp_path):
    for before in ((), synthetic.records(2, 1)):
        log = RunLog()
        log.start(synthetic.context(tmp_path, before))
        log.close("finished")
    assert [line[28:] for line in lines(tmp_path)] == [
        "run begins",
        "run ended: finished",
        "run goes on after 2 of 240 orders",
        "run ended: finished",
    ]


def test_a_full_disk_never_reaches_whoever_logs_a_message(synthetic, tmp_path, monkeypatch):
    log = RunLog()
    log.start(synthetic.context(tmp_path))

    def refuse(*args):
        raise StorageError("disk full")

    monkeypatch.setattr(files.Appender, "append", refuse)
    logging.getLogger("pbt_gan.engine").warning("a message")
    with pytest.raises(StorageError):
        log.record(synthetic.records(1, 1)[0], None)


def test_whatever_a_name_or_an_error_holds_the_log_has_a_line_a_record_and_no_control_characters(synthetic, tmp_path):
    log = RunLog()
    log.start(synthetic.context(tmp_path))
    log.record(Failure(2, 2, 1, "w\x1b[1m1", "died\r2026-01-01 00:00:00 INFO    forged\nrun ended: finished"), None)
    log.record(Birth(1, {"red\x1b[31m\n": "a\x9bb\udc80"}, "drawn"), None)
    logging.getLogger("pbt_gan.engine").warning("first\x07\nsecond\x1b]0;title\x07")
    log.close("finished")
    written = lines(tmp_path)
    assert all(line.isprintable() for line in written)
    assert written[3].endswith("WARNING first?")
    assert written[4] == "second?]0;title?"
    assert len(written) == 7
