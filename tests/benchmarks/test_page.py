import json
from typing import Any

import pytest

from benchmarks.measurement import Measurement, median_of, number
from benchmarks.page import NOT_MEASURED, PAGE, filled, images, read
from benchmarks.plots import PARTS
from benchmarks.targets import GROWTH, TARGETS


def group(members: int = 4, rate: float = 120.0, **setting: Any) -> list[Measurement]:
    ours = {"case": "digits", "members": members, "dtype": "float32", "threads": 1, "device": "cpu", **setting}
    plain = {**ours, "way": "one after another"}
    return [
        Measurement("member steps per second", rate, "1/s", setting={**ours, "way": "group"}),
        Measurement("member steps per second", rate / 2, "1/s", setting=plain),
        median_of("times one after another", [1.9, 2.0, 2.6], "", {**ours, "way": "group"}),
    ]


def lines(*measurements: Measurement) -> list[Any]:
    return [json.loads(measurement.line()) for measurement in measurements]


def row(page: str, *beginning: str) -> list[str]:
    (found,) = [line for line in page.splitlines() if line.startswith(f"| {' | '.join(beginning)} |")]
    return [cell.strip() for cell in found.strip("|").split("|")]


@pytest.fixture
def page():
    return PAGE.read_text(encoding="utf-8")


def test_a_group_stands_beside_the_plain_nets(page):
    assert row(filled(page, lines(*group())), "`digits`", "float32", "4")[3:] == ["120", "60", "–", "2×", "–", "–"]


def test_what_was_not_measured_says_so(page):
    written = filled(page, lines(*group()))
    assert "Last run on a GPU: never" in written
    assert f"**GPU**: {NOT_MEASURED}." in written
    reached = {target.what: row(written, device, target.what)[3] for target in TARGETS for device in ("CPU", "GPU")
               if f"| {device} | {target.what} |" in written}  # fmt: skip
    assert {what for what, value in reached.items() if value != NOT_MEASURED} == {TARGETS[0].what}
    assert reached[TARGETS[0].what] == "2"


def test_a_target_is_that_of_the_measurement_which_is_held_to_it():
    assert [measurement.target for measurement in group()] == [None, None, ">= 2.5"]
    assert [measurement.target for measurement in group(members=8)] == [None, None, None]


def test_writing_it_twice_changes_nothing(page):
    once = filled(page, lines(*group()))
    assert filled(once, lines(*group())) == once


@pytest.mark.slow
def test_everything_that_was_measured_is_drawn():
    parts = [Measurement(part, 3.0, "ms", setting={"case": "digits", "device": "cuda"}) for part in PARTS]
    limit = {"case": "digits", "dtype": "float32", "members": 1, "device": "cpu"}
    measured = [*group(1), *group(2), *parts, Measurement("limit of member steps per second", 400, "", setting=limit)]
    drawn = images(lines(*measured))
    assert set(drawn) == {"performance-cpu.png", "ready-point-cuda.png"}
    assert all(image.startswith(b"\x89PNG") for image in drawn.values())


@pytest.mark.parametrize(("value", "text"), [(0.01234, "0.0123"), (123.4, "123"), (12_345.0, "12,300"), (2.0, "2")])
def test_numbers_have_three_digits(value: float, text: str):
    assert number(value) == text


def grown(of: str, unit: str, points: dict[int, float]) -> list[Measurement]:
    setting = {"against": "members", "of": of, "case": "`digits`", "device": "cpu"}
    return [Measurement(GROWTH, value, unit, setting={**setting, "at": at}) for at, value in points.items()]


def test_costs_are_told_by_the_power_they_grow_with(page):
    measured = lines(*grown("time", "ms", {1: 3.0, 2: 12.0, 4: 48.0}), *grown("memory", "MB", {1: 5.0, 2: 10.0}))
    written = filled(page, measured)
    assert row(written, "members", "`digits`", "time")[3:] == ["1 to 4", "3 to 48 ms", "2.00", "± 0.00"]
    assert row(written, "members", "`digits`", "memory")[5:] == ["1.00", "–"]
    assert "images/growth-members.png" in written


@pytest.mark.slow
def test_each_growth_is_drawn():
    assert set(images(lines(*grown("time", "ms", {1: 3.0, 2: 12.0, 4: 40.0})))) == {"growth-members.png"}


def test_what_only_the_check_of_a_gpu_measures_has_a_table(page):
    of_piece = {
        **lines(Measurement("rate of a copy", 4_300, "GB/s", setting={"device": "cuda"}))[0],
        "piece": "ceilings",
    }
    assert row(filled(page, [of_piece]), "ceilings", "rate of a copy")[3] == "4,300 GB/s"


def test_what_only_tried_the_logic_of_a_check_is_left_out(tmp_path):
    tried = {**lines(*group())[0], "tiny": True}
    path = tmp_path / "measurements.jsonl"
    path.write_text(f"pip says this\n{json.dumps(tried)}\n{json.dumps(lines(*group())[0])}\n")
    assert len(read([path])) == 1
