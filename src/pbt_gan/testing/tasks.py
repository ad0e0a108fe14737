"""What any task must do, whatever it trains. Needs pytest."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pbt_gan import codec
from pbt_gan.core.population import Hyperparams, Value
from pbt_gan.core.rng import stream
from pbt_gan.core.space import Choice, Domain, draw
from pbt_gan.errors import ConfigError, TaskError
from pbt_gan.executors.work import attached
from pbt_gan.interfaces import GroupTrainer, Problem, Streams, TaskSource, Trainer, Training, Tree
from pbt_gan.testing.leaves import difference, differences, leaf

_SEED = 7
_ORDERS = 10  # of the run that a task is told of


class Ready(NamedTuple):
    """A task under test, and what it made ready to train."""

    problem: Problem
    trainer: Trainer


class TaskConformance(ABC):
    """What every task must do. Subclass it as `Test…` and say how yours is made.

    A failure says what a run would suffer from it, and how to mend the task.
    """

    steps: int = 4
    """How many steps an order trains here; more, if something in your training happens only now and then.

    The task is told of a run that is ten times as long.
    """

    evolved: Sequence[str] | None = None
    """Which hyperparameters are evolved here; None: all, but choices that cannot be evolved beside the others."""

    @abstractmethod
    def make(self) -> TaskSource:
        """Return a new task, a ModuleTask or a Problem (a Task is one), small enough to train in moments."""

    def test_a_problem_attached_twice_has_two_sound_trainers(self, tmp_path: Path) -> None:
        task = self._task(tmp_path)
        groups = isinstance(task.trainer, GroupTrainer)
        assert task.problem.groups == groups, (
            f"`groups` is {task.problem.groups}, but `attach` returns a {type(task.trainer).__name__}, which is "
            f"{'a' if groups else 'no'} GroupTrainer: let `groups` say which of the two it is."
        )
        state, values = self._used(task), self._values(task)
        kept = codec.encode(state)
        second = Ready(task.problem, attached(task.problem, tmp_path / "prepared", "cpu"))
        self._used(second)
        expected = _copy(self._trained(self._task(tmp_path), codec.decode(kept), values).state)
        for who, each in (("first", task), ("second", second)):
            place = difference(expected, self._trained(each, codec.decode(kept), values).state)
            assert place is None, (
                f"Attached twice, the {who} trainer trains otherwise than one that is alone, first in {place}: let "
                "`attach` return a new trainer, which has all that it changes to itself."
            )

    def test_equal_generators_give_equal_members(self, tmp_path: Path) -> None:
        task = self._task(tmp_path)
        place = difference(task.trainer.init(stream(_SEED, "init")), task.trainer.init(stream(_SEED, "init")))
        assert place is None, (
            f"Two members made from equal generators differ in {place}: draw it from the `rng` that is handed over, "
            "or in a ModuleTask from the global generators of torch, NumPy and Python, which are seeded from it."
        )

    def test_a_checkpoint_keeps_every_bit_of_a_state(self, tmp_path: Path) -> None:
        task = self._task(tmp_path)
        born = task.trainer.init(stream(_SEED, "init"))
        _kept(born)
        _kept(self._trained(task, born, self._values(task)).state)

    def test_equal_orders_give_equal_states(self, tmp_path: Path) -> None:
        task = self._task(tmp_path)
        state, values = self._used(task), self._values(task)
        first = _copy(self._trained(task, _copy(state), values).state)
        place = difference(first, self._trained(task, _copy(state), values).state)
        assert place is None, (
            f"The same state, trained twice with equal random streams, differs in {place}: some randomness is not "
            "seeded. Draw it from the generator that is handed over, not from one of your own making."
        )

    def test_a_task_that_goes_on_equals_a_new_one_that_takes_its_state(self, tmp_path: Path) -> None:
        task = self._task(tmp_path)
        state, values = self._used(task), self._values(task)
        kept = codec.encode(state)
        task.trainer.score(state, stream(_SEED, "eval"))  # as a run does between two orders
        live = self._trained(task, state, values).state
        place = difference(live, self._trained(self._task(tmp_path), codec.decode(kept), values).state)
        assert place is None, (
            f"Trained on, a member differs in {place} from one restored from its checkpoint in a new task: the state "
            "leaves something out that training changes. Put it into the state (of a ModuleTask: among the parts that "
            "`build` returns), and keep none on the task itself."
        )

    def test_each_hyperparameter_changes_what_comes_out(self, tmp_path: Path) -> None:
        task = self._task(tmp_path)
        state, values = self._used(task), self._values(task)
        training = self._trained(task, _copy(state), values)
        usual, unverified = _copy(training.state), training.unverified
        for name, domain in self._space(task.problem).items():
            others = _others(domain, values[name])
            changed = (self._trained(task, _copy(state), {**values, name: other}).state for other in others)
            assert any(_changed(usual, one, values[name], other) for one, other in zip(changed, others, strict=True)), (
                f"The hyperparameter {name!r} is without effect: after {self.steps} steps a state is the same for "
                f"{values[name]!r} and {', '.join(map(repr, others))}. Bind it to what the training really uses, or "
                "raise `steps` of this suite if it acts later."
                + (" Nobody was seen to read it." if name in unverified else "")
            )

    def test_the_hyperparameters_of_a_report_are_those_of_the_order(self, tmp_path: Path) -> None:
        task = self._task(tmp_path)
        state = task.trainer.init(stream(_SEED, "init"))
        for values in (self._values(task), self._values(task, "others"), {}):
            try:
                training = self._trained(task, _copy(state), values)
            except KeyError as error:
                pytest.fail(
                    f"Training with {sorted(values)} fails for want of {error}: a run need not evolve every "
                    "hyperparameter of `space`. Use the `init` of one that is not evolved.",
                    pytrace=False,
                )
            used, unverified = training.hyperparams, sorted(set(training.unverified) - values.keys())
            assert not unverified, (
                f"The order was to train with {dict(values)}, but the task says that {', '.join(unverified)} could not "
                "be verified: name in Training.unverified only hyperparameters of the order."
            )
            assert dict(used) == dict(values), (
                f"The order was to train with {dict(values)}, but the task says that it used {dict(used)}: return in "
                "Training.hyperparams what the last step used of each, and of no other."
            )

    def test_a_donors_state_is_trained_with_the_recipients_hyperparameters(self, tmp_path: Path) -> None:
        task = self._task(tmp_path)
        donor, values = self._used(task), self._values(task, "recipient")
        kept = codec.encode(donor)
        self._trained(task, task.trainer.init(stream(_SEED, "init", 1)), self._values(task, "third"))
        used = _copy(self._trained(task, codec.decode(kept), values).state)
        place = difference(used, self._trained(self._task(tmp_path), codec.decode(kept), values).state)
        assert place is None, (
            f"A recipient differs in {place} by who trained in this worker before it: set every hyperparameter at "
            "the start of `train`, after the donor's state is loaded, and keep no state on the task."
        )

    def test_a_run_that_becomes_longer_is_trained_as_the_longer_one(self, tmp_path: Path) -> None:
        born, whole = (self._task(tmp_path, orders).trainer.init(stream(_SEED, "init")) for orders in (1, 2))
        values = self._values(self._task(tmp_path))
        longer = _copy(self._trained(self._task(tmp_path, 2), born, values).state)
        place = difference(self._trained(self._task(tmp_path, 2), whole, values).state, longer)
        assert place is None, (
            f"A member that was born in a run of {self.steps} steps, and is trained after that was made "
            f"{2 * self.steps}, differs in {place} from one of a run that was as long from the beginning: its state "
            "holds the old length. Take the length from `self.total_steps` whenever a step needs it, as a LambdaLR "
            "does whose function reads it, or set it in the state at the beginning of `train`."
        )

    def test_each_component_can_be_another_members(self, tmp_path: Path) -> None:
        task = self._task(tmp_path)
        for name, keys in task.problem.components.items():
            own, other = (_copy(task.trainer.init(stream(_SEED, "init", n))) for n in range(2))
            for key in keys:
                assert key in own, (
                    f"The component {name!r} of `components` is made of {key!r}, but the keys of the state's outermost "
                    f"dict are {', '.join(own)}."
                )
            mixed = {**own, **{key: other[key] for key in keys}}
            kept = codec.encode(mixed)
            first, second = (self._trained(task, codec.decode(kept), self._values(task)).state for _ in range(2))
            place = difference(_copy(first), second)
            assert place is None, f"Trained twice, a state with another member's {name} differs in {place}."

    def test_a_score_is_a_few_numbers_and_always_the_same(self, tmp_path: Path) -> None:
        task = self._task(tmp_path)
        state = self._used(task)
        kept = codec.encode(state)
        first = _numbers(task.trainer.score(state, stream(_SEED, "eval")))
        assert math.isfinite(first.get("score", math.nan)), (
            f"After {self.steps} steps the score is {first.get('score')}, in {first}: return a finite `score`, higher "
            "is better, for a member that has not diverged."
        )
        again = _numbers(task.trainer.score(state, stream(_SEED, "eval")))
        assert repr(again) == repr(first), (
            f"The same state was scored {first} and {again}: draw what scoring draws from the generator that is handed "
            "over, so that members are compared by equal numbers."
        )
        for other, who in ((task, "the same task"), (self._task(tmp_path), "a new task")):
            again = _numbers(other.trainer.score(codec.decode(kept), stream(_SEED, "eval")))
            assert repr(again) == repr(first), (
                f"A state was scored {first}, and {again} by {who} after it was a checkpoint: the score depends on "
                "something that is not in the state. Put it there."
            )

    def test_scoring_changes_nothing(self, tmp_path: Path) -> None:
        from pbt_gan.modules.trainer import ModuleTrainer  # needs torch, which the suite of an executor does not

        task = self._task(tmp_path)
        state = self._used(task)
        kept = codec.encode(state)
        task.trainer.score(state, stream(_SEED, "eval"))
        place = difference(codec.decode(kept), state)
        if place is None and isinstance(task.trainer, ModuleTrainer):
            place = difference(state, task.trainer.changed(state))
        assert place is None, (
            f"Scoring changed {place} of the state: a member is judged by a net that nobody trained. Leave the nets in "
            "evaluation mode while they are measured, so that batch norm keeps its averages, and update nothing."
        )

    def test_a_state_of_its_own_is_adopted_as_it_is(self, tmp_path: Path) -> None:
        task = self._task(tmp_path)
        state, values = self._used(task), self._values(task)
        kept = codec.encode(state)
        adopted = self._trained(task, task.trainer.adopt(codec.decode(kept)), values).state
        place = difference(_copy(adopted), self._trained(task, codec.decode(kept), values).state)
        assert place is None, (
            f"Adopted, a state of the task's own trains otherwise, first in {place}: let `adopt` add only what a state "
            "lacks, and change nothing that it has."
        )

    def test_an_export_can_be_kept_and_takes_nothing_from_the_state(self, tmp_path: Path) -> None:
        task = self._task(tmp_path)
        state = self._used(task)
        kept = codec.encode(state)
        exported = _kept(task.trainer.export(state))
        place = difference(codec.decode(kept), state)
        assert place is None, f"Exporting changed {place} of the state: hand out copies, or the tensors as they are."
        assert exported <= len(kept), (
            f"The export takes {exported:,} bytes, the whole state {len(kept):,}: leave out what only training needs, "
            "such as optimisers."
        )

    def test_its_arguments_build_an_equal_task(self, tmp_path: Path) -> None:
        source = self.make()
        task, arguments = self._ready(source, tmp_path), dict(source.as_task().arguments())
        mend = "return from `arguments` all that the constructor needs to build an equal task; workers are built so."
        try:
            other = self._ready(type(source)(**arguments), tmp_path)
        except TypeError as error:
            pytest.fail(f"{type(source).__name__}(**{arguments}) fails ({error}): {mend}", pytrace=False)
        place = difference(self._used(task), self._used(other))
        assert place is None, f"{type(source).__name__}(**{arguments}) trains otherwise, first in {place}: {mend}"

    def _task(self, folder: Path, orders: int = _ORDERS) -> Ready:
        return self._ready(self.make(), folder, orders)

    def _ready(self, source: TaskSource, folder: Path, orders: int = _ORDERS) -> Ready:
        problem = source.as_task()
        problem.expect(orders * self.steps)
        problem.prepare(folder / "prepared")
        return Ready(problem, attached(problem, folder / "prepared", "cpu"))

    def _values(self, task: Ready, purpose: str = "values") -> Hyperparams:
        return draw(self._space(task.problem), stream(_SEED, purpose))

    def _space(self, problem: Problem) -> dict[str, Domain]:
        """Return what is evolved beside each other."""
        own = problem.space
        if self.evolved is not None:
            return {name: own[name] for name in self.evolved}
        space: dict[str, Domain] = {name: each for name, each in own.items() if not isinstance(each, Choice)}
        for name in sorted(own.keys() - space.keys()):
            with suppress(ConfigError):
                problem.check_space({**space, name: own[name]})
                space[name] = own[name]
        return space

    def _trained(self, task: Ready, state: Tree, values: Hyperparams) -> Training:
        return task.trainer.train(state, values, self.steps, _streams())

    def _used(self, task: Ready) -> Tree:
        """Return the state of a member that has trained one order, with values of its own."""
        return self._trained(task, task.trainer.init(stream(_SEED, "init")), self._values(task, "donor")).state


class GroupTaskConformance(TaskConformance):
    """What a task must do besides that trains several members in one program: each becomes what it is alone."""

    members: int = 3
    """Of the largest group."""

    @abstractmethod
    def make(self) -> TaskSource:
        """Return a new task, small enough to train in moments."""

    def test_a_member_becomes_the_same_whatever_its_group(self, tmp_path: Path) -> None:
        task = self._task(tmp_path)
        alone = [self._grouped(task, [member])[0] for member in range(self.members)]
        for first in range(self.members - 1):
            group = range(first, self.members)
            for member, training in zip(group, self._grouped(task, group), strict=True):
                place = difference(alone[member].state, training.state)
                assert place is None, (
                    f"Member {member} differs in {place} when it is trained in a group of {len(group)} and when alone: "
                    "let no operation mix members, and use only those whose bits do not depend on the number of rows."
                )
                mine, others = _reported(training), _reported(alone[member])
                assert mine == others, (
                    f"Member {member} reports {mine} in a group of {len(group)}, and alone {others}: "
                    "give every member its own hyperparameters, metrics and images."
                )

    def test_a_member_is_scored_the_same_whatever_its_group(self, tmp_path: Path) -> None:
        task = self._task(tmp_path)
        states = [training.state for training in self._grouped(task, range(self.members))]
        alone = [_numbers(task.trainer.score(state, stream(_SEED, "eval"))) for state in states]
        assert isinstance(task.trainer, GroupTrainer)
        together = [_numbers(scores) for scores in task.trainer.score_group(states, stream(_SEED, "eval"))]
        assert repr(together) == repr(alone), (
            f"Scored together, members get {together}, and alone {alone}: give all of them equal random numbers."
        )

    def _grouped(self, task: Ready, members: Sequence[int]) -> list[Training]:
        """Train some members, each with values and random numbers of its own."""
        assert isinstance(task.trainer, GroupTrainer)
        trainings = task.trainer.train_group(
            [task.trainer.init(stream(_SEED, "init", member)) for member in members],
            [draw(self._space(task.problem), stream(_SEED, "values", member)) for member in members],
            self.steps,
            [partial(stream, _SEED, "train", member) for member in members],
        )
        return [replace(training, state=_copy(training.state)) for training in trainings]


def _reported(training: Training) -> str:
    numbers = sorted(training.hyperparams.items()), sorted(training.metrics.items()), training.images
    return repr((*numbers, sorted(training.unverified)))


def _streams() -> Streams:
    return lambda block: stream(_SEED, "train", block)


def _copy(state: Tree) -> Tree:
    return codec.clone(state)


def _kept(state: Tree) -> int:
    """Hold a state to being what a checkpoint makes of it; return the checkpoint's size in bytes."""
    try:
        encoded = codec.encode(state)
    except TaskError as error:
        pytest.fail(f"{error} Convert it to one of these, and back when the state is loaded.", pytrace=False)
    place = difference(state, codec.decode(encoded))
    assert place is None, f"A checkpoint changes {place} of the state."
    return len(encoded)


def _others(domain: Domain, value: Value) -> list[Value]:
    """Return other values of a hyperparameter: one move away, which may be too little to be seen, and far away."""
    if isinstance(domain, Choice):
        return [other for other in domain.values if other != value]
    moved = domain.perturb(value, (0.5, 2.0), stream(_SEED, "move"))
    return [other for other in (moved, *domain.bounds) if other != value]


def _changed(one: Tree, other: Tree, *values: Value) -> bool:
    """Whether two states differ in more than that they hold the values of a hyperparameter."""
    return any(
        not all(_holds(leaf(tree, place), value) for tree, value in zip((one, other), values, strict=True))
        for place in differences(one, other)
    )


def _holds(found: Any, value: Value) -> bool:
    try:
        plain = found.item() if hasattr(found, "item") else found
    except (ValueError, RuntimeError):  # more than one number
        return False
    if isinstance(plain, int | float) and isinstance(value, int | float):
        return math.isclose(plain, value, rel_tol=1e-6)
    return bool(type(plain) is type(value) and plain == value)


def _numbers(measured: Mapping[str, Any]) -> dict[str, float]:
    plain = {name: value.item() if hasattr(value, "item") else value for name, value in sorted(measured.items())}
    for name, value in plain.items():
        assert isinstance(value, int | float), f"The metric {name!r} is a {type(value).__name__}: return one number."
    return plain
