import json
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.rng import stream
from pbt_gan.core.space import draw
from pbt_gan.toy.mueller import Mueller
from pbt_gan.toy.quadratic import Quadratic

TASKS = [Quadratic(), Mueller()]
POINTS = st.tuples(st.floats(-1.5, 1.5), st.floats(-1.5, 2))


def named(task) -> str:
    return type(task).__name__


def trained(task, hyperparams, steps, state=None):
    return task.train(task.init(stream(0)) if state is None else state, hyperparams, steps, lambda block: stream(block))


@pytest.mark.parametrize("task", TASKS, ids=named)
@given(theta=POINTS, seed=st.integers(0, 1000))
def test_the_gradient_is_that_of_the_surrogate(task, theta, seed):
    hyperparams = draw(task.space, stream(seed))
    point = np.array(theta)
    _, gradient = task.surrogate(point, hyperparams)
    for axis in range(2):
        step = np.zeros(2)
        step[axis] = 1e-4
        ahead, behind = (task.surrogate(point + side * step, hyperparams)[0] for side in (1, -1))
        assert (ahead - behind) / 2e-4 == pytest.approx(gradient[axis], abs=1e-6)


@pytest.mark.parametrize("task", TASKS, ids=named)
def test_the_space_is_sound(task):
    for name, domain in task.space.items():
        domain.check(name)


@pytest.mark.parametrize("task", TASKS, ids=named)
def test_training_in_pieces_is_training_at_once(task):
    hyperparams = draw(task.space, stream(3))
    at_once = trained(task, hyperparams, 10)
    pieces = trained(task, hyperparams, 6, trained(task, hyperparams, 4).state)
    assert np.array_equal(at_once.state["theta"], pieces.state["theta"])


@pytest.mark.parametrize("task", TASKS, ids=named)
def test_every_hyperparameter_alone_changes_the_next_state(task):
    hyperparams = draw(task.space, stream(3))
    before = trained(task, hyperparams, 2)  # from a start of 0 a slope of order two would not be seen in one
    for name, domain in task.space.items():
        moved = {**hyperparams, name: domain.perturb(hyperparams[name], (0.8, 1.2), stream(4))}
        after = trained(task, moved, 2)
        assert after.hyperparams == moved
        assert not np.array_equal(after.state["theta"], before.state["theta"]), name


@pytest.mark.parametrize("task", TASKS, ids=named)
def test_training_says_where_it_led_and_changes_no_state_that_was_handed_out(task):
    state = task.init(stream(0))
    training = trained(task, draw(task.space, stream(0)), 3, state)
    assert state["theta"].tolist() == list(task.start)
    assert [training.metrics["theta_0"], training.metrics["theta_1"]] == training.state["theta"].tolist()
    json.dumps(training.metrics)


@pytest.mark.parametrize("task", TASKS, ids=named)
def test_a_grid_is_measured_as_its_points_are(task):
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, 4), np.linspace(0, 1, 3)))
    values = task.objective(grid)
    assert values.shape == (3, 4)
    for place in np.ndindex(3, 4):
        assert task.score({"theta": grid[:, *place]}, stream(0))["score"] == pytest.approx(values[place])


def test_the_quadratic_of_the_paper_is_climbed_along_one_axis_by_each_of_its_members():
    task = Quadratic()
    assert float(task.objective(np.zeros(2))) == 1.2
    theta = trained(task, {"h0": 1.0, "h1": 0.0}, 200).state["theta"]
    assert theta == pytest.approx([0.9 * 0.98**200, 0.9])
    assert task.score({"theta": theta}, stream(0))["score"] < 0.39


@pytest.mark.parametrize(
    ("theta", "potential"), [((-0.5582, 1.4417), -146.70), ((0.6235, 0.0280), -108.17), ((-0.0500, 0.4667), -80.77)]
)
def test_the_mueller_potential_has_its_three_known_minima(theta, potential):
    task = Mueller()
    point = np.array(theta)
    assert float(task.objective(point)) == pytest.approx(-potential, abs=0.01)
    around = point[:, None] + 0.02 * np.array([[1, -1, 0, 0], [0, 0, 1, -1]])
    assert (task.objective(around) < task.objective(point)).all()


def test_far_outside_of_the_valleys_a_member_has_diverged():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        score = Mueller().score({"theta": np.array([1e3, -1e3])}, stream(0))["score"]
    assert not np.isfinite(score)


@pytest.mark.parametrize("task", [Quadratic(), Mueller()])
def test_what_is_not_evolved_has_a_fixed_value(task):
    trained = task.train(task.init(stream(0)), {}, 3, lambda block: stream(0, block))
    assert trained.hyperparams == {}
    assert np.isfinite(trained.state["theta"]).all()
