"""The members of one worker, as this package trains them."""

from functools import partial
from itertools import count

from benchmarks.cases import Ready
from pbt_gan import codec
from pbt_gan.core.rng import stream


class Group:
    """Members that are trained together.

    Args:
        ready: the task, and its trainer on a device.
        members: how many.
    """

    def __init__(self, ready: Ready, members: int) -> None:
        self._trainer = ready.trainer
        born = ready.trainer.init(stream(0, "init"))  # one for all: to draw the weights of twenty takes half a minute
        self._states = [codec.clone(born) for _ in range(members)]
        self._hyperparams = {name: getattr(ready.task.settings, name) for name in ready.task.evolved}
        self._calls = count()

    def train(self, steps: int) -> None:
        """Take some steps with each."""
        call = next(self._calls)
        hyperparams = [self._hyperparams] * len(self._states)
        streams = [partial(stream, 0, "train", member, call) for member in range(len(self._states))]
        trained = self._trainer.train_group(self._states, hyperparams, steps, streams)
        self._states = [training.state for training in trained]
