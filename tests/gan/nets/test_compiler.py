"""The kernels are compiled once, kept where nobody else can write, and done without where they cannot be had."""

import ctypes
import logging

import pytest

from pbt_gan.gan.nets import compiler


@pytest.fixture
def anew(monkeypatch, tmp_path):
    """Return what looks for the library as a new process would, with an empty cache."""
    monkeypatch.setenv("PBT_GAN_CACHE", str(tmp_path / "cache"))
    return compiler.library.__wrapped__


def needs_a_compiler():
    return pytest.mark.skipif(compiler._compiler() is None, reason="there is no C compiler")


@needs_a_compiler()
def test_it_is_compiled_once_and_found_again(anew, tmp_path, monkeypatch):
    assert isinstance(anew(), ctypes.CDLL)
    (made,) = (tmp_path / "cache").iterdir()
    assert made.stat().st_mode & 0o777 == 0o700
    monkeypatch.setattr("subprocess.run", None)
    assert isinstance(anew(), ctypes.CDLL)


@needs_a_compiler()
@pytest.mark.parametrize("mode", [0o700, 0o720, 0o702])
def test_a_file_that_is_not_whole_or_that_others_can_write_is_made_again(anew, tmp_path, mode):
    anew()
    (made,) = (tmp_path / "cache").iterdir()
    made.write_bytes(b"no library")
    made.chmod(mode)
    assert isinstance(anew(), ctypes.CDLL)
    assert made.stat().st_mode & 0o777 == 0o700


@needs_a_compiler()
def test_neither_is_a_link(anew, tmp_path):
    anew()
    (made,) = (tmp_path / "cache").iterdir()
    made.rename(tmp_path / "elsewhere")
    made.symlink_to(tmp_path / "elsewhere")
    assert isinstance(anew(), ctypes.CDLL)
    assert not made.is_symlink()


def test_without_a_compiler_there_are_no_kernels(anew, monkeypatch, caplog):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("CC", raising=False)
    with caplog.at_level(logging.INFO):
        assert anew() is None
    assert "no C compiler" in caplog.text


@pytest.mark.parametrize("command", ["false", "sh -c 'echo cannot >&2; exit 1' --"])
def test_nor_where_it_fails_which_is_said(anew, monkeypatch, caplog, command):
    monkeypatch.setenv("CC", command)
    assert anew() is None
    assert "cannot compile the kernels" in caplog.text


@needs_a_compiler()
def test_nor_where_nothing_can_be_kept(anew, monkeypatch, caplog, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("PBT_GAN_CACHE", str(tmp_path / "file"))
    assert anew() is None
    assert "cannot be used" in caplog.text


@needs_a_compiler()
def test_another_compiler_or_processor_makes_another_file(monkeypatch):
    command = ["cc"]
    own = compiler._key(command)
    monkeypatch.setattr(compiler, "_instructions", lambda: "another processor")
    assert compiler._key(command) != own
    assert compiler._key([*command, "-g"]) != own
