"""What takes bytes from strangers, each as a function of these bytes that raises if the outcome is no acceptable one.

Acceptable is success, or a `PbtGanError` of one line. Whatever else is raised is a bug, and so is what a page or a
terminal is not to hold.
"""

import contextlib
import json
import re
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from pbt_gan import codec, references
from pbt_gan.cli.reading import overview
from pbt_gan.cli.studying import names_of, seeds_of
from pbt_gan.config import toml
from pbt_gan.config.durations import seconds
from pbt_gan.config.schedules import read_schedule
from pbt_gan.config.source import parse_changes, read_config
from pbt_gan.errors import ConfigError, PbtGanError, printable
from pbt_gan.gan.data import classes
from pbt_gan.gan.data.arrays.pickles import plain
from pbt_gan.gan.data.known import read_known
from pbt_gan.gan.data.pictures import opening, picture, stylegan
from pbt_gan.gan.portable import latents
from pbt_gan.gan.portable import safetensors as generators
from pbt_gan.interfaces import RunContext
from pbt_gan.reporting import markup, page, text
from pbt_gan.reporting.metrics import MetricsTable
from pbt_gan.runs import average, trust
from pbt_gan.runs.places import UNMOVED
from pbt_gan.runs.replay import replay_config
from pbt_gan.runs.result import Run
from pbt_gan.store import journal
from pbt_gan.store.reader import read_run
from pbt_gan.terminal import clean_console
from tools.fuzz import seeds

LONGEST = 2**16
"""Bytes of an input: more of them find nothing new."""

_LONGEST_LINE = 4_000  # of what a person is told
_ITEMS = 4  # of a collection whose content is read
_TAGS = frozenset(re.findall(r"<(\w+)", Path(markup.__file__).read_text(encoding="utf-8"))) | {"html", "h1", "p"}


class Target(NamedTuple):
    """A loader, and examples of what it was made for."""

    check: Callable[[bytes], None]
    seeds: Callable[[], Sequence[bytes]]


def acceptable(act: Callable[[], object]) -> None:
    """Call; what a person would be told has to be one line."""
    try:
        act()
    except PbtGanError as error:
        said = str(error)
        assert "\n" not in said, f"an error of several lines: {said!r}"
        assert 0 < len(said) <= _LONGEST_LINE, f"an error of {len(said)} characters: {said[:200]!r}"


class _Place:
    """A folder for one file at a time, which goes with the process."""

    def __init__(self) -> None:
        shared = Path("/dev/shm")
        self._folder = tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None)
        self.path = Path(self._folder.name)

    def file(self, name: str, data: bytes) -> Path:
        path = self.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        return path


_place: _Place | None = None


def _file(name: str, data: bytes) -> Path:
    global _place
    _place = _place or _Place()
    return _place.file(name, data)


def _checkpoint(data: bytes) -> None:
    acceptable(lambda: codec.decode(data))


def _tensors(data: bytes) -> None:
    acceptable(lambda: codec.decode_tensors(data))


def _generator(data: bytes) -> None:
    path = _file("generator.safetensors", data)
    said: object = None
    with contextlib.suppress(Exception):
        said = json.loads(codec.decode_tensors(data)[1]["card"]).get("weights_sha256")
    with mock.patch.object(generators, "_digest", return_value=said):  # or nothing gets past it
        acceptable(lambda: generators.read(path))


def _journal(data: bytes) -> None:
    path = _file("raw/journal.jsonl", data)
    acceptable(lambda: journal.read(path))


def sealed(lines: bytes) -> bytes:
    """Return lines as a journal with the checksums that belong to them: what is in them is read then."""
    checksum, made = 0, []
    for line in lines.split(b"\n"):
        if line.endswith(b"}"):
            checksum = zlib.crc32(line, checksum)
            made.append(line[:-1] + b',"crc32":"%08x"}\n' % checksum)
    return b"".join(made)


def _run(data: bytes) -> None:
    """Read a run as every command does that shows, reports or samples it; its plots are left out, which take long."""
    folder = _file("run/journal.jsonl", sealed(data)).parent
    acceptable(lambda: _show(folder))
    acceptable(lambda: _report(folder))
    acceptable(lambda: replay_config(Run.open(folder)))


def _show(folder: Path) -> None:
    run = Run.open(folder)
    run.table()
    run.schedule()
    if run.best is not None:
        run.member("last-best")
    console = clean_console.CleanConsole(markup=False, highlight=False, emoji=False, width=80, color_system=None)
    with console.capture() as captured:
        console.print(overview(run))
    said = captured.get()
    assert printable(said.replace("\n", " ")) == said.replace("\n", " "), "a terminal would be controlled"


def _report(folder: Path) -> None:
    view = read_run(folder)
    Run.of(view)
    with mock.patch.object(page, "_plots", return_value=[]):
        check_page(page.write_page(view).read_text(encoding="utf-8"))
    MetricsTable().start(RunContext(folder, view.config, view.cards, view.records, reals=None, total_orders=0))
    cells = (folder / "metrics.csv").read_text(encoding="utf-8")
    assert all(c.isprintable() or c in "\r\n" for c in cells), "a control character in metrics.csv"


def check_page(made: str) -> None:
    """Hold a page to the elements that it is made of: nothing that was a text has become one."""

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            assert tag in _TAGS, f"the page holds a {tag!r}"
            assert not any(name.startswith("on") for name, _ in attributes), f"a {tag!r} acts: {attributes}"
            for name, value in attributes:
                assert name not in ("src", "href") or (value or "").startswith("data:image/png;base64,"), value

    Reader().feed(made)


@contextlib.contextmanager
def _no_code() -> Iterator[None]:
    """Load nothing but this package's own: whoever writes a config may name any code, and would mean it."""
    load = references.load

    def only_own(name: str) -> object:
        if not name.startswith("pbt_gan."):
            raise ConfigError("not loaded here")
        return load(name)

    with mock.patch.object(references, "load", only_own):
        yield


def _settings(data: bytes) -> None:
    path = _file("settings.toml", data)
    with _no_code():
        acceptable(lambda: toml.written(read_config(str(path)).plain()))


def _changes(data: bytes) -> None:
    words = data.decode(errors="replace").split("\0")
    with _no_code():
        acceptable(lambda: read_config("quadratic", [parse_changes(words)]))


def _options(data: bytes) -> None:
    word = data.decode(errors="replace")
    acceptable(lambda: seconds(word, "--max-time"))
    acceptable(lambda: seeds_of(word))
    acceptable(lambda: names_of(word))
    acceptable(lambda: references.check(word))


def _schedule(data: bytes) -> None:
    path = _file("schedule.toml", data)
    acceptable(lambda: read_schedule(path))


def _picture(data: bytes) -> None:
    acceptable(lambda: picture.header(data))
    acceptable(lambda: picture.decode(data, 8))


def _arrays(data: bytes) -> None:
    if data:
        path = _file("arrays", data)
        with contextlib.suppress(OSError):  # as its caller tells it; zipfile raises it too
            acceptable(lambda: read_known(path, "#ffffff"))


def _collection(data: bytes) -> None:
    path = _file("collection", data)
    acceptable(lambda: _collected(path))


def _collected(path: Path) -> None:
    collection = opening.open_collection(path)
    if collection is not None:
        with closing(collection):
            for item in collection.items[:_ITEMS]:
                acceptable(lambda item=item: picture.decode(collection.read(item), 8))  # type: ignore[misc]


def _pickle(data: bytes) -> None:
    with contextlib.suppress(Exception):  # of any kind, which its caller takes for damage; what counts is what it does
        plain(data)


def _labels(data: bytes) -> None:
    acceptable(lambda: stylegan.described({"": data}, {"a.png", "b.png"}))


def _latents(data: bytes) -> None:
    path = _file("latents", data)
    acceptable(lambda: latents.read_latents(path, 4))


def _classes(data: bytes) -> None:
    folder = _file("classes.json", data).parent
    acceptable(lambda: classes.kept(folder))


def _average(data: bytes) -> None:
    folder = _file("average.json", data).parent
    acceptable(lambda: average.card(folder, seeds.history()))


def _signature(data: bytes) -> None:
    folder = _file(trust.SIGNATURE, data).parent
    config = {"task": {"name": "package:Task"}, "pbt": {}}
    with mock.patch.object(trust, "_key", return_value=b"\0" * 32):
        assert trust.foreign(folder, config, config, UNMOVED), "a signature was forged"


def _words(data: bytes) -> None:
    word = data.decode(errors="replace")
    assert printable(word).isprintable()
    text.number(word)
    check_page(markup.page(word, [markup.section(word, markup.facts({word: {word: [word]}}), note=word)]))


TARGETS: Mapping[str, Target] = {
    "journal": Target(_journal, seeds.journals),
    "run": Target(_run, seeds.runs),
    "checkpoint": Target(_checkpoint, seeds.checkpoints),
    "tensors": Target(_tensors, seeds.checkpoints),
    "generator": Target(_generator, seeds.generators),
    "settings": Target(_settings, seeds.settings),
    "changes": Target(_changes, seeds.changes),
    "options": Target(_options, seeds.options),
    "schedule": Target(_schedule, seeds.schedules),
    "picture": Target(_picture, seeds.pictures),
    "arrays": Target(_arrays, seeds.arrays),
    "collection": Target(_collection, seeds.collections),
    "pickle": Target(_pickle, seeds.pickles),
    "labels": Target(_labels, seeds.labels),
    "latents": Target(_latents, seeds.latents),
    "classes": Target(_classes, seeds.classes),
    "average": Target(_average, seeds.averages),
    "signature": Target(_signature, seeds.signatures),
    "words": Target(_words, seeds.words),
}
"""By name; a loader that is added is a line here."""
