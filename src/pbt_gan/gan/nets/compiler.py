"""The kernels of `compiled.c`, made by this machine's C compiler when they are first wanted, and kept.

Torch's operations move each number of a small image through memory again and again. These kernels do not, and take half
the time; but a wheel for every kind of machine is not ours to build. Without a compiler, torch's operations do.
"""

import ctypes
import hashlib
import logging
import os
import shlex
import shutil
import subprocess
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

from pbt_gan import files
from pbt_gan.errors import ConfigError, StorageError
from pbt_gan.places import cache_folder

SOURCE = Path(__file__).with_name("compiled.c")

_FLAGS = ("-O3", "-march=native", "-ffp-contract=fast", "-fno-math-errno", "-fPIC", "-shared")
_TIMEOUT_S = 120.0

_log = logging.getLogger(__name__)


@cache
def library() -> ctypes.CDLL | None:
    """Return the kernels; None: there is no C compiler here, or it cannot make them, which is said once."""
    compiler = _compiler()
    if compiler is None:
        _log.info("There is no C compiler (cc, gcc, clang, or what $CC names): small images take twice as long.")
        return None
    try:
        return _loaded(compiler)
    except (OSError, subprocess.SubprocessError, StorageError, ConfigError) as error:
        _log.warning("%s, so small images are trained by torch's operations, twice as long.", _reason(error, compiler))
        return None


def _compiler() -> list[str] | None:
    """Return the command that compiles: what $CC says, as for every other program, else what there is."""
    names = [os.environ["CC"]] if os.environ.get("CC") else ["cc", "gcc", "clang"]
    commands = [shlex.split(name) for name in names]
    return next((command for command in commands if command and shutil.which(command[0])), None)


def _loaded(compiler: list[str]) -> ctypes.CDLL:
    """Return the library, compiled if it is not there, or is not whole: a machine may fail while it writes."""
    path = cache_folder() / f"compiled-{_key(compiler)}.so"
    if _ours(path):
        with suppress(OSError):
            return ctypes.CDLL(str(path))
    _make(compiler, path)
    return ctypes.CDLL(str(path))


def _make(compiler: list[str], path: Path) -> None:
    files.make_folder(path.parent)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="compiled-") as folder:
        made = Path(folder) / path.name
        command = [*compiler, *_FLAGS, "-o", str(made), str(SOURCE), "-lm"]
        subprocess.run(command, check=True, capture_output=True, timeout=_TIMEOUT_S)
        made.chmod(0o700)
        made.replace(path)  # whole, and one of those who make it at the same time is the last


def _ours(path: Path) -> bool:
    """Return whether a file is there that nobody but its owner can have written, who is who runs this."""
    with suppress(FileNotFoundError):
        found = path.lstat()
        return path.is_file() and not path.is_symlink() and found.st_uid == os.geteuid() and not found.st_mode & 0o022
    return False


def _key(compiler: list[str]) -> str:
    """Return what the library is made from, and for: a cache may be shared by machines that are not alike."""
    program = Path(shutil.which(compiler[0]) or compiler[0]).resolve()
    found = program.stat()
    made_of = [
        SOURCE.read_text(encoding="utf-8"),
        *_FLAGS,
        *compiler,
        str(program),
        str(found.st_size),
        _instructions(),
    ]
    return hashlib.sha256("\0".join(made_of).encode()).hexdigest()[:32]


def _instructions() -> str:
    """Return what the processor can do, as the system tells it."""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next((line for line in lines if line.startswith(("flags", "Features"))), "")
    uname = os.uname()
    return f"{uname.sysname} {uname.machine} {uname.nodename}"


def _reason(error: Exception, compiler: list[str]) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        said = error.stderr.decode(errors="replace").strip().splitlines()
        return f"{shlex.join(compiler)} cannot compile the kernels for small images ({said[0] if said else error})"
    return f"The kernels for small images cannot be used ({error})"
