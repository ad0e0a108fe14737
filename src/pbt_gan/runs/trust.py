"""Whose code a run may run: that of whoever trained it here, or went on with it, and nobody else's.

A run's journal names code: a task, nets, rules, listeners. Its user gave those names, and a run bears their
*signature*: an HMAC (RFC 2104) with a key that only they have, over the names and all that they are handed. A run
without it came from elsewhere, and may name anything; nothing of it is imported before somebody says so.
"""

import hashlib
import hmac
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pbt_gan import files
from pbt_gan.errors import ConfigError, RunFolderError, StorageError
from pbt_gan.places import state_folder
from pbt_gan.references import file_of, is_loadable
from pbt_gan.runs.places import Moved, Table
from pbt_gan.store.journal import strict

log = logging.getLogger(__name__)

SIGNATURE = "signature.json"

_KEY_BYTES = 32
_MOST_BYTES = 1 << 20  # of a file of them: a journal names a few pieces of code
_MOST_CODE_BYTES = 1 << 26
_MOST_SIGNATURES = 4  # of one run: where its files were moved its config changes, and a crash may come in between
_MOST_TOLD = 3


def code_in(config: Table) -> dict[str, str]:
    """Return every text of a configuration that could be loaded as code, by its dotted key.

    Whatever `references.load` takes is found, wherever it stands, so no setting that is added later is forgotten.
    """
    return dict(_code(config, ""))


def foreign(folder: Path, config: Table, now: Table, moved: Moved) -> dict[str, str]:
    """Return the code, by its dotted key, that a run names and that its user is not known to have trained with.

    Args:
        folder: the run's.
        config: as its journal has it.
        now: the same with its files where they lie now.
        moved: what somebody says about that: a task's file that is named by hand is theirs.
    """
    code = code_in(now)
    if moved.task_file is not None:
        code.pop("task.name", None)
    if not code:
        return {}
    signed = _signed(folder, config)
    return {key: name for key, name in code.items() if not _is_signed(name, signed)}


def refuse(folder: Path | None, code: Mapping[str, str]) -> None:
    """Raise RunFolderError if there is any code that would be run."""
    if not code:
        return
    told = [f"{key} = {name!r}" for key, name in list(code.items())[:_MOST_TOLD]]
    more = [f"{len(code) - _MOST_TOLD} more"] if len(code) > _MOST_TOLD else []
    raise RunFolderError(
        f"{folder} would run code that it names itself, and was not trained here by you: {', '.join([*told, *more])}. "
        "Read that code; if you trust it, add --trust (trust=True in Python)."
    )


def sign(folder: Path, config: Table) -> None:
    """Note that whoever has called this trains with the code that a run names; without any, nothing is noted.

    Args:
        folder: the run's, which exists.
        config: as its journal has it.

    Raises:
        StorageError: the run's folder cannot be written to.
    """
    code = code_in(config)
    if not code:
        return
    known = _signed(folder, config)
    digests = {name: _digest(name) for name in code.values()}
    if known is not None and all(known.get(name, "") == digest for name, digest in digests.items()):
        return
    try:
        key = _key(make=True)
    except (StorageError, ConfigError) as error:
        log.warning(
            "This run names code of yours, and no key of yours can be kept (%s): what reads it asks for --trust.", error
        )
        return
    assert key is not None
    made = {"code": digests, "hmac": _hmac(key, digests, config)}
    signatures = [made, *_read(folder)][:_MOST_SIGNATURES]
    files.write(folder / SIGNATURE, f"{json.dumps({'signatures': signatures}, indent=2)}\n".encode())


def _code(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        if is_loadable(value):
            yield key, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _code(item, f"{key}.{name}".strip("."))
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            yield from _code(item, f"{key}[{place}]")


def _signed(folder: Path, config: Table) -> Mapping[str, Any] | None:
    """Return the code of a run that bears this user's signature, with each file's digest; None: none does."""
    try:
        key = _key(make=False)
    except ConfigError:
        return None
    if key is None:
        return None
    for each in _read(folder):
        code, found = each.get("code"), each.get("hmac")
        if not isinstance(code, dict) or not isinstance(found, str):
            continue
        if not all(isinstance(digest, str | None) for digest in code.values()):
            continue
        if hmac.compare_digest(found.encode(errors="replace"), _hmac(key, code, config).encode()):
            return code
    return None


def _is_signed(name: str, signed: Mapping[str, Any] | None) -> bool:
    """Whether code is what was signed: it lies where that lay, or is the same file elsewhere."""
    if signed is None:
        return False
    if name in signed:
        return True
    digest, attribute = _digest(name), name.rpartition(":")[2]
    return digest is not None and any(
        digest == then and attribute == each.rpartition(":")[2] for each, then in signed.items()
    )


def _read(folder: Path) -> Sequence[Mapping[str, Any]]:
    """Return the signatures of a run, whoever made them; what is none is left out."""
    path = folder / SIGNATURE
    try:
        found = json.loads(files.content(path, _MOST_BYTES))["signatures"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _hmac(key: bytes, code: Mapping[str, Any], config: Table) -> str:
    said = json.dumps(strict({"code": code, "given": _given(config)}), sort_keys=True)
    return hmac.new(key, said.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()


def _given(config: Table) -> dict[str, Any]:
    """Return those settings that code is named in or handed to: what it does depends on them."""
    pbt = config.get("pbt", {})
    tables = {**config, **{f"pbt.{name}": value for name, value in pbt.items()}}
    tables.pop("pbt", None)
    given = {name: value for name, value in tables.items() if any(_code(value, ""))}
    return {**given, "metrics": config.get("metrics", {})} if "task" in given else given


def _digest(name: str) -> str | None:
    """Return the sha256 of the file that a reference leads into; None: it leads into none."""
    path = file_of(name)
    try:
        return None if path is None else hashlib.sha256(files.content(path, _MOST_CODE_BYTES)).hexdigest()
    except OSError:
        return None


def _key(*, make: bool) -> bytes | None:
    """Return this user's key; None: there is none.

    Raises:
        ConfigError, StorageError: it was to be made, and could not.
    """
    path = state_folder() / "key"
    if (key := _kept(path)) is not None or not make:
        return key
    files.make_folder(path.parent)
    files.write_secret(path, os.urandom(_KEY_BYTES))
    key = _kept(path)
    if key is None:
        raise ConfigError(f"{path} is no key; remove it")
    return key


def _kept(path: Path) -> bytes | None:
    try:
        key = path.read_bytes()
    except OSError:
        return None
    return key if len(key) == _KEY_BYTES else None
