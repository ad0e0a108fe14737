"""The members of a group on their way through an order."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pbt_gan.core.population import Value
from pbt_gan.gan.data.sending import sent
from pbt_gan.gan.training.stacking import State, copied, gathered, unstacked
from pbt_gan.gan.training.step import Losses
from pbt_gan.gan.training.used import Used
from pbt_gan.interfaces import Streams


@dataclass(eq=False)
class Trainee:
    """A member that is being trained."""

    state: State  # as it was handed over, and its row of a team while it is in one
    scalars: Mapping[str, float]  # as they are ordered; a step is given all but n_critic
    choices: Mapping[str, Value]  # likewise; those of a team are alike, and its game is made of them
    streams: Streams
    used: Mapping[str, Value] = field(default_factory=dict)  # once its team is dissolved: by the last step
    steps: int = 0  # trained so far
    diverged: str = ""  # what a health check has found
    losses: defaultdict[str, list[Tensor]] = field(default_factory=lambda: defaultdict(list))  # [S] of each block

    @property
    def n_critic(self) -> int:
        """How often its discriminator is to be moved in a step."""
        return int(self.scalars["n_critic"])


def metrics_of(trainees: Sequence[Trainee]) -> list[dict[str, float]]:
    """Return the means of each one's losses over all its steps; waits once for the device."""
    # Each row by itself: the bits of a sum along columns depend on how many there are.
    means = [torch.cat(values).double().mean() for trainee in trainees for values in trainee.losses.values()]
    numbers = iter(torch.stack(means).tolist())
    return [dict(zip(trainee.losses, numbers, strict=False)) for trainee in trainees]


class Team:
    """Those who train together, as tensors that begin with the axis of the members.

    Args:
        trainees: at least one. They are ordered by falling n_critic, so that an update in which not all take part is
            one of the first few.
        device: where they train.
    """

    def __init__(self, trainees: Sequence[Trainee], device: str) -> None:
        self.trainees = sorted(trainees, key=lambda trainee: -trainee.n_critic)
        self.state = gathered([trainee.state for trainee in self.trainees], device)
        # float64 holds the ordered values exactly, so that they can be compared when they are read back.
        # n_critic counts a loop, so it stays off the device: reading it there would wait.
        names = [name for name in self.trainees[0].scalars if name != "n_critic"]
        values = torch.tensor([[[each.scalars[name]] for each in self.trainees] for name in names], dtype=torch.float64)
        self.hyper = dict(zip(names, sent(values, device).unbind(), strict=True))
        self.losses: dict[str, Tensor] = {}
        """Those of the steps that were noted last, [S, P]."""
        self._used = Used()

    def note(self, losses: Sequence[Losses], used: Used) -> None:
        """Take the losses of some steps, each [P], and what the last of them used; both stay on the device."""
        self._used = used
        self.losses = {}
        for name in dict.fromkeys(name for each in losses for name in each):
            # A penalty that acts in few steps only is not there in the others.
            self.losses[name] = torch.stack([each[name] for each in losses if name in each])
            for trainee, column in zip(self.trainees, self.losses[name].unbind(1), strict=True):
                trainee.losses[name].append(column)
        for trainee in self.trainees:
            trainee.steps += len(losses)

    def dissolve(self) -> None:
        """Give every trainee what is its own."""
        members = zip(self.trainees, unstacked(self.state), self._used.read(len(self.trainees)), strict=True)
        for trainee, state, values in members:
            # As a view, the state of one who trains no further would keep the rows of all others in memory.
            trainee.state = copied(state) if trainee.diverged else state
            trainee.used = dict(values.of({**trainee.scalars, **trainee.choices}))
