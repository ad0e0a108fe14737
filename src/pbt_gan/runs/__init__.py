"""Runs: starting one, going on with one, reading one."""
