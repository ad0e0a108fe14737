import json

import pytest

FEW = ("--seeds", "0-2", "--arms", "pbt,longer", "--baseline", "longer", "--set", "pbt.budget_steps=800")


def test_a_simulation_prints_its_tables_and_writes_its_runs(pbt_gan, tmp_path):
    said = pbt_gan("simulate", "quadratic", "--landscape", "toy", *FEW, "--json", str(tmp_path / "new" / "runs.json"))
    assert (said.code, said.err) == (0, "")
    assert "Against longer" in said.out
    assert "regret" in said.out
    told = json.loads((tmp_path / "new" / "runs.json").read_text())
    assert [(run["arm"], run["seed"]) for run in told["runs"]] == [
        (arm, seed) for seed in range(3) for arm in ("pbt", "longer")
    ]
    assert told["landscape"] == "toy"
    assert set(told["differences"]["longer"]) == {"pbt"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("simulate", "quadratic"), "The landscape surrogate answers to"),
        (("simulate", "digits", "--landscape", "moon"), "Choose one of"),
        (("simulate", "digits", "--arms", "pbd"), "Did you mean 'pbt'"),
        (("simulate", "digits", "--seeds", "x"), "write numbers and ranges"),
    ],
)
def test_what_cannot_be_simulated_is_said_in_a_line(pbt_gan, words, says):
    said = pbt_gan(*words)
    assert said.code == 2
    assert says in said.err
