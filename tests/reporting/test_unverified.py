from dataclasses import replace

import pytest

from pbt_gan.cli.reading import overview
from pbt_gan.core.lineage import History
from pbt_gan.core.records import Report
from pbt_gan.reporting.page import write_page
from pbt_gan.reporting.unverified import unverified
from pbt_gan.runs.result import Run

TOLD = "Unverified: lr_d (4 of 12 reports), lr_g; set, but not seen to act."


@pytest.fixture
def doubtful(synthetic):
    """Return records of which all reports leave one hyperparameter unverified, and some another."""
    return [
        replace(record, unverified=("lr_d", "lr_g") if record.interval == 1 else ("lr_g",))
        if isinstance(record, Report)
        else record
        for record in synthetic.records(4, 3)
    ]


def test_what_was_not_seen_to_act_is_named_with_how_often(synthetic, doubtful):
    assert unverified(History.of(doubtful)) == TOLD
    assert unverified(History.of(synthetic.records(4, 3))) == ""


@pytest.mark.slow
def test_the_page_and_the_overview_say_it(synthetic, doubtful, tmp_path):
    view = synthetic.view(tmp_path, doubtful)
    assert TOLD in write_page(view).read_text()
    run = Run({"pbt": {"total_steps": 300}, "seed": 0}, doubtful, "finished", tmp_path)
    assert TOLD in [str(part) for part in overview(run).renderables]  # type: ignore[union-attr]
