import io
import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pbt_gan.core.lineage import History
from pbt_gan.reporting import plots
from pbt_gan.reporting.comparison_picture import comparison, curves
from pbt_gan.reporting.filmstrip import filmstrip
from pbt_gan.reporting.images import grid, sample_path

VERMILION = np.array([0xD5, 0x5E, 0x00])
GREY = np.array([0xB4, 0xBC, 0xC5])


def pixels_of(png, color):
    """How many pixels have a colour."""
    with Image.open(io.BytesIO(png)) as image:
        return int((np.abs(np.asarray(image.convert("RGB")).astype(int) - color).max(axis=-1) < 3).sum())


def every_plot(history):
    return [plots.scores(history), plots.schedules(history), plots.lineage(history), comparison({"PBT": [history]})]


@pytest.mark.slow
def test_scores_show_another_run_in_grey(synthetic):
    history = History.of(synthetic.records(6, 4))
    baseline = History.of(synthetic.records(6, 4, exploit=False))
    assert pixels_of(plots.scores(history, baseline), GREY) > 4 * pixels_of(plots.scores(history), GREY) + 500


@pytest.mark.slow
@pytest.mark.parametrize("draw", [plots.scores, plots.schedules, plots.lineage])
def test_the_ancestry_of_the_best_stands_out_in_every_plot(synthetic, draw):
    assert pixels_of(draw(History.of(synthetic.records(6, 4))), VERMILION) > 500


@pytest.mark.slow
@pytest.mark.parametrize("members", [1, 2])
def test_small_populations_can_be_drawn(synthetic, members):
    assert all(every_plot(History.of(synthetic.records(members, 3))))


@pytest.mark.slow
def test_a_population_that_diverged_can_be_drawn(synthetic):
    history = History.of(synthetic.records(4, 3, score=lambda member, interval: math.nan))
    assert all(every_plot(history))


@pytest.mark.slow
def test_infinite_scores_can_be_drawn(synthetic):
    history = History.of(
        synthetic.records(4, 3, score=lambda member, interval: [math.inf, -math.inf, 1.0, 2.0][member])
    )
    assert all(every_plot(history))


@pytest.mark.slow
def test_hyperparameters_that_are_no_numbers_can_be_drawn(synthetic):
    records = synthetic.with_values(synthetic.records(3, 2), loss="hinge $\\bad", ema=True, zero=0, one=1)
    assert plots.schedules(History.of(records))


@pytest.mark.slow
def test_drawing_leaves_the_settings_of_matplotlib_and_pyplot_alone(synthetic, monkeypatch):
    import matplotlib

    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    names = [name for name in matplotlib.rcParams if name != "backend"]  # asking for that one imports pyplot
    before = [matplotlib.rcParams[name] for name in names]
    plots.scores(History.of(synthetic.records(2, 2)))
    assert [matplotlib.rcParams[name] for name in names] == before
    assert "matplotlib.pyplot" not in sys.modules


@given(st.lists(st.floats(-1e6, 1e6) | st.just(math.nan), max_size=20))
def test_smoothing_keeps_gaps_and_stays_within_the_curve(values):
    result = plots.smoothed(values)
    assert [math.isnan(x) for x in result] == [math.isnan(x) for x in values]
    finite = [x for x in values if not math.isnan(x)]
    assert all(min(finite) - 1e-6 <= x <= max(finite) + 1e-6 for x in result if not math.isnan(x))


@pytest.mark.slow
def test_comparison_takes_several_runs_of_each_arm_and_skips_empty_ones(synthetic):
    runs = [History.of(synthetic.records(4, 3, seed=seed)) for seed in range(3)]
    png = comparison({"PBT": runs, "random search": runs[:1], "not begun": [History.of([])]})
    assert pixels_of(png, np.array([0x00, 0x72, 0xB2])) > 500


def test_a_film_strip_needs_samples(synthetic, tmp_path):
    history = History.of(synthetic.records(3, 3))
    assert filmstrip(history, tmp_path) is None


@pytest.mark.slow
def test_a_film_strip_shows_the_ancestry_of_the_best(synthetic, tmp_path):
    history = History.of(synthetic.records(6, 20))
    (tmp_path / "samples").mkdir()
    for report in history.reports:
        path = sample_path(tmp_path, report.member, report.interval)
        path.write_bytes(grid(synthetic.blobs(report.member, report.interval)))
    png = filmstrip(history, tmp_path)
    assert png is not None
    with Image.open(io.BytesIO(png)) as image:
        assert image.width > image.height > 300


def test_best_so_far_never_falls_even_when_everybody_diverges_at_the_end(synthetic):
    scores = [1.0, 3.0, 2.0, math.nan]
    history = History.of(synthetic.records(2, 4, score=lambda member, interval: scores[interval - 1]))
    assert curves(history)["best"].tolist() == [1.0, 3.0, 3.0, 3.0]
