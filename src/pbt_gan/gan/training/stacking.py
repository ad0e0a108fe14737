"""States of members side by side: every tensor of a group begins with the axis of its P members."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

State = dict[str, Any]
"""A tree of tensors, of one member or of a group: [N] becomes [P, N], and a number (0-dimensional) becomes [P, 1]."""


def stacked(states: Sequence[State]) -> State:
    """Return the members as a group. A group of one shares its member's memory; others are copies."""
    return {
        name: stacked([state[name] for state in states])
        if isinstance(part, dict)
        else _rows([state[name] for state in states])
        for name, part in states[0].items()
    }


def gathered(states: Sequence[State], device: str) -> State:
    """Return the members as a group on a device; from then on each state is a view of its row, and kept once only."""
    group: State = {}
    for name, part in states[0].items():
        parts = [state[name] for state in states]
        if isinstance(part, dict):
            group[name] = gathered(parts, device)
            continue
        group[name] = rows = _rows([tensor.to(device) for tensor in parts])
        for state, row in zip(states, _members(name, rows), strict=True):
            state[name] = row
    return group


def unstacked(group: State) -> list[State]:
    """Return a group's members, which share its memory."""
    parts = {name: unstacked(part) if isinstance(part, dict) else _members(name, part) for name, part in group.items()}
    return [dict(zip(parts, member, strict=True)) for member in zip(*parts.values(), strict=True)]


def placed(state: State, device: str) -> State:
    """Return a state on a device; tensors that lie there already are the same ones."""
    return {name: placed(part, device) if isinstance(part, dict) else part.to(device) for name, part in state.items()}


def copied(state: State) -> State:
    """Return a state with memory of its own."""
    return {name: copied(part) if isinstance(part, dict) else part.clone() for name, part in state.items()}


def leaves(state: State) -> list[Tensor]:
    """Return the tensors of a state."""
    found: list[Tensor] = []
    for part in state.values():
        found += leaves(part) if isinstance(part, dict) else [part]
    return found


def first(group: State, count: int) -> State:
    """Return the first members as a group, which shares the memory."""
    return {name: first(part, count) if isinstance(part, dict) else part[:count] for name, part in group.items()}


def _rows(tensors: Sequence[Tensor]) -> Tensor:
    rows = tensors[0].unsqueeze(0) if len(tensors) == 1 else torch.stack(list(tensors))
    return rows if rows.ndim > 1 else rows.unsqueeze(1)


def _members(name: str, rows: Tensor) -> list[Tensor]:
    # How full a moment is, is a number. Its shape does not tell: a row of parameters may be as short.
    return list((rows.squeeze(1) if name.endswith("_filled") else rows).unbind())
