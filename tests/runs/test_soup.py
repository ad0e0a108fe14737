import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.errors import TaskError
from pbt_gan.runs.soup import greedy, mean, overlaid


def test_the_mean_of_two_states_of_the_toy_lies_between_them():
    one, two = {"theta": np.array([0.2, 0.8])}, {"theta": np.array([0.4, 0.0])}
    assert mean([one, two])["theta"] == pytest.approx([0.3, 0.4])
    assert one["theta"].tolist() == [0.2, 0.8]


def test_what_is_no_floating_point_tensor_is_the_first_one_s():
    one = {"steps": 3, "lr": 0.1, "name": "a", "seen": torch.tensor([3]), "mask": np.array([True]), "w": (1.0, None)}
    two = {"steps": 5, "lr": 0.3, "name": "b", "seen": torch.tensor([5]), "mask": np.array([False]), "w": (2.0, None)}
    assert mean([one, two]) == one


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_a_mean_keeps_the_dtype_and_is_taken_in_float64(dtype):
    trees = [{"net": [torch.tensor([value, -value], dtype=dtype)]} for value in (30000.0, 50000.0, 40000.0)]
    if dtype is torch.float16:  # 120,000 is more than it can hold
        assert torch.stack([tree["net"][0] for tree in trees]).sum(0).isinf().all()
    found = mean(trees)["net"][0]
    assert found.dtype == dtype
    assert found.equal(torch.tensor([40000.0, -40000.0], dtype=torch.float64).to(dtype))


def test_arrays_of_numpy_keep_their_dtype_also_without_dimensions():
    found = mean(
        [{"x": np.array([1.0], np.float32), "y": np.array(1.0)}, {"x": np.array([2.0], np.float32), "y": np.array(4.0)}]
    )
    assert (found["x"].dtype, found["x"].tolist()) == (np.float32, [1.5])
    assert isinstance(found["y"], np.ndarray)
    assert found["y"] == 2.5


def test_tied_tensors_stay_tied():
    def tied(value):
        weight = torch.tensor([value])
        return {"first": weight, "second": weight}

    found = mean([tied(1.0), tied(3.0)])
    assert found["first"] is found["second"]
    assert found["first"].item() == 2.0
    assert mean([tied(1.0), {"first": torch.tensor([3.0]), "second": torch.tensor([5.0])}])["second"].item() == 3.0


@pytest.mark.parametrize(
    "other",
    [
        {"net": {"w": torch.zeros(3)}},
        {"net": {"w": torch.zeros(2, dtype=torch.float64)}},
        {"net": {"w": np.zeros(2, np.float32)}},
        {"net": {"w": 0.0}},
    ],
)
def test_tensors_that_are_unlike_each_other_are_told_by_their_place(other):
    with pytest.raises(TaskError, match=r"unlike each other in net\.w, and"):
        mean([{"net": {"w": torch.zeros(2)}}, other])


def test_states_of_other_shape_are_told():
    with pytest.raises(TaskError, match="unlike each other in net, and"):
        mean([{"net": {"w": 1.0}}, {"net": {"v": 1.0}}])
    with pytest.raises(TaskError, match="unlike each other in net, and"):
        mean([{"net": [1.0]}, {"net": [1.0, 2.0]}])


@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3), min_size=1, max_size=6))
def test_a_mean_is_that_of_numpy_and_of_one_it_is_itself(values):
    found = mean([{"w": torch.tensor(row, dtype=torch.float64)} for row in values])["w"]
    assert found.numpy() == pytest.approx(np.mean(values, axis=0), rel=1e-12, abs=1e-6)
    if len(values) == 1:
        assert found.tolist() == values[0]


def test_who_lowers_the_score_stays_out_and_who_leaves_it_may_come_in():
    seen = []

    def measure(taken):
        seen.append("".join(taken))
        return {"score": {"a": 1.0, "ab": 0.9, "ac": 1.0, "acd": float("nan"), "ace": 1.5}[seen[-1]]}

    soup = greedy(["a", "b", "c", "d", "e"], measure)
    assert seen == ["a", "ab", "ac", "acd", "ace"]  # one look each, the best first
    assert soup.taken == ["a", "c", "e"]
    assert (soup.alone["score"], soup.together["score"]) == (1.0, 1.5)


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=8), st.floats(-10, 10))
def test_a_soup_is_never_worse_than_its_first_ingredient(points, target):
    def measure(taken):
        return {"score": -abs(sum(taken) / len(taken) - target)}

    soup = greedy(points, measure)
    assert soup.taken[0] == points[0]
    assert soup.together["score"] >= soup.alone["score"] == measure(points[:1])["score"]
    assert soup.together == measure(soup.taken)


def test_a_part_is_laid_over_the_whole():
    whole = {"g": {"params": 1, "moments": 2}, "rng": 3}
    assert overlaid(whole, {"g": {"params": 7}}) == {"g": {"params": 7, "moments": 2}, "rng": 3}
    assert whole["g"] == {"params": 1, "moments": 2}
