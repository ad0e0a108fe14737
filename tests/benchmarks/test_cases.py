import pytest

from benchmarks.cases import CASES, unprepared


@pytest.mark.parametrize("name", CASES)
def test_every_case_is_a_task(name, tmp_path):
    task = unprepared(name, "tf32", tmp_path)
    assert task.settings.dtype == "float32"
    assert task.dataset.images.shape[1:] == (CASES[name].images or (8, 8, 1))
