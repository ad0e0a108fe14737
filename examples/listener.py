"""A listener of one's own: it says whenever a member copies another."""

import pbt_gan


class Copies(pbt_gan.Listener):
    def record(self, record, preview):
        if getattr(record, "donor", None):
            print(f"member {record.recipient} copies {record.donor.member} and tries {dict(record.after)}")


if __name__ == "__main__":
    pbt_gan.run("quadratic", population_size=4, total_steps=40, ready_interval=10, listeners=[Copies()])
