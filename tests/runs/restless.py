"""The toy, in workers that start processes of their own, write down what they touch, and may stumble."""

import os
import subprocess
import sys
from pathlib import Path

from pbt_gan.toy.quadratic import Quadratic

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.truncate")
LOCKS = ("fcntl.flock", "fcntl.lockf")


class Restless(Quadratic):
    """Has a child that outlives it unless somebody ends it; `stumbles` says whether its training raises."""

    def __init__(self, folder: str, stumbles: bool = False) -> None:
        self.child: subprocess.Popen[bytes] | None = None
        self.stumbles = stumbles
        self.notes = (Path(folder) / f"{os.getpid()}.txt").open("a", buffering=1)

    def attach(self, folder, device):
        sys.addaudithook(self.hear)
        return self

    def hear(self, event, arguments):
        if event == "open" and isinstance(arguments[0], str) and arguments[2] & WRITES:
            self.notes.write(f"writes {arguments[0]}\n")
        elif event in CHANGES:
            self.notes.write(f"changes {arguments[0]}\n")
        elif event in LOCKS:
            self.notes.write("locks\n")

    def train(self, state, hyperparams, steps, streams):
        if self.child is None:
            self.child = subprocess.Popen(["sleep", "600"])
        if self.stumbles:
            raise ArithmeticError("stumbled")
        return super().train(state, hyperparams, steps, streams)
