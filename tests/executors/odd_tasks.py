"""Tasks that bring a worker into trouble, or that depend on how many threads it has."""

import os
import resource
import signal
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from pbt_gan.interfaces import GroupTask, Task, Training


class Still(Task):
    """Does nothing; the others differ from it in how they train."""

    @property
    def space(self):
        return {}

    def init(self, rng):
        return {"point": rng.normal(size=1000)}

    def train(self, state, hyperparams, steps, streams):
        return Training(state, hyperparams)

    def score(self, state, rng):
        return {"score": 0.0}


class Sleeper(Still):
    """Trains for longer than any test waits, and writes down who it is."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def train(self, state, hyperparams, steps, streams):
        child = subprocess.Popen(["sleep", "600"])
        (self.folder / f"{os.getpid()}-{child.pid}").touch()
        time.sleep(600)
        return Training(state, hyperparams)


class Busy(Still):
    """Is in one call into C for about two seconds, which holds Python's lock meanwhile: no other thread runs."""

    def train(self, state, hyperparams, steps, streams):
        until_s = time.monotonic() + 2.0
        count = 1_000_000
        while time.monotonic() < until_s:
            sum(range(count))
            count = min(2 * count, 30_000_000)
        return Training(state, hyperparams)


class Scribbler(Still):
    """Writes into every connection of its process, as one does who closes files by number and opens others."""

    def __init__(self, text: str) -> None:
        self.text = text.encode()

    def train(self, state, hyperparams, steps, streams):
        for handle in range(3, 100):
            try:
                connected = stat.S_ISSOCK(os.fstat(handle).st_mode)
            except OSError:
                continue
            if connected:
                os.write(handle, self.text)
        time.sleep(600)


class Failing(Still):
    """Raises something from a table."""

    def __init__(self, error: str) -> None:
        self.error = error

    def train(self, state, hyperparams, steps, streams):
        match self.error:
            case "task":
                raise KeyError("lost")
            case "memory":
                np.empty(1 << 60, np.uint8)
            case "torch's memory":
                import torch

                torch.empty(1 << 60, dtype=torch.uint8)
            case "limit":
                resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))
                bytearray(1 << 31)
            case "storage":
                Path("/dev/full").write_bytes(b"x")
            case "sys.exit":
                sys.exit(3)
            case "os._exit":
                os._exit(3)


class Leaker(Still):
    """Takes more and more memory, itself or in a child, the first time that anybody is trained."""

    def __init__(self, folder: str, where: str) -> None:
        self.mark = Path(folder) / "leaked"
        self.where = where

    def train(self, state, hyperparams, steps, streams):
        if not self.mark.exists():
            self.mark.touch()
            if self.where == "here" or os.fork() == 0:
                kept = []
                for _ in range(40):
                    kept.append(bytearray(b"x" * 10_000_000))
                    time.sleep(0.01)
            time.sleep(600)
        return Training(state, hyperparams)


class Polite(Still):
    """Tells how nice it is, and how nice a thread that it starts."""

    def train(self, state, hyperparams, steps, streams):
        with ThreadPoolExecutor(1) as threads:
            metrics = {"nice": os.nice(0), "thread": threads.submit(os.nice, 0).result()}
        return Training(state, hyperparams, metrics)


class Deaf(Still):
    """Is in one call into C for hours, which holds Python's lock: while it is built, or while it trains."""

    def __init__(self, folder: str, when: str) -> None:
        self.folder, self.when = Path(folder), when
        if when == "built":
            self._sum()

    def train(self, state, hyperparams, steps, streams):
        self._sum()
        return Training(state, hyperparams)

    def _sum(self):
        (self.folder / f"{os.getpid()}-{os.getpid()}").touch()
        sum(range(10**13))


class Forgetful(Still):
    """Forgets to end the first time that anybody is trained."""

    def __init__(self, folder: str) -> None:
        self.mark = Path(folder) / "hung"

    def train(self, state, hyperparams, steps, streams):
        if not self.mark.exists():
            self.mark.touch()
            time.sleep(600)
        return Training(state, hyperparams)


class Parent(Still):
    """Dies and leaves a child that holds all its files open, its connection among them."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def train(self, state, hyperparams, steps, streams):
        child = os.fork()
        if child == 0:
            os.setsid()
            time.sleep(600)
        (self.folder / str(child)).touch()
        os.kill(os.getpid(), signal.SIGKILL)


class Talker(Still):
    """Prints."""

    def train(self, state, hyperparams, steps, streams):
        print("a word from the task", flush=True)
        return Training(state, hyperparams)


class Factory(Still):
    """Multiplies matrices so large that the last bits depend on the number of threads; torch comes in late."""

    def train(self, state, hyperparams, steps, streams):
        import torch

        rng = streams(0)
        images = torch.from_numpy(rng.normal(size=(16, 8, 32, 32)).astype(np.float32))
        net = torch.nn.Sequential(torch.nn.Conv2d(8, 32, 3), torch.nn.ReLU(), torch.nn.Conv2d(32, 8, 3))
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.copy_(torch.from_numpy(rng.normal(size=tuple(parameter.shape)) * 0.1))
        optimizer = torch.optim.Adam(net.parameters(), 1e-2)
        for _ in range(steps):
            optimizer.zero_grad()
            net(images).square().mean().backward()
            optimizer.step()
        square = rng.normal(size=(300, 300))
        return Training({"net": net.state_dict(), "square": square @ square}, hyperparams)


class Roommates(GroupTask):
    """Says how many were trained together; more than `room` are too many."""

    def __init__(self, room: int = 100) -> None:
        self.room = room

    @property
    def space(self):
        return {}

    def init(self, rng):
        return {"point": rng.normal(size=10)}

    def train_group(self, states, hyperparams, steps, streams):
        if len(states) > self.room:
            raise MemoryError("no room")
        return [Training(state, own, {"together": len(states)}) for state, own in zip(states, hyperparams, strict=True)]

    def score_group(self, states, rng):
        return [{"score": 0.0} for _ in states]
