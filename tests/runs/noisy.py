"""A task whose score is off by a normal error, which it knows."""

from pbt_gan.toy.quadratic import Quadratic

ERROR = 0.3


class Noisy(Quadratic):
    """The paper's toy, scored with an error of each state's own, though all are scored with equal random numbers."""

    def score(self, state, rng):
        """Measure with an error that depends on the random numbers and on the state."""
        own = int(1e6 * abs(float(state["theta"][0] + 3 * state["theta"][1]))) % 97
        error = float(rng.normal(size=97)[own])
        return {"score": super().score(state, rng)["score"] + ERROR * error, "score_error": ERROR}
