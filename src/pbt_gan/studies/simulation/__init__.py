"""Experiments in a second: the real controller, and scores that are computed instead of trained for."""
