"""Known data sets are fetched when somebody asks, checked, and then read like any other."""

import gzip
import hashlib
import re

import numpy as np
import pytest
from filelock import FileLock

from pbt_gan.config.tasks import FETCHED_DATA
from pbt_gan.errors import ConfigError, DataError
from pbt_gan.gan.data import load_dataset
from pbt_gan.gan.data.download import KNOWN, KnownData, download
from tests.gan.data.samples import IMAGES, LABELS, idx, refused
from tests.gan.data.serving import missing, serving, whole

CONTENT = {
    "train-images-idx3-ubyte.gz": gzip.compress(idx(IMAGES[..., 0])),
    "train-labels-idx1-ubyte.gz": gzip.compress(idx(LABELS)),
    "t10k-images-idx3-ubyte.gz": gzip.compress(idx(IMAGES[:12, ..., 0])),
    "t10k-labels-idx1-ubyte.gz": gzip.compress(idx(LABELS[:12])),
}


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PBT_GAN_CACHE", str(tmp_path / "kept"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "kept" / "downloads"


def small(place: str, most_bytes: int = 10_000) -> dict[str, KnownData]:
    checksums = {name: hashlib.md5(content).hexdigest() for name, content in CONTENT.items()}
    return {"mnist": KnownData((f"{place}not-here/", place), checksums, most_bytes)}


def served(**others):
    answers = {name: lambda server, content=content: whole(server, content) for name, content in CONTENT.items()}
    return serving(**{**answers, **others})


def quiet(*_: object) -> None:
    """Say nothing of the progress."""


def test_what_was_fetched_is_read_by_its_name_and_never_fetched_again(empty_cache, monkeypatch):
    with served() as (place, asked):
        monkeypatch.setattr("pbt_gan.gan.data.download.KNOWN", small(place))
        found = download("mnist", quiet)
        here = len(asked)
        assert download("mnist", quiet) == found == empty_cache / "mnist"
        assert len(asked) == here
    data = load_dataset("mnist")
    np.testing.assert_array_equal(data.images, IMAGES)
    assert (data.name, data.classes) == ("mnist", 4)
    assert data.unseen is not None
    assert len(data.unseen.images) == 12


def test_what_was_not_fetched_is_refused_with_the_option_that_fetches_it():
    assert "Add --download" in refused("mnist")


def test_a_name_that_is_nearly_known_is_refused_with_the_likely_one():
    assert "Did you mean 'fashion-mnist'?" in refused("fashion_mnist")


def test_what_lies_here_under_a_known_name_comes_first(tmp_path):
    np.save(tmp_path / "mnist", IMAGES)
    (tmp_path / "mnist.npy").rename(tmp_path / "mnist")
    np.testing.assert_array_equal(load_dataset("mnist").images, IMAGES)


def test_nothing_is_read_of_a_data_set_of_which_a_file_is_missing(monkeypatch):
    with served(**{"t10k-labels-idx1-ubyte.gz": missing}) as (place, _):
        monkeypatch.setattr("pbt_gan.gan.data.download.KNOWN", small(place))
        with pytest.raises(DataError, match="404"):
            download("mnist", quiet)
        assert "has not been fetched" in refused("mnist")


def test_two_processes_do_not_fetch_into_one_file(empty_cache):
    (empty_cache / "mnist").mkdir(parents=True)
    with FileLock(empty_cache / "mnist" / "lock"), pytest.raises(DataError, match="Another process"):
        download("mnist", quiet)


def test_progress_names_the_file_and_how_much_of_it_is_there(monkeypatch):
    told = []
    with served() as (place, _):
        monkeypatch.setattr("pbt_gan.gan.data.download.KNOWN", small(place))
        download("mnist", lambda *step: told.append(step))
    assert {(name, there) for name, there, total in told if there == total} == {
        (name, len(content)) for name, content in CONTENT.items()
    }


def test_an_unknown_name_is_refused_with_the_likely_one():
    with pytest.raises(ConfigError, match="Did you mean 'cifar-10'"):
        download("cifar10", quiet)


def test_every_known_data_set_has_places_checksums_and_a_name_that_settings_know():
    assert frozenset(KNOWN) == FETCHED_DATA
    for known in KNOWN.values():
        assert all(place.endswith("/") for place in known.places)
        assert all(re.fullmatch("[0-9a-f]{32}", md5) for md5 in known.files.values())
    checksums = [md5 for known in KNOWN.values() for md5 in known.files.values()]
    assert len({*checksums}) == len(checksums) == 10
