"""What the losses by cross-entropy are made of."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def log_sigmoid(logits: "Tensor") -> "Tensor":
    """Return the logarithms of the probabilities that logits stand for."""
    # Not by softplus: that rounds otherwise at the end of a tensor than within it, so a member's bits on a CPU would
    # depend on where it lies in its group.
    from torch.nn.functional import logsigmoid

    return logsigmoid(logits)
