import math

import pytest

from pbt_gan.core.records import Birth, Donor, Exploit, Report
from pbt_gan.reporting.cards import is_higher_better
from pbt_gan.runs.result import Run
from pbt_gan.studies.experiment.outcome import Outcome, at_equal_cost, cards_of, costs, counted, cut
from pbt_gan.studies.experiment.timeline import Timeline, timeline


def report(member: int, interval: int, score: float, images: int = 100, **metrics: float) -> Report:
    steps = interval * 10
    return Report(
        member, interval, steps, steps, score, metrics, {}, f"m{member}-i{interval}", images, cost_s=images / 50
    )


def copied(recipient: int, interval: int, donor: int) -> Exploit:
    origin = Donor(donor, interval, interval * 10, f"m{donor}-i{interval}")
    return Exploit(
        recipient, interval, origin, ("weights",), "none", {}, {}, "truncation", "", sources={"*": origin.checkpoint}
    )


def run(*records: Report | Exploit, **cards: dict[str, str]) -> Run:
    members = sorted({r.member for r in records if isinstance(r, Report)})
    return Run({}, [*(Birth(member, {}, "drawn") for member in members), *records], "finished", cards=cards)


def of(run: Run) -> Timeline:
    return timeline(run.journal)


SHORT = run(report(0, 1, 1.0), report(1, 1, 2.0), copied(0, 1, 1), report(0, 2, 9.0), report(1, 2, 3.0))
LONG = run(
    report(0, 1, 5.0, 150), report(1, 1, 4.0, 150), copied(1, 1, 0), report(0, 2, 6.0, 150), report(1, 2, 8.0, 150)
)


def test_every_run_is_read_up_to_the_cost_that_all_arms_of_its_seed_have_reached():
    read = at_equal_cost({("a", 0): SHORT, ("b", 0): LONG, ("b", 1): LONG}, "images")
    assert read["a", 0].reports == list(SHORT.history.reports)
    assert [r.score for r in read["b", 0].reports] == [5.0, 4.0]
    assert read["b", 1].reports == list(LONG.history.reports)


def test_a_copy_whose_training_was_cut_off_is_not_counted():
    assert [len(cut(of(LONG), "images", limit).history.exploits) for limit in (300, 450, 600)] == [0, 0, 1]


def test_the_ancestry_of_what_is_left_can_still_be_told():
    left = cut(of(LONG), "images", 600)
    assert [s.member for s in left.history.ancestry(1, 2)] == [0, 1]


def test_time_is_equal_within_two_percent_and_images_exactly():
    assert len(cut(of(SHORT), "device_s", 7.9).reports) == 4
    assert len(cut(of(SHORT), "device_s", 7.8).reports) == 3
    assert len(cut(of(SHORT), "images", 399).reports) == 3


def test_at_least_one_report_is_left():
    assert len(cut(of(SHORT), "images", 1).reports) == 1


def test_steps_are_counted_where_a_task_counts_no_images():
    without = run(report(0, 1, 1.0, 0), report(0, 2, 1.0, 0))
    assert counted([SHORT, without], "images") == "steps"
    assert counted([SHORT], "images") == "images"
    assert list(costs(of(without), "steps")) == [10, 10]


def test_best_is_the_best_ever_with_the_held_out_metric_of_that_same_report():
    ended = run(
        report(0, 1, 3.0, held_out_cs=1.0, loss=7.0),
        report(1, 1, 9.0, held_out_cs=5.0, loss=7.0),
        report(0, 2, 4.0, held_out_cs=2.0, loss=7.0),
        report(1, 2, 2.0, held_out_cs=8.0, loss=7.0),
    )
    outcome = Outcome.of(("pbt", 4), of(ended), {})
    assert dict(outcome.figures) == {"best": 9.0, "median": 3.0, "best held_out_cs": 5.0, "median held_out_cs": 5.0}
    assert (outcome.arm, outcome.seed, outcome.steps, outcome.images, outcome.scorings) == ("pbt", 4, 40, 400, 4)


@pytest.mark.parametrize(("better", "median"), [("higher", 2.0), ("lower", 5.0)])
def test_a_member_that_diverged_counts_as_the_worst_in_the_median(better, median):
    ended = run(
        report(0, 1, 3.0, held_out_x=2.0),
        report(1, 1, 9.0, held_out_x=5.0),
        report(2, 1, math.nan, held_out_x=math.nan),
    )
    assert Outcome.of(("a", 0), of(ended), {"held_out_x": {"better": better}}).figures["median held_out_x"] == median


def test_a_population_of_which_nobody_had_a_finite_score_has_no_figures():
    figures = Outcome.of(("a", 0), of(run(report(0, 1, math.nan))), {}).figures
    assert all(math.isnan(value) for value in figures.values())


def test_which_way_is_better_stands_on_the_cards():
    cards = cards_of([run(report(0, 1, 1.0), held_out_fcd={"better": "lower"}), run(report(0, 1, 1.0))])
    assert is_higher_better(cards, "held_out_cs")
    assert not is_higher_better(cards, "held_out_fcd")


def test_a_metric_that_the_first_report_lacks_has_its_figures():
    ended = run(report(0, 1, 1.0), report(1, 1, math.nan), report(0, 2, 3.0, held_out_x=5.0))
    figures = Outcome.of(("a", 0), of(ended), {}).figures
    assert figures["best held_out_x"] == 5.0
    assert math.isnan(figures["median held_out_x"])  # of 5 and of a member that diverged


def test_a_metric_that_was_not_measured_at_the_end_is_not_a_bad_one():
    ended = run(report(0, 1, 1.0, held_out_x=5.0), report(1, 1, 2.0, held_out_x=7.0), report(0, 2, 3.0))
    figures = Outcome.of(("a", 0), of(ended), {}).figures
    assert "best held_out_x" not in figures
    assert figures["median held_out_x"] == 7.0


def test_histories_keep_their_births():
    assert len(cut(of(SHORT), "images", 100).history.births) == 2
