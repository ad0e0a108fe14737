"""Strategies beside those of the paper: an idea a file, with its source. `core.tables` gathers them."""
