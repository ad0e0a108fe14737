"""What the card of a metric says of it: what it is called, and which way is better."""

from collections.abc import Mapping
from typing import Any

Cards = Mapping[str, Mapping[str, Any]]
"""By metric. `short` is its name in tables, `name` the one in full, `better` is `higher` or `lower`."""

HELD_OUT = "held_out"
"""Metrics whose names begin so judge and never select."""


def is_held_out(metric: str) -> bool:
    """Whether a metric judges and never selects, by its name."""
    return metric.startswith(HELD_OUT)


def is_higher_better(cards: Cards, metric: str) -> bool:
    """Whether higher is better; so it is unless a card says otherwise."""
    return cards.get(metric, {}).get("better") != "lower"


def short_name(cards: Cards, metric: str) -> str:
    """Return what tables and headings call a metric; without a card, by its own name.

    >>> short_name({"held_out_cs": {"short": "held-out CS"}}, "held_out_cs"), short_name({}, "held_out")
    ('held-out CS', 'held_out')
    """
    return str(cards.get(metric, {}).get("short", metric))


def explained(cards: Cards, metric: str) -> str:
    """Return a metric's name in full, and which way is better.

    >>> explained({"held_out_fcd": {"name": "Fréchet distance", "better": "lower"}}, "held_out_fcd")
    'Fréchet distance, lower is better'
    """
    name = cards.get(metric, {}).get("name", metric)
    return f"{name}, {'higher' if is_higher_better(cards, metric) else 'lower'} is better"
