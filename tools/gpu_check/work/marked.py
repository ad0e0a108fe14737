"""The tests that need a GPU."""

import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measurement import Measurement

ROOT = Path(__file__).resolve().parents[3]
MARK = "mark.gpu"


def main(device: str, tiny: bool) -> Iterator[Measurement]:
    """Run them; without a GPU all are skipped."""
    # By their files: to collect the whole suite takes longer than they do.
    files = [str(path) for path in sorted((ROOT / "tests").rglob("test_*.py")) if MARK in path.read_text("utf-8")]
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "tests.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "gpu", f"--junitxml={told}"]
        code = subprocess.run([*command, *files], cwd=ROOT, check=False).returncode
        suite = ElementTree.parse(told).getroot().find("testsuite")
    assert suite is not None
    counts = {name: int(suite.get(name, 0)) for name in ("tests", "skipped", "failures", "errors")}
    passed = counts["tests"] - counts["skipped"] - counts["failures"] - counts["errors"]
    yield Measurement("tests that need a GPU, passed", passed, "", setting={"device": device, **counts})
    if code:
        raise RuntimeError(f"{counts['failures'] + counts['errors']} of the tests that need a GPU went wrong")
