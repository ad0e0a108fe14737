import re
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.cli import app
from pbt_gan.config import toml
from pbt_gan.config.settings import Config
from pbt_gan.core.rng import stream
from pbt_gan.errors import ConfigError, RunFolderError
from pbt_gan.runs.project import Project
from pbt_gan.studies.experiment.arms import ARMS
from pbt_gan.studies.experiment.plan import FILE, keep, read_experiment
from pbt_gan.studies.experiment.scale import scaled
from pbt_gan.validation import validated
from tests.studies.experiment.conftest import TOY, toy

ROOT = Path(__file__).parent.parent.parent.parent
ALONE = [name for name, arm in ARMS.items() if arm.after is None]


ALONE_EACH = {
    "random-search",
    "halving",
    "asha",
    "two-stage",
    "hyperband",
    "fixed",
    "linear",
    "exponential",
    "cosine",
    "longer",
    "longer-random",
}
"""Arms of which no member copies another one; likewise NAME-decay."""

PHASES = {"pbt": {"population": [[0, 8], [0.2, 2], [0.5, 1]], "budget_steps": 8_000}}
"""8 × 200, 2 × 1,200 and 1 × 4,000 steps."""


@pytest.mark.slow
@pytest.mark.parametrize("arm", ALONE)
@pytest.mark.parametrize("shared", [{}, {**PHASES, "experiment": {"fixed_size": 4}}])
def test_every_arm_trains_as_many_steps_and_is_scored_as_often(arm, shared):
    experiment = read_experiment("gan", [shared, {"experiment": {"arms": [arm], "seeds": [7]}}])
    config = experiment.run_config(arm, 7)
    plan = Project(config).plan
    assert (
        plan.member_steps == experiment.budget_steps == sum(size * steps for size, steps in experiment.population(arm))
    )
    assert (plan.score_interval, config.seed) == (100, 7)
    assert (config.pbt.exploit.name != "none") == (arm.removesuffix("-decay") not in ALONE_EACH)
    assert experiment.rounding == 0


def test_what_an_arm_changes_is_what_its_name_says():
    experiment = read_experiment("gan", [{"experiment": {"arms": ALONE}}])
    configs = {arm: experiment.run_config(arm, 0).pbt for arm in ALONE}
    assert configs["weights-only"].exploit.copies == "weights"
    assert configs["hyperparameters-only"].exploit.copies == "hyperparams"
    assert configs["generator-only"].exploit.copies == ("generator", "hyperparams")
    assert configs["discriminator-only"].exploit.copies == ("discriminator", "hyperparams")
    assert configs["random-search"].initial == ()
    middle = configs["fixed"].initial[0]
    assert set(middle) == {"lr_g", "lr_d"}
    assert len(configs["fixed"].initial) == 10
    assert configs["longer"].initial == configs["longer-decay"].initial == (middle,)
    assert configs["longer-random"].initial == configs["longer-random-decay"].initial == ()
    assert {configs[arm].population_size for arm in configs if arm.startswith("longer")} == {1}
    decays = {arm: pbt.schedule and (pbt.schedule.decay, pbt.schedule.to) for arm, pbt in configs.items()}
    assert {arm: decay for arm, decay in decays.items() if decay} == {
        "longer-decay": ("cosine", 0.1),
        "longer-random-decay": ("cosine", 0.1),
        "halving-decay": ("cosine", 0.1),
        **{shape: (shape, 0.01) for shape in ("linear", "exponential", "cosine")},
    }
    assert configs["asha"].mode == "async"


def test_arms_have_the_phases_of_the_config_or_one_size_and_never_something_of_both():
    arms = ["pbt", "shrinking", "halving", "longer", "mine"]
    own = {"mine": {"pbt": {"population": [[0, 4], [0.5, 2]]}}}
    experiment = read_experiment("gan", [PHASES, {"experiment": {"arms": arms, "own": own, "fixed_size": 4}}])
    shrinks = [(8, 200), (2, 1_200), (1, 4_000)]
    assert {arm: experiment.population(arm) for arm in arms} == {
        "pbt": [(4, 2_000)],
        "shrinking": shrinks,
        "halving": shrinks,
        "longer": [(1, 8_000)],
        "mine": [(4, 1_000), (2, 2_000)],
    }


def test_without_phases_of_its_own_an_experiment_shrinks_by_halving():
    experiment = read_experiment("gan", [{"experiment": {"arms": ["halving", "shrinking"]}}])
    for arm in ("halving", "shrinking"):
        assert [members for members, _ in experiment.population(arm)] == [10, 5, 2, 1]


def test_what_is_given_to_the_first_members_is_given_to_as_many_as_an_arm_has():
    given = [{"lr_g": 1e-3}, {"lr_g": 2e-3}, {"lr_g": 3e-3}]
    experiment = read_experiment(
        "gan",
        [
            {
                "pbt": {"initial": given},
                "experiment": {"arms": ["pbt", "random-search", "longer-random"], "fixed_size": 2},
            }
        ],
    )
    assert experiment.run_config("pbt", 0).pbt.initial == tuple(given[:2])
    assert experiment.run_config("longer-random", 0).pbt.initial == ()


@given(
    scale=st.floats(0.001, 1, exclude_max=True),
    members=st.integers(1, 40),
    points=st.integers(1, 60),
    scores=st.integers(1, 4),
    unit=st.integers(1, 500),
)
def test_a_share_of_an_experiment_keeps_its_form(scale, members, points, scores, unit):
    pbt = {"ready_interval": scores * unit, "score_interval": unit, "population_size": members}
    at_full_size = validated(Config, {"task": "toy", "pbt": {**pbt, "total_steps": points * scores * unit}})
    lengths = scaled(at_full_size, members, scale)
    assert lengths["ready_interval"] == scores * lengths["score_interval"]
    ready_points, left = divmod(lengths["budget_steps"], members * lengths["ready_interval"])
    assert left == 0
    assert ready_points >= 2
    # Where nothing is too short to be rounded, the share is the one that was asked for.
    if unit * scale**0.5 >= 10 and points * scale**0.5 >= 10:
        assert lengths["budget_steps"] / (members * points * scores * unit) == pytest.approx(scale, rel=0.11)


def test_all_arms_of_a_share_train_as_many_steps_as_each_other():
    arms = ["pbt", "halving", "longer", "replay", "replay-all"]
    experiment = read_experiment("gan", [PHASES, {"experiment": {"arms": arms, "fixed_size": 4}}], scale=0.1)
    assert experiment.budget_steps == 4 * 6 * 32
    assert [sum(size * steps for size, steps in experiment.population(arm)) for arm in arms] == [768] * 5
    assert experiment.population("replay") == [(1, 768)]
    assert experiment.population("replay-all") == [(4, 192)]


@pytest.mark.parametrize("scale", [0, -1, 1.5, float("nan")])
def test_what_is_no_share_of_an_experiment_is_refused(scale):
    with pytest.raises(ConfigError, match="above 0, up to 1"):
        read_experiment("gan", [], scale=scale)


def test_whole_score_intervals_may_leave_two_percent_of_the_budget():
    three = {"population_size": 3}
    experiment = toy(
        pbt={"population_size": 1, "total_steps": 1_000},
        experiment={"arms": ["longer", "three"], "own": {"three": {"pbt": three}}},
    )
    assert experiment.population("three") == [(3, 330)]
    assert experiment.rounding == pytest.approx(0.01)


def test_a_decay_takes_the_place_of_a_schedule_that_all_arms_have():
    experiment = toy(
        pbt={"schedule": {"decay": "linear", "of": ["h0"]}},
        experiment={"arms": ["mine"], "own": {"mine": {"pbt": {"schedule": {"decay": "cosine", "of": ["h1"]}}}}},
    )
    schedule = experiment.run_config("mine", 0).pbt.schedule
    assert schedule is not None
    assert (schedule.decay, schedule.rows) == ("cosine", ())


def test_an_arm_of_ones_own_lays_its_changes_over_the_config():
    own = {"t-test": {"pbt": {"exploit": {"name": "t_test", "alpha": 0.2}, "population_size": 6, "total_steps": 30}}}
    experiment = toy(experiment={"arms": ["pbt", "t-test"], "own": own})
    assert experiment.run_config("t-test", 1).pbt.exploit.options == {"alpha": 0.2}
    assert "pbt.exploit.alpha = 0.2" in experiment.arm("t-test").says
    assert experiment.baseline == "pbt"
    assert experiment.baselines == ["pbt"]


def test_the_help_of_the_command_names_every_arm():
    told = get_type_hints(app.experiment, include_extras=True)["arms"].__metadata__[0].help
    named = set(re.split(r"[,. ()]+", told))
    assert {name.removesuffix("-decay") for name in ARMS} <= named


def test_several_arms_may_be_baselines_and_the_first_one_is_named_alone():
    arms = ["pbt", "random-search", "longer"]
    experiment = toy(experiment={"arms": arms, "baseline": "longer", "baselines": ["random-search", "longer"]})
    assert experiment.baselines == ["longer", "random-search"]
    assert experiment.baseline == "longer"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"arms": ["ptb"]}, "no arm 'ptb'.*Did you mean 'pbt'"),
        ({"arms": []}, "experiment.arms"),
        ({"arms": ["pbt", "pbt"]}, "name each one once"),
        ({"seeds": []}, "experiment.seeds"),
        ({"seeds": [1, 1]}, "name each one once"),
        ({"arms": ["pbt"], "baseline": "fixed"}, "baseline fixed is not one of the arms"),
        ({"arms": ["replay"]}, "needs the runs of pbt"),
        ({"equal": "watts"}, "experiment.equal"),
        ({"armz": ["pbt"]}, "experiment.armz is not a setting"),
        ({"arms": ["linear"]}, "The arm linear: .*say what decays"),
        ({"arms": ["longer"], "baselines": ["longer", "fixed"]}, "baseline fixed is not one of the arms"),
        ({"baselines": ["pbt", "pbt"]}, "name each one once"),
        ({"arms": ["replay-shrinking"]}, "needs the runs of shrinking"),
        ({"fixed_size": 0}, "experiment.fixed_size"),
        (
            {"arms": ["big"], "own": {"big": {"pbt": {"total_steps": 80}}}},
            "The arm big trains 240 steps, the others 180",
        ),
        ({"arms": ["odd"], "own": {"odd": {"pbt": {"population_size": 4}}}}, "trains 160 of 180 steps.*multiple of 40"),
        ({"arms": ["odd"], "own": {"odd": {"pbt": {"exploit": "lottery"}}}}, "The arm odd: pbt.exploit = 'lottery'"),
        ({"arms": ["pbt"], "own": {"pbt": {}}}, "choose another"),
    ],
)
def test_what_is_wrong_with_an_experiment_is_told_before_any_training(settings, said):
    with pytest.raises(ConfigError, match=said):
        toy(experiment=settings)


def test_the_file_of_an_experiment_describes_the_same_one(tmp_path: Path):
    experiment = toy()
    keep(experiment, tmp_path / "here")
    again = read_experiment(str(tmp_path / "here" / FILE))
    assert again.plain() == experiment.plain()


def test_an_experiment_may_get_more_seeds_and_arms_and_nothing_else(tmp_path: Path):
    folder = tmp_path / "here"
    keep(toy(), folder)
    keep(toy(experiment={"arms": ["pbt", "random-search", "fixed"], "seeds": [0, 1, 2]}), folder)
    keep(toy(executor={"workers": 2}), folder)
    before = (folder / FILE).read_bytes()
    for other in ({"pbt": {"total_steps": 80}}, {"experiment": {"equal": "steps"}}):
        with pytest.raises(RunFolderError, match="that would be another experiment"):
            keep(toy(**other), folder)
    assert (folder / FILE).read_bytes() == before


def test_an_experiment_of_an_earlier_version_goes_on_without_the_settings_that_were_not_there(tmp_path: Path):
    keep(toy(), tmp_path / "here")
    table = toml.read(tmp_path / "here" / FILE)
    for newer in ("baselines", "decay"):
        del table["experiment"][newer]
    (tmp_path / "here" / FILE).write_bytes(toml.written(table))
    keep(toy(), tmp_path / "here")
    (tmp_path / "here" / FILE).write_bytes(toml.written(table))
    with pytest.raises(RunFolderError, match=r"experiment.decay.to = 0.1, and now it is 0.5"):
        keep(toy(experiment={"decay": {"decay": "cosine", "to": 0.5}}), tmp_path / "here")


def test_a_folder_with_other_files_is_refused(tmp_path: Path):
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(RunFolderError, match="holds other files"):
        keep(toy(), tmp_path)


def test_a_config_file_may_hold_the_experiment(tmp_path: Path):
    (tmp_path / "my.toml").write_text(
        'task = "quadratic"\n[pbt]\npopulation_size = 2\ntotal_steps = 20\nready_interval = 10\n'
        '[experiment]\narms = ["pbt", "eager"]\nseeds = [5]\n'
        '[experiment.own.eager.pbt]\nexploit = "tournament"\n'
    )
    experiment = read_experiment(str(tmp_path / "my.toml"))
    assert experiment.settings.seeds == (5,)
    assert experiment.run_config("eager", 5).pbt.exploit.name == "tournament"


def test_the_toy_of_these_tests_names_every_kind_of_arm():
    assert set(TOY["experiment"]["arms"]) <= set(ARMS)


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted((ROOT / "experiments").glob("*.toml")), ids=lambda path: path.stem)
def test_the_experiments_of_the_results_can_be_carried_out(path: Path, tmp_path: Path):
    brought = tmp_path / "images.npy"
    np.save(brought, stream(0, "images").integers(0, 256, (4_000, 28, 28), np.uint8))
    of_files = path.stem.startswith("fashion") or path.stem.endswith(("-fashion", "-cifar"))
    changes = [{"task": {"data": str(brought)}}] if of_files else []
    experiment = read_experiment(str(path), changes)
    assert experiment.config.name == path.stem
    assert experiment.rounding == 0
    for arm in experiment.settings.arms:
        if experiment.arm(arm).after is None:
            assert experiment.run_config(arm, experiment.settings.seeds[0]).seed == experiment.settings.seeds[0]


@pytest.mark.parametrize("content", [b"x = = 1", b"\xff\xfe"])
def test_a_damaged_description_is_told_with_what_to_do(tmp_path: Path, content: bytes):
    keep(toy(), tmp_path / "here")
    (tmp_path / "here" / FILE).write_bytes(content)
    with pytest.raises(
        RunFolderError, match=r"experiment\.toml (cannot be read|is not TOML): .*Restore it from a copy"
    ):
        keep(toy(), tmp_path / "here")


def test_an_arm_of_ones_own_may_be_added_and_not_changed(tmp_path: Path):
    def mine(alpha: float, **more):
        own = {"mine-1.5": {"pbt": {"exploit": {"name": "t_test", "alpha": alpha}}}, **more}
        return toy(experiment={"arms": ["pbt", *own], "own": own})

    folder = tmp_path / "here"
    keep(toy(experiment={"arms": ["pbt"]}), folder)
    keep(mine(0.1), folder)
    keep(mine(0.1, other={"pbt": {"exploit": "truncation"}}), folder)
    with pytest.raises(RunFolderError, match=r"experiment.own.mine-1.5.pbt.exploit.alpha = 0.1, and now it is 0.2"):
        keep(mine(0.2), folder)
