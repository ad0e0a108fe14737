"""The named parts of a module task: nets, optimisers, schedulers, scalers; and their whole state as one tree."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from pbt_gan import codec
from pbt_gan.core.population import Hyperparams
from pbt_gan.errors import TaskError, one_line, suggestion
from pbt_gan.interfaces import Tree

Parts = Mapping[str, Any]
"""Objects by name, each with `state_dict` and `load_state_dict`."""

_METADATA = "_metadata"  # what a net's state_dict says of its layers' versions, in an attribute of the dict
HYPERPARAMS = "_hyperparams"


Build = Callable[[], Any]
"""Makes new parts."""


class LiveParts:
    """The one set of parts that a worker trains: each order loads its member's state into them.

    A state is `{part: state_dict}`, and beside them the hyperparameters that it was trained with, so that all that is
    done with a member depends on its state alone.

    Args:
        build: makes the first parts, and others in their place once they have been given away.
        task: the task's name, for errors.

    Raises:
        TaskError: what was built are no parts.
    """

    def __init__(self, build: Build, task: str) -> None:
        self.parts: dict[str, Any] = {}
        self._modes: dict[Any, bool] = {}
        self._build = build
        self._task = task
        self.renew(build)

    @property
    def nets(self) -> dict[str, Any]:
        """Those of the parts that are modules."""
        return {name: part for name, part in self.parts.items() if hasattr(part, "modules")}

    def renew(self, build: Build) -> None:
        """Build other parts in the place of these, which go first: memory may not hold two sets."""
        self.give_away()
        parts = _checked(build(), self._task)
        _refuse_lazy(parts, self._task)
        self.parts = parts
        self._modes = {module: module.training for net in self.nets.values() for module in net.modules()}

    def give_away(self) -> Parts:
        """Return the parts, which are the caller's from now on; others are built when a state is loaded."""
        parts, self.parts, self._modes = self.parts, {}, {}
        return parts

    def capture(self, hyperparams: Hyperparams) -> Tree:
        """Return the state of all parts, a copy: state_dicts hold the very tensors that the next order trains."""
        states = {name: part.state_dict() for name, part in self.parts.items()}
        metadata = {name: dict(state._metadata) for name, state in states.items() if hasattr(state, _METADATA)}
        return codec.clone({**states, _METADATA: metadata, HYPERPARAMS: dict(hyperparams)})

    def completed(self, given: Tree, new: Tree) -> Tree:
        """Return a whole state of what is given, `{part: state_dict}`, and of a new state what is not.

        Raises:
            TaskError: there is no such part, or a net is missing.
        """
        for name in given:
            if name not in new:
                raise TaskError(
                    f"{self._task}.build returns no part {name!r}.{suggestion(name, self.parts)} "
                    f"A state of this task is one of {', '.join(self.parts)}."
                )
        for name in self.nets:
            if name not in given:
                raise TaskError(
                    f"{self._task}: the state to adopt lacks the net {name!r}; it has {', '.join(given) or 'nothing'}. "
                    "Only optimisers, schedulers and the like are made anew."
                )
        versions = {name: dict(state._metadata) for name, state in given.items() if hasattr(state, _METADATA)}
        ours = {name: known for name, known in new[_METADATA].items() if name not in given}
        return {**new, **given, _METADATA: {**ours, **given.get(_METADATA, {}), **versions}}

    def load(self, state: Tree, mend: str = "Was the task changed since the run began?") -> Hyperparams:
        """Make the parts what they were when the state was captured, and return the hyperparameters of then.

        An optimiser goes on with the tensors that it is given. Gradients are no part of a state, and go.

        Args:
            state: of these parts; it is theirs from now on.
            mend: what to do about a state that does not fit.

        Raises:
            TaskError: a part does not take its state back.
        """
        if not self.parts:
            self.renew(self._build)
        names = {name for name in state if not name.startswith("_")}
        if names != set(self.parts):
            raise TaskError(
                f"{self._task}.build returned the parts {', '.join(self.parts)}, but this state is one of "
                f"{', '.join(sorted(names))}. Was the task changed since the run began?"
            )
        for name, part in self.parts.items():
            own = state[name]
            if name in state[_METADATA]:
                own = OrderedDict(own)
                setattr(own, _METADATA, OrderedDict(state[_METADATA][name]))
            try:
                part.load_state_dict(own)
            except Exception as error:
                raise TaskError(
                    f"{self._task}: the part {name!r} does not take its state back: {one_line(error)}. {mend}"
                ) from error
            if hasattr(part, "zero_grad"):
                part.zero_grad()
        hyperparams: Hyperparams = state[HYPERPARAMS]
        return hyperparams

    def train_mode(self) -> None:
        """Put every module into the mode that `build` left it in."""
        for module, training in self._modes.items():
            module.training = training

    def eval_mode(self) -> None:
        """Put every module into evaluation mode."""
        for module in self._modes:
            module.training = False


def _refuse_lazy(parts: Parts, task: str) -> None:
    for name, part in parts.items():
        if hasattr(part, "modules") and any(hasattr(parameter, "materialize") for parameter in part.parameters()):
            raise TaskError(
                f"{task}.build returned {name!r} with lazy layers, which have no weights until they see data. "
                "Pass one batch through it in `build`, before the optimiser is made."
            )


def _checked(made: Any, task: str) -> dict[str, Any]:
    if not isinstance(made, Mapping) or not made:
        raise TaskError(
            f"{task}.build returned a {type(made).__name__}; return the parts by their names, such as "
            '{"net": net, "optimiser": optimiser}.'
        )
    for name, part in made.items():
        if not (isinstance(name, str) and name.isidentifier() and not name.startswith("_")):
            raise TaskError(f"{task}.build names a part {name!r}; use a name such as 'net', without '_' at its front.")
        if not (callable(getattr(part, "state_dict", None)) and callable(getattr(part, "load_state_dict", None))):
            raise TaskError(
                f"{task}.build returned {name!r}, a {type(part).__name__} without state_dict and load_state_dict. "
                "Parts are nets, optimisers, schedulers and the like; keep what never changes, such as data, on self."
            )
    return dict(made)
