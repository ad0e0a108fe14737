"""Objects by name: `module:name` or `file.py:name`, wherever the config takes one."""

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from pbt_gan.errors import ConfigError


def is_reference(name: str) -> bool:
    """Whether a name points outside this package's own tables."""
    return ":" in name


def absolute(name: str, folder: Path) -> str:
    """Return the reference with its file path made absolute, so that it means the same in every process."""
    place, _, attribute = name.rpartition(":")
    return f"{(folder / place).resolve()}:{attribute}" if place.endswith(".py") else name


def load(name: str) -> Any:
    """Import the object that a reference names.

    Raises:
        ConfigError: the file, the module or the name in it does not exist. An error inside of the user's own file
            passes through unchanged: it is theirs to see.
    """
    place, _, attribute = name.rpartition(":")
    if not place or not attribute:
        raise ConfigError(f"{name!r} is no reference; write 'module:name' or 'file.py:name'.")
    module = _load_file(Path(place)) if place.endswith(".py") else _load_module(place)
    found: Any = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise ConfigError(f"{place} has no {attribute!r}; check the name behind the colon in {name!r}.")
        found = getattr(found, part)
    return found


def _load_file(path: Path) -> Any:
    path = path.resolve()
    if not path.is_file():
        raise ConfigError(f"{path} does not exist; a reference such as 'my_task.py:Classifier' names a Python file.")
    name = f"pbt_gan_user_{path.stem}_{abs(hash(str(path))):x}"
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
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _load_module(place: str) -> Any:
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name and (place == error.name or place.startswith(error.name + ".")):
            raise ConfigError(f"There is no module {place!r}; is it installed, or on PYTHONPATH?") from error
        raise
