import os
import signal
from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any

import pytest
import torch
from hypothesis import settings

from pbt_gan import files

settings.register_profile("pbt_gan", deadline=None)  # a slow machine is no failure
settings.register_profile("fast", deadline=None, max_examples=10)  # for `make test-fast`
settings.load_profile("pbt_gan")

# A shell starts what runs in the background deaf to Ctrl-C, and nohup to a hangup; the runs of these tests, which would
# inherit that, are to hear what they are sent.
for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="torch sees no GPU here"))


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep caches and the key for as long as the tests run, and not where their user's runs do."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PBT_GAN_CACHE", raising=False)
        patch.setenv("XDG_CACHE_HOME", str(shared / "cache"))
        patch.setenv("XDG_STATE_HOME", str(shared / "state"))
        patch.setenv("PBT_GAN_IMAGENET", "off")  # what is tested does not depend on whether its extra is installed
        yield


class Faults:
    """Counts the calls that change the disk, and makes one of them go wrong: only it, or all from then on."""

    def __init__(self) -> None:
        self._lock = Lock()  # checkpoints are written by a thread of their own
        self.called: set[Callable[..., Any]] = set()
        self.calm()

    def calm(self) -> None:
        self.arm(0, RuntimeError())

    def arm(self, at: int, error: Exception, *, place: str = "before", lasting: bool = True) -> None:
        self.calls = 0
        self._at, self._error, self._place, self._lasting = at, error, place, lasting

    @property
    def struck(self) -> bool:
        return 0 < self._at <= self.calls

    def perform(self, primitive: Callable[..., Any], *args: Any) -> Any:
        with self._lock:
            self.calls += 1
            self.called.add(primitive)
            strikes = self.calls == self._at
            gone = self.struck and self._lasting and not strikes
        if gone or (strikes and self._place == "before"):
            raise self._error
        if strikes and self._place == "amid" and primitive is os.write:
            handle, data = args
            primitive(handle, data[: len(data) // 2])
            raise self._error
        result = None if primitive is os.fsync else primitive(*args)  # nobody pulls the plug in a test
        if strikes:
            raise self._error
        return result


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    faults = Faults()
    monkeypatch.setattr(files, "perform", faults.perform)
    return faults
