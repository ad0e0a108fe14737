"""The task of the run `module`: a number that grows by a rate."""

from pbt_gan import Float, ModuleTask, Range


class Box:
    """Something with a state, as an optimiser is."""

    def __init__(self):
        self.x, self.rate = 0.0, 0.1

    def state_dict(self):
        """Return all of it."""
        return {"x": self.x, "rate": self.rate}

    def load_state_dict(self, state):
        """Take it back."""
        self.x, self.rate = state["x"], state["rate"]


class Grow(ModuleTask):
    """Reach far by growing fast."""

    space = {"rate": Float(Range(0.1, 0.5), (0.01, 1.0), "log")}
    bindings = {"rate": "box.rate"}

    def build(self, rng):
        """Return a box that begins anywhere."""
        box = Box()
        box.x = float(rng.random())
        return {"box": box}

    def train(self, parts, steps, rng):
        """Grow."""
        parts["box"].x += steps * parts["box"].rate

    def evaluate(self, parts, rng):
        """Measure."""
        return {"score": parts["box"].x}
