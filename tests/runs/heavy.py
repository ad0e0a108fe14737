"""A task whose states are large, beside all else that a run writes."""

import numpy as np

from pbt_gan.toy.quadratic import Quadratic


class Heavy(Quadratic):
    def init(self, rng):
        return {**super().init(rng), "ballast": rng.normal(size=12_500)}

    def train(self, state, hyperparams, steps, streams):
        ballast = state.pop("ballast")
        trained = super().train(state, hyperparams, steps, streams)
        trained.state["ballast"] = np.roll(ballast, 1)
        return trained

    def score(self, state, rng):
        return super().score({key: value for key, value in state.items() if key != "ballast"}, rng)
