"""Inputs that nobody meant: what each loader makes of them. See `targets` and `__main__`."""
