"""Objects by name: `module:name` or `file.py:name`, wherever the config takes one; and the names of objects."""

import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType
from typing import Any

from pbt_gan.errors import ConfigError, suggestion
from pbt_gan.places import resolved

MAIN = "__main__"
"""The module of a reference to what lives in one program only: a notebook's class, or an object handed over."""

_PREFIX = "pbt_gan_user_"  # of modules that were loaded from a file by its path

_FORM = re.compile(r"(?:(?s:.*\.py)|[\w.-]+):[^\W\d][\w.<>]*")  # a file or a module, and what is named in it

_loading: list[str] = []  # what is being imported now, the innermost last


def is_reference(name: str) -> bool:
    """Whether a name points outside this package's own tables."""
    return ":" in name


def is_loadable(name: str) -> bool:
    """Whether a text has the form that `load` asks for: nothing else leads to code.

    Examples:
        >>> is_loadable("my_task.py:Classifier"), is_loadable("package.module:Task"), is_loadable("cuda:0")
        (True, True, False)
    """
    return _FORM.fullmatch(name) is not None


def file_of(name: str) -> Path | None:
    """Return the file that a reference leads into; None: it names a module."""
    place = name.rpartition(":")[0]
    return Path(place) if place.endswith(".py") else None


def absolute(name: str, folder: Path) -> str:
    """Return the reference with its file path made absolute, so that it means the same in every process."""
    place, _, attribute = name.rpartition(":")
    return f"{resolved(folder / place)}:{attribute}" if place.endswith(".py") else name


def reference_to(thing: Any) -> str:
    """Return the reference under which `load` finds a class or a function.

    What was defined in a notebook or at a prompt is named `__main__:name`, and is found in that program only.

    Raises:
        ConfigError: it is neither, or has no name from outside: a lambda, say, or defined inside of a function.
    """
    if not isinstance(thing, type | FunctionType):
        raise ConfigError(f"{thing!r} is neither a class nor a function; only these can be found again by their name.")
    name = thing.__qualname__
    if "<" in name:
        kind = "A lambda" if name.endswith("<lambda>") else f"{name!r} is defined inside of a function and"
        raise ConfigError(f"{kind} has no name to be found by again. Define it by name, at the top level of a file.")
    module = sys.modules.get(thing.__module__)
    if thing.__module__ == MAIN or thing.__module__.startswith(_PREFIX):
        file = getattr(module, "__file__", None)
        spec = getattr(module, "__spec__", None)
        if thing.__module__ == MAIN and spec is not None:  # python -m package.module
            return f"{spec.name}:{name}"
        return f"{Path(file).resolve()}:{name}" if file and Path(file).is_file() else f"{MAIN}:{name}"
    return f"{thing.__module__}:{name}"


def load(name: str) -> Any:
    """Import the object that a reference names; one of the script that is running comes from the script itself.

    Raises:
        ConfigError: the file, the module or the name in it does not exist. An error inside of the user's own file
            passes through unchanged: it is theirs to see.
    """
    check(name)
    place, _, attribute = name.rpartition(":")
    module = _load_file(Path(place)) if place.endswith(".py") else _load_module(place)
    found: Any = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            if place == MAIN:
                raise ConfigError(
                    f"{attribute!r} was made in a program of its own, such as a notebook, and lives only there. "
                    "To go on, call pbt_gan.run(…, out=…) again there; to be found from elsewhere, put it into a file."
                )
            own = [each for each in vars(module) if not each.startswith("_")]
            raise ConfigError(
                f"{place} has no {attribute!r}; check the name behind the colon.{suggestion(attribute, own)}"
            )
        found = getattr(found, part)
    return found


def check(name: str) -> None:
    """Raise ConfigError unless a name is a reference, into a file that is there if it is one into a file."""
    place = name.rpartition(":")[0]
    if not is_loadable(name):
        raise ConfigError(f"{name!r} is no reference; write 'module:name' or 'file.py:name'.")
    if place.endswith(".py"):
        _check_file(resolved(Path(place)))


def refuse_while_loading() -> None:
    """Raise ConfigError if this is called by the top level of a file that is only being looked up in.

    A script that starts a run at its top level would start it again in every worker that loads its task from it.
    """
    if _loading:
        raise ConfigError(
            f"{_loading[-1]} starts a run whenever it is loaded, also by the workers that look for its task. "
            'Put the call of pbt_gan.run under `if __name__ == "__main__":`.'
        )


def _load_file(path: Path) -> Any:
    path = resolved(path)
    running = sys.modules.get(MAIN)
    script = getattr(running, "__file__", None)
    if script and Path(script).resolve() == path:
        return running
    name = f"{_PREFIX}{path.stem}_{abs(hash(str(path))):x}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # so that the file can import its neighbours, as when run as a script
    try:
        with _being_loaded(str(path)):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _check_file(path: Path) -> None:
    try:
        is_there = path.is_file()
    except OSError as error:  # such as a name too long for any file
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}. Check the path.") from error
    if not is_there:
        beside = [file.name for file in path.parent.glob("*.py")]
        raise ConfigError(
            f"{path} does not exist; a reference such as 'my_task.py:Classifier' names a Python file."
            f"{suggestion(path.name, beside)}"
        )


def _load_module(place: str) -> Any:
    running = sys.modules.get(MAIN)
    if place == getattr(getattr(running, "__spec__", None), "name", None):
        return running
    try:
        with _being_loaded(place):
            return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name and (place == error.name or place.startswith(error.name + ".")):
            raise ConfigError(f"There is no module {place!r}; is it installed, or on PYTHONPATH?") from error
        raise


@contextmanager
def _being_loaded(place: str) -> Iterator[None]:
    _loading.append(place)
    try:
        yield
    finally:
        _loading.pop()
