"""What a decision of the explore rules that learn from the whole run costs, a thousand rows into it."""

import statistics
import time
from collections.abc import Iterator

from benchmarks.measurement import Measurement
from pbt_gan.core.explore import Context
from pbt_gan.core.population import Member, PopulationView, Stretch
from pbt_gan.core.rng import stream
from pbt_gan.core.space import Choice, Float, Range, Space, draw
from pbt_gan.core.strategy import Rule, moved
from pbt_gan.core.tables import EXPLORE

MEMBERS = 20
ROWS = 1_000
DECISIONS = 11

RATE = Float(Range(1e-5, 1e-1), (1e-5, 1e-1), "log")
SPACE: Space = {
    "lr_g": RATE,
    "lr_d": RATE,
    "beta1": Float(Range(0.1, 0.9), (0.01, 0.99), "logit"),
    "loss": Choice(("hinge", "logistic", "least_squares")),
}


def main() -> Iterator[Measurement]:
    """Let each rule decide about members of one population."""
    told = contexts()
    setting = {"members": MEMBERS, "rows": ROWS}
    for name in ("perturb", "pb2", "pb2_mix", "trust_region"):
        rule = Rule(name, EXPLORE[name])
        seconds = []
        for number, context in enumerate(told):
            began = time.perf_counter()
            moved(rule, context.member.hyperparams, SPACE, stream(0, "explore", number), context, None)
            seconds.append(time.perf_counter() - began)
        target = None if name == "perturb" else "<= 100"
        median_ms = 1_000 * statistics.median(seconds)
        yield Measurement(f"explore decision by {name}", median_ms, "ms", target, setting)


def contexts() -> list[Context]:
    """Return where some members stand after fifty intervals: scores rise best at rates that fall with time."""
    past = []
    for interval in range(ROWS // MEMBERS):
        for member in range(MEMBERS):
            rng = stream(0, "row", member, interval)
            setting = draw(SPACE, rng)
            rise = 1 - (RATE.unit(setting["lr_g"]) - 0.8 + interval / 100) ** 2 + 0.1 * rng.normal()
            past.append(Stretch(member, interval + 1, 100 * interval, 100, 100 * interval, setting, 0.0, float(rise)))
    place = 100 * (ROWS // MEMBERS)
    members = {
        stretch.member: Member(stretch.member, stretch.hyperparams, ROWS // MEMBERS, place, place, (stretch.after,))
        for stretch in past
    }
    view = PopulationView(members, current=members, past=tuple(past))
    return [Context(place, 0.5, (1.0,), members[n], view=view, ready_interval=100) for n in range(DECISIONS)]
