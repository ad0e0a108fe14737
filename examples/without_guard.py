"""A mistake, and what is said about it: workers load this file to find the task, and would start the run again."""

import pbt_gan
from pbt_gan import Float, Task, Training


class Still(Task):
    space = {"nothing": Float(0.5, (0.0, 1.0))}

    def init(self, rng):
        return {}

    def train(self, state, hyperparams, steps, streams):
        return Training(state, hyperparams)

    def score(self, state, rng):
        return {"score": 0.0}


pbt_gan.run(Still, population_size=2, total_steps=2, ready_interval=1, out="runs/without-guard")
