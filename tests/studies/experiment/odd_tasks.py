"""Tasks that fail, for runs in processes of their own."""

import os

from pbt_gan.toy.quadratic import Quadratic


class Unlucky(Quadratic):
    """It raises as soon as it is trained."""

    def train(self, *arguments, **keywords):
        raise RuntimeError("no such luck")


class Ending(Quadratic):
    """It takes its process with it."""

    def train(self, *arguments, **keywords):
        os._exit(3)
