"""The durable side of a run: journal, checkpoints, lock."""
