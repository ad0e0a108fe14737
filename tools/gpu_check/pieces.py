"""The pieces of the check, the most telling first."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Piece:
    """Something that is checked or measured in a process of its own.

    Its work is `main(device, tiny, *arguments)` of a module, which gives measurements as it gets them and raises if
    something is not as it should be.
    """

    name: str
    module: str  # in `tools.gpu_check.work`
    seconds: float  # what it is believed to take: it is not begun with less time left
    arguments: tuple[str, ...] = ()

    @property
    def limit_s(self) -> float:
        """After so long it is taken for stuck."""
        return 3 * self.seconds


PIECES = (
    Piece("ceilings", "ceilings", 20),
    Piece("tests", "marked", 60),
    Piece("rates of seed-dcgan", "rates", 80, ("seed-dcgan", "20")),
    Piece("profile of seed-dcgan", "profile", 50, ("seed-dcgan", "20", "bfloat16")),
    Piece("rates of digits", "rates", 100, ("digits", "20", "64")),
    Piece("ready point of digits", "ready", 25, ("digits",)),
    Piece("equality", "equality", 80),
    Piece("rates of seed-dcgan-64", "rates", 60, ("seed-dcgan-64", "20")),
    Piece("graphs", "graphs", 60),
    Piece("equal bits", "deterministic", 60),
    Piece("ready point of seed-dcgan", "ready", 60, ("seed-dcgan",)),
    Piece("rates of 64×64", "rates", 60, ("64×64", "20")),
    Piece("whole run", "whole", 60),
    Piece("profile of digits", "profile", 40, ("digits", "64", "tf32")),
    Piece("workers", "workers", 90),
    Piece("memory of seed-dcgan", "memory", 60, ("seed-dcgan", "20")),
    Piece("little memory", "little_memory", 60),
    Piece("formulations", "formulations", 60),
    Piece("rates of paper-wgan-gp", "rates", 60, ("paper-wgan-gp", "20")),
)
