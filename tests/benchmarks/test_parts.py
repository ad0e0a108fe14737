import pytest

from benchmarks.parts import CASES, training
from pbt_gan.gan.games.table import LOSSES, PENALTIES, TRANSFORMS
from pbt_gan.gan.nets.table import NETS
from pbt_gan.gan.settings import GanSettings


def test_every_net_loss_penalty_and_transform_is_measured():
    settings = [GanSettings.model_validate(case.settings) for case in CASES.values()]
    assert {each.net for each in settings} == set(NETS)
    assert {each.loss for each in settings} == {name for name, loss in LOSSES.items() if loss.bounded}
    assert {name for each in settings for name in each.penalties} == set(PENALTIES)
    assert {each.augment for each in settings} == {"none", *TRANSFORMS}


def test_what_is_compared_comes_after_what_it_is_compared_with():
    seen: list[str] = []
    for name, case in CASES.items():
        assert case.beside is None or case.beside in seen
        seen.append(name)


@pytest.mark.slow
def test_a_case_trains_as_many_members_as_it_is_asked_to():
    training({"width": 2, "batch_size": 4}, 2, "cpu")(1)
