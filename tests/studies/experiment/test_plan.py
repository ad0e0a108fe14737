from pathlib import Path

import pytest

from pbt_gan.errors import ConfigError, RunFolderError
from pbt_gan.studies.experiment.arms import ARMS
from pbt_gan.studies.experiment.plan import FILE, keep, read_experiment
from tests.studies.experiment.conftest import TOY, toy

ROOT = Path(__file__).parent.parent.parent.parent
ALONE = [name for name, arm in ARMS.items() if arm.after is None]


@pytest.mark.slow
@pytest.mark.parametrize("arm", ALONE)
def test_every_arm_trains_as_many_steps_and_is_scored_as_often(arm):
    experiment = read_experiment("digits", [{"experiment": {"arms": [arm], "seeds": [7]}}])
    config = experiment.run_config(arm, 7)
    pbt = config.pbt
    assert pbt.population_size * pbt.total_steps == experiment.budget_steps
    assert (pbt.score_interval, config.seed) == (100, 7)
    assert (pbt.exploit.name == "none") == (arm not in ("pbt", "weights-only", "hyperparameters-only"))


def test_what_an_arm_changes_is_what_its_name_says():
    experiment = read_experiment("digits", [{"experiment": {"arms": ALONE}}])
    configs = {arm: experiment.run_config(arm, 0).pbt for arm in ALONE}
    assert configs["weights-only"].exploit.copies == "weights"
    assert configs["hyperparameters-only"].exploit.copies == "hyperparams"
    assert configs["random-search"].initial == ()
    middle = configs["fixed"].initial[0]
    assert set(middle) == {"lr_g", "lr_d"}
    assert len(configs["fixed"].initial) == 10
    assert configs["longer"].initial == (middle,)
    assert (configs["longer"].population_size, configs["longer"].total_steps) == (1, 10_000)
    assert configs["cosine"].schedule is not None
    assert configs["cosine"].schedule.decay == "cosine"


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
        ({"arms": ["big"], "own": {"big": {"pbt": {"population_size": 4}}}}, "The arm big trains 4 × 60 = 240 steps"),
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
def test_the_experiments_of_the_results_can_be_carried_out(path: Path):
    experiment = read_experiment(str(path))
    assert experiment.config.name == path.stem
    for arm in experiment.settings.arms:
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
