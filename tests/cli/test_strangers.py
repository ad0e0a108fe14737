"""Every command on a run from a stranger, whose journal names code: none of it is run unless somebody says so."""

import json
import shutil
from pathlib import Path

import pytest

from pbt_gan.store.journal import Journal, path_of, read

EVIL = """
from pathlib import Path
Path(__file__).with_name("loaded").touch()
def make(*shape, **given): raise ValueError("it ran")
"""

LOOKS = (
    ["show", "RUN"],
    ["show", "RUN", "--json"],
    ["report", "RUN"],
    ["compare", "RUN", "RUN", "--out", "compare.png"],
    ["saturation", "RUN"],
)

USES = (
    ["sample", "RUN", "--out", "samples.png"],
    ["sample", "RUN", "--member", "1", "--class", "all", "--out", "samples.npz"],
    ["export", "RUN"],
    ["export", "RUN", "--format", "torch-export"],
    ["evaluate", "RUN"],
    ["evaluate", "RUN/checkpoints/m00-i0002.safetensors"],
    ["average", "RUN"],
    ["replay", "RUN", "--out", "again"],
    ["resume", "RUN"],
    ["resume", "RUN", "--steps", "8"],
)


@pytest.fixture
def strangers(kept: Path, tmp_path: Path) -> Path:
    """A run of the GAN whose journal names code that lies beside it."""
    run = Path(shutil.copytree(kept / "gan", tmp_path / "strangers"))
    (run / "code.py").write_text(EVIL)
    first, *rest = read(path_of(run)).entries
    first = json.loads(json.dumps(first))
    first["config"]["task"] |= dict.fromkeys(("generator", "net"), f"{run}/code.py:make")
    path_of(run).unlink()
    journal = Journal.create(path_of(run), first)
    journal.append(rest, durable=False)
    journal.close()
    return run


def _words(words: list[str], run: Path) -> list[str]:
    return [word.replace("RUN", str(run)) for word in words]


@pytest.mark.slow
@pytest.mark.parametrize("words", LOOKS, ids=" ".join)
def test_whoever_looks_needs_no_code(pbt_gan, strangers, words):
    said = pbt_gan(*_words(words, strangers))
    assert "Traceback" not in said.out + said.err
    assert "--trust" not in said.err
    assert not (strangers / "loaded").exists()


@pytest.mark.parametrize("words", USES, ids=" ".join)
def test_code_is_not_loaded_but_named(pbt_gan, plain, strangers, words):
    told = plain(pbt_gan(*_words(words, strangers)))
    assert "code.py:make" in told
    assert "--trust" in told
    assert not (strangers / "loaded").exists()


def test_a_word_is_enough(pbt_gan, strangers):
    said = pbt_gan("sample", strangers, "--trust", "--out", "samples.png")
    assert "it ran" in said.err
    assert (strangers / "loaded").exists()
