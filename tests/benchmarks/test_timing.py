from benchmarks.timing import ROUNDS, Timing, in_turn


def test_works_take_turns():
    calls: list[str] = []
    works = {name: lambda steps, name=name: calls.append(name) for name in "ab"}
    timings = in_turn(works, "cpu", budget_s=1e-3)
    assert len(timings["a"].rounds) == len(timings["b"].rounds) == ROUNDS
    assert "".join(calls) == "aabb" + "ab" * ROUNDS


def test_what_costs_more_than_the_budget_is_timed_once():
    calls: list[int] = []
    in_turn({"a": calls.append}, "cpu", budget_s=0.0)
    assert calls[-1:] == [1]
    assert len(calls) <= 3


def test_a_gain_is_taken_within_a_round():
    assert Timing([1.0, 2.0, 4.0]).over(Timing([3.0, 2.0, 2.0])) == [3.0, 1.0, 0.5]
