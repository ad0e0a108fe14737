"""Timings of what people wait for. `make bench` prints them, one JSON object a line."""
