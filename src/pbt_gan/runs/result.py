"""A run, read: its best member, schedule, lineage, table, samples."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pbt_gan import codec
from pbt_gan.config.objects import build_task, task_reference
from pbt_gan.config.settings import Config
from pbt_gan.core.lineage import History, Segment
from pbt_gan.core.population import Hyperparams, rank_key
from pbt_gan.core.records import Record, Report
from pbt_gan.core.rng import stream
from pbt_gan.errors import ConfigError, DamageError, RunFolderError, instead, suggestion
from pbt_gan.executors.work import attached
from pbt_gan.interfaces import Fallback, Images, Problem, RunView, Trainer, Tree, Usage
from pbt_gan.modules.parts import Parts
from pbt_gan.runs import average, lone
from pbt_gan.runs.changes import check_fingerprint
from pbt_gan.runs.folder import scorers
from pbt_gan.runs.generator import discriminator_of, generator_of
from pbt_gan.runs.places import UNMOVED, Moved, check_places, located
from pbt_gan.runs.pretrained import run_place
from pbt_gan.runs.sense import check_sense
from pbt_gan.runs.trust import code_in, foreign, refuse
from pbt_gan.store.reader import checkpoint_bytes, committed, kept_checkpoints, read_run
from pbt_gan.validation import validated

if TYPE_CHECKING:
    from pbt_gan.gan.portable.discriminator import Discriminator
    from pbt_gan.gan.portable.generator import Generator

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """What a run did, from its folder or from memory.

    `pbt_gan.run` returns one, and `Run.open("runs/0001-digits")` reads one, also while it trains.

    Examples:
        >>> import pbt_gan
        >>> done = pbt_gan.run("quadratic", population_size=4, total_steps=20, ready_interval=5, quiet=True)
        >>> best = done.best  # the report with the highest score
        >>> [step for step, hyperparams in done.schedule()][0]  # what led to it, by the age of its weights
        0
        >>> len(done.table())  # a row a report; pandas.DataFrame takes it as it is
        16
    """

    config: Mapping[str, Any]  # the resolved configuration
    journal: Sequence[Record]  # the effective records
    ending: str  # "finished", "running", or why it stopped
    folder: Path | None = None  # None: it was in memory only
    cards: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # how each metric was measured
    task: Problem | None = None  # an object that was trained in this program; None: what the configuration names
    fingerprint: Mapping[str, str] = field(default_factory=dict)  # of what was moved, to be found unchanged
    fallbacks: Sequence[Fallback] = ()  # where it went on from an older commit than its last, which was damaged
    foreign: Mapping[str, str] = field(default_factory=dict)  # code that it names and that nobody trusts; see `trust`
    usage: Usage = field(default_factory=Usage)  # how long its workers trained, and how long they waited

    @classmethod
    def open(
        cls,
        folder: Path | str,
        *,
        data: Path | str | None = None,
        task_file: Path | str | None = None,
        trust: bool = False,
    ) -> "Run":
        """Read a run's folder; also that of a run that still trains.

        Args:
            folder: the run's; or `pretrained:NAME`, one that comes with the package.
            data: where its data lies now; None: where it was, or where it is found from the run's folder.
            task_file: likewise, the file of its task.
            trust: that the run may run whatever code it names. Without it that is what its user has trained it with
                here, and reading a run from elsewhere runs nothing of its own.

        Raises:
            RunFolderError: there is no run, or one of another format version.
            DamageError: its journal is damaged.
        """
        return cls.of(read_run(run_place(folder)), Moved(data, task_file), trust=trust)

    @classmethod
    def of(cls, view: RunView, moved: Moved = UNMOVED, *, trust: bool = False) -> "Run":
        """Return a run that was read, with its files where they lie now; `trust` as of `open`.

        Raises:
            RunFolderError: it has settings that this version does not know.
            DamageError: its records make no sense together.
        """
        check_sense(view.folder, view.records)
        try:
            own = validated(Config, view.config).plain()
        except ConfigError as error:
            raise RunFolderError(
                f"{view.folder} was not made by a pbt-gan like this one: {error} Use the pbt-gan that wrote it."
            ) from error
        config = located(own, view.run.get("places", {}), view.folder, moved)
        fingerprint = view.run.get("fingerprint", {}) if config != own else {}
        code = {} if trust else foreign(view.folder, view.config, config, moved)
        return cls(
            config,
            view.records,
            view.ending,
            view.folder,
            view.cards,
            fingerprint=fingerprint,
            fallbacks=view.fallbacks,
            foreign=code,
            usage=view.usage,
        )

    @cached_property
    def history(self) -> History:
        """The records, indexed."""
        return History.of(self.journal)

    @property
    def best(self) -> Report | None:
        """The report with the highest selection score of the whole run; None: there is no finite one."""
        return self.history.best

    def records(self) -> Sequence[Record]:
        """Return every report and decision that counts, in the order of the journal."""
        return self.journal

    def schedule(self) -> tuple[tuple[int, Hyperparams], ...]:
        """Return the hyperparameters that led to the best member, as (from this step on, values)."""
        return self.history.schedule(self.best.member, self.best.interval) if self.best else ()

    def lineage(self) -> tuple[Segment, ...]:
        """Return every order that went into the best member's weights, oldest first."""
        return self.history.ancestry(self.best.member, self.best.interval) if self.best else ()

    def table(self) -> list[dict[str, Any]]:
        """Return one flat row a report, oldest first; `pandas.DataFrame(run.table())` takes it as it is."""
        return [
            {
                "member": report.member,
                "interval": report.interval,
                "step": report.step,
                "trained_steps": report.trained_steps,
                "score": report.score,
                **report.metrics,
                **report.hyperparams,
                "images": report.images,
                "cost_s": report.cost_s,
            }
            for report in self.history.reports
        ]

    def member(self, which: str) -> Report:
        """Return the report that `best`, `last-best`, a member's number or a checkpoint's name stands for.

        Raises:
            ConfigError: there is no such member, or none has a finite score.
        """
        if which == average.NAME:
            raise ConfigError("The average of a run is no member, and has no report; name best, whose line it is of.")
        if which in ("best", "last-best"):
            found = self.best if which == "best" else self.history.last_best
            if found is None:
                raise ConfigError("No member of this run has a finite score yet; name a member by its number.")
            return found
        named = next((report for report in self.history.reports if report.checkpoint == which), None)
        if named is not None:
            return named
        last = self.history.last
        if not (which.isdecimal() and len(which) < 10) or int(which) not in last:
            words = ["best", "last-best"]  # a number that is near another is no slip of the hand
            there = suggestion(which, [*words, average.NAME]) or instead("", [*words, *map(str, last)])
            raise ConfigError(f"--member {which}: there is none.{there}")
        return last[int(which)]

    def sample(self, count: int, *, member: str = "best", seed: int = 0) -> Images:
        """Return images from a member's generator, uint8[count, H, W, C].

        Args:
            count: how many.
            member: as `state` takes it.
            seed: equal seeds make equal images.

        Raises:
            ConfigError: the task makes no images, or there is no such member.
            RunFolderError: that member's weights are not kept any more.
            DamageError: the checkpoint is not what was written.
        """
        if self.task is None and self.config["task"]["name"] == "gan":  # it needs neither the data nor the scorers
            return self.generator(member).sample(count, seed=seed)
        state = self.state(member)
        images = self._attached().sample(state, count, stream(seed, "sample"))
        if images is None:
            raise ConfigError("The task of this run makes no images.")
        return images

    def state(self, member: str = "best") -> Tree:
        """Return a member's whole state: nested dicts of tensors, as its task made it.

        Args:
            member: `best`, `last-best`, a member's number, a checkpoint such as `m03-i0012`, or `average`, which
                `average` has made.

        Raises:
            ConfigError: there is no such member.
            RunFolderError: that member's weights are not kept any more; or the run has trained on since the average.
            DamageError: the checkpoint is not what was written, and there is no older one.
        """
        if member == average.NAME:
            return average.read(self._kept(), self.history)
        return codec.decode(self._whole(member)[1])

    def whole(self, member: str = "best") -> str:
        """Return a name of what `state` gives: the same one, or an older checkpoint's where the file is damaged.

        What stands for a member has an older state as long as the commit before the last is kept; that it is used is
        told as a warning. A checkpoint that is named itself has none, nor has an average.

        Args:
            member: as `state` takes it.

        Raises:
            ConfigError, RunFolderError, DamageError: as of `state`.
        """
        if member == average.NAME or lone.has_only(self, member):
            return member
        report, _ = self._whole(member)
        return member if report == self.member(member) else report.checkpoint

    def _whole(self, which: str) -> tuple[Report, bytes]:
        folder, asked = self._kept(), self.member(which)
        try:
            return asked, checkpoint_bytes(folder, asked.checkpoint)
        except DamageError as error:
            for older in self._older(which, asked):
                with suppress(DamageError):
                    data = checkpoint_bytes(folder, older.checkpoint)
                    log.warning("%s Instead: member %d as it was at step %d.", error, older.member, older.step)
                    return older, data
            raise

    def _older(self, which: str, asked: Report) -> Iterator[Report]:
        """Yield what the name stood for at each commit that is kept, the newest first; itself not.

        Of the best, then the best ones of those that are kept: a run may have gone on without its best.
        """
        if which == asked.checkpoint:
            return
        for records in committed(self._kept()):
            with suppress(ConfigError):  # nobody was called so yet
                older = replace(self, journal=records).member(which)
                if older.checkpoint != asked.checkpoint:
                    yield older
        if which == "best":
            kept = kept_checkpoints(self._kept()) - {asked.checkpoint}
            left = [report for report in self.history.reports if report.checkpoint in kept]
            yield from sorted(left, key=lambda report: rank_key(report.score, report.member), reverse=True)

    def parts(self, member: str = "best") -> Parts:
        """Return a member's nets, optimisers and whatever else `ModuleTask.build` returns, new ones with its state.

        They lie on the CPU, with the hyperparameters set that the member was trained with, and in evaluation mode.

        Args:
            member: as `state` takes it.

        Raises:
            ConfigError: the task is no ModuleTask, or there is no such member.
            RunFolderError, DamageError: as of `state`.
        """
        from pbt_gan.modules.trainer import ModuleTrainer  # needs torch, which reading a run does not

        state, trainer = self.state(member), self._attached()
        if not isinstance(trainer, ModuleTrainer):
            raise ConfigError(f"The task of this run is no ModuleTask; run.state({member!r}) gives a member's weights.")
        return trainer.parts(state)

    def export(self, member: str = "best") -> Tree:
        """Return of a member's state what one needs to use it: of a ModuleTask `{part: state_dict}` of its nets.

        For example `torch.save(run.export()["net"], "net.pt")`.

        Args:
            member: as `state` takes it.

        Raises:
            ConfigError, RunFolderError, DamageError: as of `state`.
        """
        return self._attached().export(self.state(member))

    def generator(self, member: str = "best") -> "Generator":
        """Return a member's generator as a module of torch, on the CPU and in evaluation mode; of the task `gan` only.

        Images are `generator(z)` of latents `z` [N, generator.latent_dim], or finished `generator.sample(n)`.

        Args:
            member: as `state` takes it.

        Raises:
            ConfigError: the task is not the GAN, or there is no such member.
            RunFolderError, DamageError: as of `state`.
        """
        return generator_of(self, member)

    def discriminator(self, member: str = "best") -> "Discriminator":
        """Return a member's discriminator likewise: images [N, C, H, W] in -1 … 1 to logits [N].

        Args:
            member: as `state` takes it.

        Raises:
            ConfigError, RunFolderError, DamageError: as of `generator`.
        """
        return discriminator_of(self, member)

    def average(self) -> average.Average:
        """Average the weights of the last survivors of the best one's line, and keep that if it is better.

        A state goes in only if the score does not fall, the best first. What is kept is `average` for `state`, `sample`
        and `export`, and lies in the run's folder; the run itself is left as it is. For example
        `run.export("average" if run.average().kept else "best")`.

        Raises:
            RunFolderError: the run still trains, or keeps fewer than two states of that line.
            DamageError: a checkpoint is not what was written.
            PbtGanError: the task cannot be built, or cannot score; see its subclasses.
        """
        return average.make(self._kept(), self.history, self._attached(), self.config["seed"])

    def _kept(self) -> Path:
        if self.folder is None:
            raise RunFolderError("A run in memory keeps no weights; train with `out` to have them afterwards.")
        return self.folder

    def check_code(self, config: Mapping[str, Any] | None = None) -> None:
        """Raise RunFolderError if a part of its configuration names code that nobody trusts; None: what it trains."""
        used = code_in({key: self.config.get(key) for key in ("task", "metrics")} if config is None else config)
        refuse(self.folder, {key: name for key, name in self.foreign.items() if name in used.values()})

    def problem(self) -> Problem:
        """Return what was trained. If its files were moved, they are compared with those that the run began with.

        Raises:
            RunFolderError: a file is gone, or is not what it was; or this would run a stranger's code.
            PbtGanError: it cannot be built; see its subclasses.
        """
        if self.task is not None:
            # Another run may have told it something else.
            self.task.expect(validated(Config, self.config).pbt.last_step)
            return self.task
        self.check_code()
        check_places({"task": self.config["task"]})
        config = validated(Config, self.config)
        problem = build_task(replace(task_reference(config), total_steps=config.pbt.last_step))
        if self.fingerprint:
            problem.prepare(scorers(self._kept()))  # keeps what is there
            check_fingerprint(self.fingerprint, problem.fingerprint())
        return problem

    def _attached(self) -> Trainer:
        return attached(self.problem(), scorers(self._kept()), "cpu")
