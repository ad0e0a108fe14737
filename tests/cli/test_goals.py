import json

import pytest


@pytest.mark.slow
def test_a_run_that_reached_its_goal_says_so_and_how_it_goes_on(pbt_gan, kept):
    said = pbt_gan("train", kept / "toy.toml", "--out", "run", "--target-score", "-1e9", "--patience", 50)
    assert said.code == 0
    assert "run: stopped (stop.score = -1e+09: the best has" in said.out
    assert "Go on to another goal with: pbt-gan resume run --set stop.score=…" in said.out
    again = pbt_gan("resume", "run")
    assert again.code == 0
    assert "Its goal is reached already. Go on to another one with: pbt-gan resume run" in again.out
    assert "stop.score = -1e+09" in pbt_gan("show", "run").out
    on = pbt_gan("resume", "run", "--set", "stop.score=off", "--max-cost", "8h")
    assert on.code == 0
    assert "run: finished, 20 of 20 steps" in on.out


def test_a_cost_that_is_no_time_is_told(pbt_gan, kept, plain):
    said = plain(pbt_gan("train", kept / "toy.toml", "--max-cost", "12 hours"))
    assert "stop.cost_s 12 hours: write a number and s, m, h or d" in said


@pytest.mark.slow
def test_a_run_goes_on_with_more_members(pbt_gan, kept, plain, caplog):
    assert pbt_gan("train", kept / "toy.toml", "--out", "run", "--max-time", "0.000001s").code == 0
    said = pbt_gan("resume", "run", "--population", 5, "--newcomers", "fresh")
    assert said.code == 0
    assert "run: finished, 20 of 20 steps" in said.out
    assert "From step 10 on 5 members" in caplog.text
    members = json.loads(pbt_gan("show", "run", "--json").out)["members"]
    assert [member["member"] for member in members] == [0, 1, 2, 3, 4]
    assert "none left that nobody has passed" in plain(pbt_gan("resume", "run", "--population", 7))
    assert "--newcomers best: use winners or fresh" in plain(
        pbt_gan("resume", "run", "--population", 7, "--newcomers", "best")
    )
    assert "give --population N as well" in plain(pbt_gan("resume", "run", "--newcomers", "fresh"))
