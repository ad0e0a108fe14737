from pathlib import Path

import pytest

from pbt_gan.config.source import read_config
from pbt_gan.errors import ConfigError
from pbt_gan.gan.data import load_dataset
from pbt_gan.places import cache_folder, placed
from pbt_gan.references import load


def test_a_relative_path_lies_in_the_folder_and_a_tilde_is_somebody_s_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert placed("images.npz", tmp_path) == tmp_path / "images.npz"
    assert placed("../images.npz", tmp_path / "a") == tmp_path / "images.npz"
    assert placed("~/images.npz", tmp_path) == tmp_path / "home" / "images.npz"


@pytest.mark.parametrize("path", ["~nobody-of-this-name", "~nobody-of-this-name/images.npz"])
def test_a_home_that_nobody_knows_is_told(tmp_path, path):
    (tmp_path / "my.toml").write_text(f'task = {{ name = "gan", data = "{path}" }}')
    for use in (lambda: placed(path, tmp_path), lambda: load_dataset(path), lambda: read_config(f"{tmp_path}/my.toml")):
        with pytest.raises(ConfigError, match="there is no home folder of that name; write the whole path"):
            use()


def test_no_home_at_all_is_told_likewise(tmp_path, monkeypatch):
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda number: {}[number])
    with pytest.raises(ConfigError, match="no home folder"):
        placed("~/images.npz", tmp_path)


def test_links_in_a_circle_are_told_wherever_a_path_is_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("loop", "loop.toml", "loop.py"):
        (tmp_path / name).symlink_to(tmp_path / name)
    (tmp_path / "my.toml").write_text('task = { name = "gan", data = "loop/images.npz" }')
    for use in (
        lambda: read_config("loop.toml"),
        lambda: read_config("my.toml"),
        lambda: read_config("loop.py:Task"),
        lambda: load("loop.py:Task"),
        lambda: read_config("quadratic", [{"pbt": {"schedule": "loop"}}]),
    ):
        with pytest.raises(ConfigError, match=r"links lead in a circle|levels of symbolic links|does not exist"):
            use()


def test_what_cannot_be_a_path_is_told(tmp_path):
    with pytest.raises(ConfigError, match="leads nowhere"):
        placed("a\0b", tmp_path)


@pytest.mark.parametrize(
    ("said", "system", "place"),
    [
        ({"PBT_GAN_CACHE": "/large/disk", "XDG_CACHE_HOME": "/elsewhere"}, "linux", "/large/disk"),
        ({"XDG_CACHE_HOME": "/elsewhere"}, "darwin", "/elsewhere/pbt-gan"),
        ({"HOME": "/home/user"}, "linux", "/home/user/.cache/pbt-gan"),
        ({"HOME": "/home/user"}, "darwin", "/home/user/Library/Caches/pbt-gan"),
        ({"PBT_GAN_CACHE": "~/kept", "HOME": "/home/user"}, "linux", "/home/user/kept"),
    ],
)
def test_of_where_the_cache_lies_the_nearest_word_of_the_user_counts(monkeypatch, said, system, place):
    monkeypatch.setattr("sys.platform", system)
    for name in ("PBT_GAN_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(place)
