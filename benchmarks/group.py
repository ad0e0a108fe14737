"""The members of one worker, as this package trains them."""

from collections.abc import Mapping, Sequence
from itertools import count

from numpy.random import Generator

from pbt_gan.core.population import Hyperparams
from pbt_gan.core.rng import stream
from pbt_gan.gan.task import GanTask
from pbt_gan.interfaces import Streams, Training, Tree


class Group:
    """Members that are trained together.

    Args:
        task: attached to a device.
        members: how many.
    """

    def __init__(self, task: GanTask, members: int) -> None:
        self._task = task
        self._states = [task.init(stream(0, "init", member)) for member in range(members)]
        self._hyperparams = {name: getattr(task.settings, name) for name in task.evolved}
        self._calls = count()

    def train(self, steps: int) -> None:
        """Take some steps with each."""
        call = next(self._calls)
        hyperparams = [self._hyperparams] * len(self._states)
        streams = [_streams(member, call) for member in range(len(self._states))]
        trained = train_group(self._task, self._states, hyperparams, steps, streams)
        self._states = [training.state for training in trained]


def _streams(member: int, call: int) -> Streams:
    return lambda block: stream(0, "train", member, call, block)


def train_group(
    task: GanTask, states: Sequence[Tree], hyperparams: Sequence[Hyperparams], steps: int, streams: Sequence[Streams]
) -> Sequence[Training]:
    """Train a group; one after another where the task cannot do otherwise."""
    if hasattr(task, "train_group"):
        together: Sequence[Training] = task.train_group(states, hyperparams, steps, streams)
        return together
    orders = zip(states, hyperparams, streams, strict=True)
    return [task.train(state, values, steps, numbers) for state, values, numbers in orders]


def score_group(task: GanTask, states: Sequence[Tree], rng: Generator) -> Sequence[Mapping[str, float]]:
    """Score a group, with equal latents for all."""
    if hasattr(task, "score_group"):
        together: Sequence[Mapping[str, float]] = task.score_group(states, rng)
        return together
    return [task.score(state, rng) for state in states]
