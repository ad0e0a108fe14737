import html
import math
import re
from html.parser import HTMLParser

import pytest

from pbt_gan.core.records import Failure
from pbt_gan.reporting import page, plots
from pbt_gan.reporting.images import SampleGrids
from pbt_gan.reporting.page import write_page

HOSTILE = "<script>alert('1')</script>\"&'"


class Elements(HTMLParser):
    """Every element, and every text that is not style."""

    VOID = ("meta", "img")

    def __init__(self, text):
        super().__init__()
        self.raw = text
        self.tags, self.attributes, self.open, self.text = [], [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data


def write(view, baseline=None):
    path = write_page(view, baseline)
    elements = Elements(path.read_text())
    assert elements.open == []
    assert elements.tags.count("h1") == 1
    return elements


@pytest.fixture(scope="module")
def full(synthetic, tmp_path_factory):
    """The page of a run with samples and another run beside it, and the run's folder."""
    folder = tmp_path_factory.mktemp("run")
    records = synthetic.records(6, 4)
    grids = SampleGrids()
    grids.start(synthetic.context(folder))
    for record, preview in synthetic.previewed(records):
        grids.record(record, preview)
    baseline = synthetic.view(folder / "other", synthetic.records(6, 4, exploit=False))
    return write(synthetic.view(folder, records), baseline), folder


@pytest.mark.slow
def test_the_page_shows_plots_samples_table_cards_and_settings(full):
    elements, folder = full
    pictures = [value for name, value in elements.attributes if name == "src"]
    assert len(pictures) == 2 + 5
    assert sorted(path.name for path in (folder / "plots").iterdir()) == [
        "comparison.png",
        "filmstrip.png",
        "lineage.png",
        "schedules.png",
        "scores.png",
    ]
    for text in (
        "held-out CS",
        "its held_out_fcd",
        "Fréchet distance, lower is better",
        "pbt.exploit.fraction",
        "classifier A",
        "2.13.0",
        "sha256:77aa",
        "finished",
        "m05",
    ):
        assert text in elements.text
    assert "could not be drawn" not in elements.text


@pytest.mark.slow
def test_the_page_needs_nothing_but_itself(full):
    elements, _ = full
    assert not {"script", "link", "iframe"} & set(elements.tags)
    for name, value in elements.attributes:
        assert name != "href"
        assert name != "src" or value.startswith("data:image/png;base64,")
    assert not re.search(r"url\(|https?://|@import", re.sub(r"base64,[^\"]+", "", elements.raw))


@pytest.mark.slow
def test_whatever_a_run_holds_is_escaped(synthetic, tmp_path):
    config = {"name": HOSTILE, "task": {HOSTILE: HOSTILE}, "seed": HOSTILE}
    records = synthetic.with_values(synthetic.records(2, 2), **{HOSTILE: HOSTILE})
    view = synthetic.view(tmp_path, records, config=config, ending=HOSTILE)
    view.run["name"] = HOSTILE
    view.run["cards"] = {HOSTILE: {HOSTILE: HOSTILE}}
    elements = write(view)
    assert "script" not in elements.tags
    assert elements.text.count(HOSTILE) >= 8
    assert html.escape(HOSTILE) in elements.raw


@pytest.mark.slow
def test_the_names_of_published_metrics_are_not_used_for_those_of_our_classifiers(full):
    assert not re.search(r"\b(IS|FID|KID|inception)\b", full[0].text)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("members", "intervals", "score"),
    [
        (1, 3, None),
        (3, 1, None),
        (2, 2, lambda member, interval: math.nan),
        (3, 0, None),
    ],
    ids=["one member", "one interval", "all diverged", "nothing reported yet"],
)
def test_unusual_runs_have_a_page_too(synthetic, tmp_path, members, intervals, score):
    records = synthetic.records(members, intervals, score=score)
    elements = write(synthetic.view(tmp_path, records), synthetic.view(tmp_path, records))
    assert "could not be drawn" not in elements.text


def test_a_run_without_records_has_a_page(synthetic, tmp_path):
    assert "0 members" in write(synthetic.view(tmp_path, [], ending="running")).text


@pytest.mark.slow
def test_a_plot_that_fails_is_a_note_in_the_page(synthetic, tmp_path, monkeypatch, caplog):
    def fail(history):
        raise ValueError("no <ink>")

    monkeypatch.setattr(plots, "lineage", fail)
    elements = write(synthetic.view(tmp_path, synthetic.records(2, 2)))
    assert "This plot could not be drawn. ValueError: no <ink>" in elements.text
    assert (tmp_path / "plots" / "scores.png").exists()
    assert "lineage.png" in caplog.text


@pytest.mark.slow
def test_a_large_population_is_cut_off_in_the_table(synthetic, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "ROWS", 3)
    text = write(synthetic.view(tmp_path, synthetic.records(8, 2))).text
    assert "The first 3 of 8" in text


def test_failures_are_counted_by_kind_with_the_last_of_each(synthetic, tmp_path):
    bad = [
        Failure(2, 2, 1, "w1", "w1 was killed", "worker"),
        Failure(1, 3, 1, "w1", f"w1 said {HOSTILE}", "protocol"),
        Failure(4, 3, 1, "w0", "w0 was killed", "worker"),
    ]
    elements = write(synthetic.view(tmp_path, [*synthetic.records(6, 4), *bad]))
    assert "Failures" in elements.text
    for cells in ("worker2m04, interval 3: w0 was killed", f"protocol1m01, interval 3: w1 said {HOSTILE}"):
        assert cells in re.sub(r"\s*\n\s*", "", elements.text)
    assert "Failures" not in write(synthetic.view(tmp_path, synthetic.records(6, 4))).text
