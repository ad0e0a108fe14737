"""How large a group should be, as a function of what groups cost."""

from collections.abc import Callable

LONG_STEP_S = 0.1
"""A step that takes so long is all arithmetic: what a group saves is the time between operations, a few ms."""

GAIN = 0.97
"""A larger group must take at most this share of a smaller one's time."""

ROOM = 0.9
"""How much of a GPU's free memory is planned for."""

STATES_KEPT = 3
"""For each member, beside its training: its last checkpoint, its new one, and that of a commit under way."""


def fastest(step_s: Callable[[int], float], most: int) -> int:
    """Return the size of the group whose members' steps take the least time, the smaller of two that are much alike.

    Tried are all members, half of them, a quarter, and so on, so that a worker's rounds are equally full; small ones
    first, and no larger one after one that gains nothing.

    Args:
        step_s: seconds of a member's step in a group of so many; inf: they do not fit into the memory.
        most: members of the largest group.
    """
    best, best_s = 1, step_s(1)
    if best_s >= LONG_STEP_S:
        return 1
    for size in _sizes(most):
        size_s = step_s(size)
        if size_s >= GAIN * best_s:
            break
        best, best_s = size, size_s
    return best


def fitting(peak_bytes: Callable[[int], int], state_bytes: int, free_bytes: int, most: int) -> int:
    """Return how many members a group may have that is to fit into a memory; at least 1, whatever comes of it.

    What more members take is told from one and two. That is a line, and a library may need more for a large group than
    it says; so what is chosen is tried, and halved until it fits.

    Args:
        peak_bytes: what an order of a group of so many takes; more than there is, if it came to no end.
        state_bytes: of one member.
        free_bytes: of the memory.
        most: members that a worker has.

    Returns:
        at most as many, and so that its rounds are equally full.
    """
    if most == 1:
        return 1
    room_bytes = ROOM * free_bytes
    one, two = peak_bytes(1), peak_bytes(2)
    each = two - one + STATES_KEPT * state_bytes
    room = int((room_bytes - max(one - (two - one), 0)) // max(each, 1))
    rounds = -(-most // max(room, 1))
    size = -(-most // rounds)
    while size > 1 and peak_bytes(size) + size * STATES_KEPT * state_bytes > room_bytes:
        size = -(-size // 2)
    return size


def _sizes(most: int) -> list[int]:
    """Return the sizes above 1 at which so many members make one round of a worker, two, four, and so on."""
    sizes = {-(-most // 2**halvings) for halvings in range(most.bit_length())}
    return sorted(sizes - {1})
