"""Feed each target with inputs that nobody meant, led by what of the program they reach; a line of JSON for each.

Usage: python -m tools.fuzz [--seconds S] [--inputs N] [--seed K] [--corpus FOLDER] [TARGET]...

It needs atheris (`pip install 'pbt-gan[fuzz]'`). Without targets all are fed. An input that raises, takes a minute
or two GiB is kept in FOLDER/TARGET/found, and the exit code is 1.
"""

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

_ONE = "--one"  # a process of its own for each target: libFuzzer ends the one that it runs in
_MOST_MIB = 2_048
_MOST_S = 60  # of an input, also where the machine has much else to do
_RUNS = re.compile(r"stat::number_of_executed_units:\s*(\d+)|Done (\d+) (?:runs|in)")


def main() -> int:
    """Feed all targets that are asked for, one after another."""
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz")
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--seconds", type=int, default=30, help="for each target at the most")
    parser.add_argument("--inputs", type=int, default=1_000_000, help="for each target at the most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, default=Path("build/fuzz"))
    asked = parser.parse_args()

    from tools.fuzz.targets import TARGETS

    if unknown := set(asked.targets) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    told = [_fed(name, asked) for name in asked.targets or TARGETS]
    print(json.dumps({"targets": len(told), "inputs": sum(each["inputs"] for each in told)}), flush=True)
    return int(any(each["found"] or each["exit_code"] for each in told))


def _fed(name: str, asked: argparse.Namespace) -> dict[str, object]:
    from tools.fuzz.targets import LONGEST, TARGETS

    corpus, found = asked.corpus / name / "corpus", asked.corpus / name / "found"
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    seeds = TARGETS[name].seeds()
    for number, data in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(data)
    words = asked.corpus / name / "words"
    words.write_text("".join(f'"{word}"\n' for word in _words(seeds)))
    options = {
        "max_total_time": asked.seconds,
        "runs": asked.inputs,
        "seed": asked.seed,
        "max_len": LONGEST,
        "timeout": _MOST_S,
        "rss_limit_mb": _MOST_MIB,
        "print_final_stats": 1,
        "artifact_prefix": f"{found}/",
        "dict": words,
    }
    began = time.monotonic()
    command = [sys.executable, "-m", "tools.fuzz", _ONE, name, *(f"-{key}={value}" for key, value in options.items())]
    done = subprocess.run(
        [*command, str(corpus)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        errors="replace",
        text=True,
    )
    said = done.stdout
    inputs = max((int(a or b) for a, b in _RUNS.findall(said)), default=0)
    told = {
        "target": name,
        "inputs": inputs,
        "seconds": round(time.monotonic() - began, 1),
        "corpus": len([*corpus.iterdir()]),
        "found": len([*found.iterdir()]),
        "exit_code": done.returncode,
    }
    print(json.dumps(told), flush=True)
    if done.returncode:
        print(said[-4_000:], file=sys.stderr, flush=True)
    return told


def _words(seeds: Sequence[bytes]) -> list[str]:
    """Return the words of the seeds as libFuzzer's dictionary has them, which it puts together anew."""
    words = {word for data in seeds for word in re.findall(rb"[\w.-]{2,24}", data)}
    return sorted("".join(f"\\x{byte:02x}" for byte in word) for word in words)[:2_000]


def _one(name: str, options: list[str]) -> None:
    import atheris

    with atheris.instrument_imports(include=["pbt_gan"], enable_loader_override=False):
        from tools.fuzz.targets import TARGETS
    TARGETS[name].seeds()  # before the clock of the first input runs
    atheris.Setup([sys.argv[0], *options], TARGETS[name].check)
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:2] == [_ONE]:
        _one(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(main())
