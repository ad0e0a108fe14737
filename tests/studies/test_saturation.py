import io
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pbt_gan.core.records import Birth, Report
from pbt_gan.core.rng import stream
from pbt_gan.errors import ConfigError
from pbt_gan.runs.result import Run
from pbt_gan.studies.saturation import Line, Saturation, picture, saturation

EVERY, END = 100, 6_400


def line(score, *, end=END, every=EVERY, rate=1.0) -> Line:
    steps = np.arange(every, end + 1, every).astype(float)
    return Line({"lr": rate}, steps, np.array([score(step) for step in steps]))


def run(*lines: Line, lr=lambda line, step: line.hyperparams["lr"]) -> Run:
    records: list[Birth | Report] = []
    for member, each in enumerate(lines):
        records.append(Birth(member, each.hyperparams, "given"))
        for interval, (step, score) in enumerate(zip(each.steps, each.scores, strict=True), 1):
            place = int(step)
            records.append(
                Report(
                    member, interval, place, place, float(score), {}, {"lr": lr(each, step)}, f"m{member}-i{interval}"
                )
            )
    return Run({}, records, "finished")


def test_a_curve_that_goes_flat_is_saturated_where_no_doubling_gains_as_much():
    flat = line(lambda step: min(step, 1_000) / 1_000, end=7_600, every=50)
    assert [round(place, -1) for place in flat.places[-5:]] == [1_600, 2_260, 3_200, 4_520, 6_390]
    assert [gained for place, gained in flat.gains() if place > 1_000] == pytest.approx([0] * 4, abs=0.02)
    assert flat.saturation(0.1) == pytest.approx(1_130, abs=1)
    assert flat.saturation(0.3) == pytest.approx(799, abs=1)


def test_a_curve_that_gains_as_much_with_every_doubling_is_never_saturated():
    rising = line(lambda step: math.log2(step) * 0.3)
    assert [gained for _, gained in rising.gains()[4:]] == pytest.approx([0.3] * (len(rising.gains()) - 4), abs=0.03)
    assert rising.saturation(0.25) is None
    assert rising.saturation(0.4) is not None


def test_a_plateau_is_no_saturation_if_there_are_gains_behind_it():
    stairs = line(lambda step: float(step > 500) + float(step > 4_000))
    assert stairs.saturation(0.1) is None


def test_a_setting_that_diverges_has_no_score_any_more_and_is_never_the_best():
    lost = line(lambda step: 9.0 if step < 2_000 else math.nan, rate=5.0)
    kept = line(lambda step: min(step, 1_000) / 1_000)
    found = Saturation([lost, kept], 0.1)
    assert lost.saturation(0.1) is None
    assert [row[0] for row in found.sheet.rows] == ["lr 1.000", "lr 5.000", "the best of each length"]
    assert [row[-1] for row in found.sheet.rows[:2]] == ["951", "diverged"]
    assert found.top(4_000) == 1.0


def test_noise_that_is_smaller_than_the_gain_moves_saturation_little():
    rng = stream(0, "noise")
    found = [
        line(lambda step: math.log2(min(step, 1_000)) + rng.normal(0, 0.1)).saturation(0.3) or math.nan
        for _ in range(200)
    ]
    assert 700 < np.nanquantile(found, 0.1) <= np.nanquantile(found, 0.9) < 1_200
    assert sum(map(math.isnan, found)) == 0


@given(st.lists(st.floats(-10, 10) | st.just(math.nan), min_size=3, max_size=40), st.floats(0.01, 1))
def test_a_doubling_never_gains_as_much_after_saturation(scores, gain):
    steps = np.arange(1.0, len(scores) + 1) * 50
    each = Line({}, steps, np.array(scores))
    place = each.saturation(gain)
    after = [gained for step, gained in each.gains() if place is not None and step >= place]
    assert all(gained < gain for gained in after)
    assert each.places[-1] == pytest.approx(steps[-1] / 2**0.25)
    assert steps[0] <= each.places[0] * (1 + 1e-9)


def test_a_quick_setting_and_a_slow_one_are_saturated_together_where_neither_gains():
    quick = line(lambda step: min(step, 400) / 400, end=12_800)
    slow = line(lambda step: min(step, 3_000) / 1_500, end=12_800, rate=0.1)
    found = Saturation([quick, slow], 0.1)
    assert quick.saturation(0.1) == pytest.approx(476, abs=1)
    assert found.steps == slow.saturation(0.1) == pytest.approx(3_805, abs=1)
    assert [found.top(step) for step in (400, 3_800)] == pytest.approx([1.0, 2.0])


def test_budgets_are_shares_of_the_saturation_of_the_best_settings():
    better, worse = line(lambda step: min(step, 2_000) / 1_000), line(lambda step: min(step, 800) / 1_000, rate=0.1)
    found = saturation(run(better, worse), 0.1)
    assert found.steps == better.saturation(0.1) == pytest.approx(2_691, abs=1)
    assert dict(found.budgets) == {0.1: 269, 0.3: 807, 1.0: 2_691, 3.0: 8_073}
    assert [row[0] for row in found.sheet.rows] == ["lr 1.000", "lr 0.100", "the best of each length"]
    assert json.loads(json.dumps(found.plain()))["budgets"]["0.1"] == 269


def test_a_member_whose_setting_moved_has_no_such_curve():
    each = line(lambda step: 1.0)
    with pytest.raises(ConfigError, match=r"Member 0 .* did not keep its setting.*exploit=none"):
        saturation(run(each, lr=lambda line, step: step))
    with pytest.raises(ConfigError, match="scored three times"):
        saturation(run(line(lambda step: 1.0, end=200)))


@pytest.mark.slow
def test_curves_are_drawn_also_of_settings_that_diverged():
    lines = [line(lambda step: math.log2(step)), line(lambda step: math.nan, rate=9.0)]
    with Image.open(io.BytesIO(picture(Saturation(lines, 0.1)))) as image:
        assert image.size[0] > 1_000
