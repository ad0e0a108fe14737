"""The toy as a task that trains several members in one go."""

from pbt_gan.interfaces import GroupTask
from pbt_gan.toy.quadratic import Quadratic


class Together(GroupTask, Quadratic):
    def train_group(self, states, hyperparams, steps, streams):
        given = zip(states, hyperparams, streams, strict=True)
        return [Quadratic.train(self, state, values, steps, own) for state, values, own in given]

    def score_group(self, states, rng):
        return [Quadratic.score(self, state, rng) for state in states]
