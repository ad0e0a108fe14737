"""An exploit rule with memory: truncation, but whoever has just copied rests, so that a copy can show what it is worth.

`pbt-gan train digits --set pbt.population='[[0, 8]]' --set pbt.exploit=examples/patient_rule.py:patient`, or as below.
"""

import pbt_gan
from pbt_gan.core.exploit import truncation


def patient(recipient, view, rng, *, memory, rest=2, fraction=0.2):
    copied = dict(memory or {})  # the interval after which each member copied last; the journal keeps it
    last = copied.get(str(recipient.id))
    if last is not None and recipient.interval - last < rest:
        return None, copied
    donor = truncation(recipient, view, rng, fraction=fraction)
    if donor is not None:
        copied[str(recipient.id)] = recipient.interval
    return donor, copied


if __name__ == "__main__":
    run = pbt_gan.run("quadratic", population_size=6, total_steps=200, ready_interval=5, exploit=patient)
    print(run.best, f"interval of each member's last copy: {run.history.exploits[-1].memory}", sep="\n")
