"""A task that says how long it thinks that the run is, wherever it is trained."""

from pbt_gan import Float, Task, Training


class Expecting(Task):
    space = {"lr": Float(0.5, (0.0, 1.0))}

    def expect(self, total_steps):
        self.total_steps = total_steps

    def init(self, rng):
        return {"weight": 0.0}

    def train(self, state, hyperparams, steps, streams):
        return Training(state, hyperparams, {"told": self.total_steps})

    def score(self, state, rng):
        return {"score": state["weight"]}
