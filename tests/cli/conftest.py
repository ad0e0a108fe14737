import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pbt_gan.cli import main

TOY = """
task = "quadratic"

[pbt]
population_size = 3
total_steps = 20
ready_interval = 10
exploit = "tournament"

[executor]
name = "serial"
workers = 1
"""

GAN = """
[task]
name = "gan"
width = 2
z_size = 4
batch_size = 16

[pbt]
population_size = 2
total_steps = 4
ready_interval = 2

[metrics]
samples = 100
held_out_samples = 100

[executor]
name = "serial"
workers = 1
"""


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small finished run of the toy and one of the GAN, which nobody may change."""
    folder = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, text in (("toy", TOY), ("gan", GAN)):
            Path(f"{name}.toml").write_text(text)
            patch.setattr(sys, "argv", ["pbt-gan", "train", f"{name}.toml", "--out", name])
            with pytest.raises(SystemExit) as ending:
                main()
            assert not ending.value.code
    return folder


@pytest.fixture
def pbt_gan(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command, called in this process and in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)

    def call(*arguments: object) -> Said:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["pbt-gan", *map(str, arguments)])
        with pytest.raises(SystemExit) as ending:
            main()
        return Said(int(ending.value.code or 0), *capsys.readouterr())

    return call


@pytest.fixture
def plain() -> Callable[..., str]:
    """What a refusal said, if it was one or two lines, had the exit code, and was no traceback."""

    def plain(said: Said, code: int = 2) -> str:
        lines = [line for line in said.err.splitlines() if not line.startswith("Preset ")]
        assert "Traceback" not in said.out + said.err
        assert 1 <= len(lines) <= 2, said.err
        assert said.code == code, said.err
        assert re.match(r"\w*Error: \S", lines[0]), said.err
        return "\n".join(lines)

    return plain


def _contents(folder: Path) -> dict[str, bytes | None]:
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


@pytest.fixture
def contents() -> Callable[[Path], dict[str, bytes | None]]:
    """Everything below a folder, byte by byte."""
    return _contents


@pytest.fixture(autouse=True)
def kept_as_it_was(kept: Path) -> Iterator[None]:
    before = _contents(kept)
    yield
    assert _contents(kept) == before


@pytest.fixture
def run(kept: Path, tmp_path: Path) -> Path:
    """A copy of the finished toy run."""
    return Path(shutil.copytree(kept / "toy", tmp_path / "run"))


@pytest.fixture
def begun(pbt_gan: Command, kept: Path, tmp_path: Path) -> Path:
    """A run that was stopped."""
    assert pbt_gan("train", kept / "toy.toml", "--out", "begun", "--max-time", "0.000001s").code == 0
    return tmp_path / "begun"
