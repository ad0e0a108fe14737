from pathlib import Path

import pytest

from pbt_gan.config import objects
from pbt_gan.config.domains import build_space
from pbt_gan.config.objects import build_plan, build_task, resolve, task_reference, workers_of
from pbt_gan.config.settings import Config
from pbt_gan.core.population import Member, PopulationView
from pbt_gan.core.rng import stream
from pbt_gan.core.selection import Selection
from pbt_gan.core.space import Choice, Float, Integer, Range
from pbt_gan.errors import ConfigError
from pbt_gan.interfaces import Task, Training
from pbt_gan.validation import validated


class Spaced(Task):
    """A task that is nothing but its space."""

    @property
    def space(self):
        return {"lr": Float(1e-3, (1e-6, 1e-1), "log"), "k": Integer(1, (1, 10)), "kind": Choice(("a", "b"), "a")}

    @property
    def evolved(self):
        return ("lr",)

    def check_space(self, space):
        if "k" in space and "c" in getattr(space.get("kind"), "values", ()):
            raise ConfigError("space.k is not read where kind is 'c'.")

    def init(self, rng):
        return {}

    def train(self, state, hyperparams, steps, streams):
        return Training(state, hyperparams)

    def score(self, state, rng):
        return {"score": 0.0}


def built(table) -> tuple[Config, Task]:
    return validated(Config, table), Spaced()


def refused(table) -> str:
    config, task = built(table)
    with pytest.raises(ConfigError) as error:
        build_plan(config, build_space(config, task))
    return str(error.value)


def test_a_space_left_open_is_what_the_task_evolves():
    assert build_space(*built({})) == {"lr": Spaced().space["lr"]}


def test_naming_a_hyperparameter_evolves_it_and_two_numbers_are_a_range():
    space = build_space(*built({"space": {"lr": [1e-4, 1e-2], "k": {"init": [1, 2, 5], "bounds": [1, 5]}}}))
    assert space["lr"] == Float(Range(1e-4, 1e-2), (1e-6, 1e-1), "log")
    assert space["k"] == Integer((1, 2, 5), (1, 5))


def test_members_begin_with_any_of_the_values_that_are_named_unless_init_says_with_which():
    assert build_space(*built({"space": {"kind": {}}})) == {"kind": Choice(("a", "b"), "a")}
    assert build_space(*built({"space": {"kind": {"values": ["b", "c"]}}})) == {"kind": Choice(("b", "c"))}
    named = {"values": ["b", "c"], "init": "c", "chance": 0.5}
    assert build_space(*built({"space": {"kind": named}})) == {"kind": Choice(("b", "c"), "c", 0.5)}


def test_what_cannot_be_evolved_beside_each_other_is_refused_by_the_task():
    assert refused({"space": {"k": {}, "kind": {"values": ["a", "c"]}}}) == "space.k is not read where kind is 'c'."


@pytest.mark.parametrize("kind", [{}, {"values": ["b", "c"]}, {"values": ["b", "c"], "init": "c"}])
def test_a_resolved_configuration_resolves_to_itself(kind):
    space = {"lr": [1e-4, 1e-2], "kind": kind}
    config, task = built({"space": space, "pbt": {"ready_interval": 20}})
    resolved = resolve(config, task, build_space(config, task))
    assert resolved.pbt.score_interval == 20
    again = validated(Config, resolved.plain())
    assert resolve(again, task, build_space(again, task)) == resolved
    assert build_space(resolved, task) == build_space(config, task)


COMPONENTS = {"generator": ("g",), "discriminator": ("d",)}


def test_components_that_a_task_names_may_be_copied():
    config, task = built({"pbt": {"exploit": {"copies": ["generator", "hyperparams"]}}})
    strategy = build_plan(config, build_space(config, task), COMPONENTS).strategy
    assert strategy.copies == ("generator", "hyperparams")
    assert strategy.parts(strategy.copies) == ["g"]
    assert validated(Config, config.plain()) == config


@pytest.mark.parametrize(
    ("copies", "components", "said"),
    [
        (["generater"], COMPONENTS, "the components of gan are generator, discriminator. Did you mean 'generator'?"),
        (
            ["generator"],
            {},
            "gan names no components that could be copied by themselves; use all, weights or hyperparams.",
        ),
        ([], COMPONENTS, "name what is copied"),
        (["generator", "weights"], COMPONENTS, "weights are all components"),
    ],
)
def test_other_components_are_refused(copies, components, said):
    config, task = built({"pbt": {"exploit": {"copies": copies}}})
    with pytest.raises(ConfigError) as error:
        build_plan(config, build_space(config, task), components)
    assert said in str(error.value)


def test_components_prove_nothing_of_what_they_become_part_of():
    config, task = built({"pbt": {"exploit": {"copies": ["generator"]}, "explore": {"when": "proved"}}})
    with pytest.raises(ConfigError, match="or not all"):
        build_plan(config, build_space(config, task), COMPONENTS)


def test_a_first_member_may_begin_in_the_middle_of_each_range():
    config, task = built({"space": {"lr": [1e-4, 1e-2], "k": {}}, "pbt": {"initial": ["middle", {"k": 2}, {}]}})
    space = build_space(config, task)
    resolved = resolve(config, task, space)
    assert resolved.pbt.initial == ({"k": 1, "lr": pytest.approx(1e-3)}, {"k": 2}, {})
    assert build_plan(config, space).initial == resolved.pbt.initial == build_plan(resolved, space).initial


def test_what_selection_is_to_know_of_noise_is_said_in_the_configuration():
    table = {
        "explore": {"name": "settle", "when": "proved", "floor": 0.2},
        "selection": {"by": "mean", "last": 4, "min_gap": 2, "warmup": 0.1, "min_age": 500},
        "policy": {"name": "pbt", "patience": 4},
    }
    config, task = built({"pbt": table})
    strategy = build_plan(config, build_space(config, task)).strategy
    assert strategy.selection == Selection("mean", 4, 2.0, 0.1, 500)
    assert strategy.when == "proved"
    assert "selection" not in built({})[0].plain()["pbt"]


def test_a_tasks_own_list_of_two_values_stays_a_list():
    class Two(Spaced):
        @property
        def space(self):
            return {"lr": Float((1e-3, 1e-2), (1e-6, 1e-1), "log")}

    config = validated(Config, {})
    resolved = resolve(config, Two(), build_space(config, Two()))
    domain = build_space(validated(Config, resolved.plain()), Two())["lr"]
    assert {domain.draw(stream(seed)) for seed in range(40)} == {1e-3, 1e-2}


def test_how_many_workers_there_are_is_not_settled_when_it_was_left_open(monkeypatch):
    config, task = built({"pbt": {"population_size": 50}})
    resolved = resolve(config, task, build_space(config, task))
    for cores in (3, 7):
        monkeypatch.setattr(objects, "usable_cores", lambda cores=cores: cores)
        assert workers_of(resolved) == cores
    assert resolved.plain()["executor"]["workers"] == "auto"


@pytest.mark.parametrize(
    ("executor", "workers"),
    [
        ({}, 4),
        ({"workers": 3}, 3),
        ({"workers": "3"}, 3),
        ({"workers": 200}, 10),
        ({"workers": 1}, 1),
        ({"device": "cuda:0,cuda:1"}, 2),
        ({"device": "cuda:0,cuda:1", "workers": 6}, 6),
        ({"name": "serial", "workers": 3}, 1),
    ],
)
def test_there_are_as_many_workers_as_cores_devices_or_wishes_but_no_more_than_members(executor, workers, monkeypatch):
    monkeypatch.setattr(objects, "usable_cores", lambda: 4)
    assert workers_of(validated(Config, {"executor": executor, "pbt": {"population_size": 10}})) == workers


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"space": {"rate": 1e-3}}, "space.rate: the task has no such hyperparameter"),
        ({"space": {"lr": 1.0}}, "outside of its bounds"),
        ({"space": {"lr": {"bounds": [1.0, 0.1]}}}, "the lower one first"),
        ({"space": {"lr": {"values": [1, 2]}}}, "lr is a float and has"),
        ({"space": {"k": {"init": 1.5}}}, "whole number"),
        ({"pbt": {"exploit": "truncaton"}}, "Did you mean 'truncation'?"),
        ({"pbt": {"exploit": {"name": "truncation", "fractoin": 0.1}}}, "Did you mean 'fraction'?"),
        ({"pbt": {"exploit": {"name": "truncation", "fraction": 0.7}}}, "fraction = 0.7"),
        ({"pbt": {"exploit": {"name": "truncation", "fraction": "many"}}}, "wrong type"),
        ({"pbt": {"explore": {"name": "perturb", "factors": [0.0]}}}, "above 0"),
        ({"pbt": {"initial": [{"rate": 1.0}]}}, "not evolved here"),
        ({"pbt": {"initial": [{"lr": 7.0}]}}, "outside of"),
        ({"pbt": {"selection": {"by": "final", "last": 2}}}, "pbt.selection.last = 2"),
        ({"pbt": {"explore": {"when": "proved"}, "exploit": {"copies": "hyperparams"}}}, "Leave one of the two out"),
        ({"pbt": {"policy": {"name": "pbt", "patience": 0}}}, "pbt.policy.patience = 0"),
        ({"pbt": {"explore": {"name": "settle", "floor": 2}}}, "pbt.explore.floor = 2"),
        (
            {"pbt": {"mode": "async", "comparison": "fair", "policy": "hyperband"}},
            'pbt.comparison = "fair" says how pbt.policy = "pbt" compares members; pbt.policy = "hyperband"',
        ),
    ],
)
def test_what_cannot_be_is_refused_before_any_training(table, said):
    assert said in refused(table)


def test_unknown_tasks_and_arguments_are_refused():
    with pytest.raises(ConfigError, match=r"task = 'x' is not known\. Choose one of gan, mueller, quadratic\."):
        task_reference(validated(Config, {"task": "x"}))
    with pytest.raises(ConfigError, match=r"is no subclass of pbt_gan\.Task"):
        build_task(task_reference(validated(Config, {"task": "collections:OrderedDict"})))


def test_a_rule_of_ones_own_is_named_by_its_file(tmp_path: Path):
    file = tmp_path / "my_rules.py"
    file.write_text("def mine(recipient, view, rng, *, margin=0.0):\n    return view.at(len(view) - 1)\n")
    config, task = built({"pbt": {"exploit": {"name": f"{file}:mine", "margin": 0.5}}})
    rule = build_plan(config, build_space(config, task)).strategy.exploit
    members = [Member(id, {}, 1, 1, 1, (float(id),), f"m{id}") for id in range(3)]
    donor = rule.function(members[0], PopulationView.of(members), stream(0), **rule.options)
    assert donor is members[2]
    assert "has none" in refused({"pbt": {"explore": {"name": "resample", "margin": 1}}})
