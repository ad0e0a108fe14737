"""The members of one worker, as this package trains them."""

from functools import partial
from itertools import count

from pbt_gan.core.rng import stream
from pbt_gan.gan.task import GanTask


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
        streams = [partial(stream, 0, "train", member, call) for member in range(len(self._states))]
        trained = self._task.train_group(self._states, hyperparams, steps, streams)
        self._states = [training.state for training in trained]
