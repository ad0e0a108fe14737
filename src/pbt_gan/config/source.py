"""Where a configuration comes from: a preset, a TOML file, a task of one's own, and changes on the command line."""

import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from pbt_gan import references
from pbt_gan.config import toml
from pbt_gan.config.effects import in_effect, refuse_without_effect
from pbt_gan.config.settings import Config
from pbt_gan.config.start import start_placed
from pbt_gan.config.tasks import BUILT_IN_DATA, DATA, FETCHED_DATA, TASKS
from pbt_gan.errors import ConfigError, suggestion
from pbt_gan.places import placed, resolved
from pbt_gan.validation import unknown, validated

Table = Mapping[str, Any]


def presets() -> dict[str, str]:
    """Return every preset's name and what its first comment says about it."""
    folder = resources.files("pbt_gan") / "presets"
    found = {item.name.removesuffix(".toml"): item for item in folder.iterdir() if item.name.endswith(".toml")}
    return {name: _description(found[name].read_text(encoding="utf-8")) for name in sorted(found)}


def preset_text(name: str) -> str:
    """Return a preset's file.

    Raises:
        ConfigError: there is no such preset.
    """
    if name not in presets():
        raise unknown("preset", name, presets())
    return (resources.files("pbt_gan") / "presets" / f"{name}.toml").read_text(encoding="utf-8")


def read_config(source: str | None, changes: Sequence[Table] = ()) -> Config:
    """Return the configuration of a preset, a TOML file or a task reference, with changes laid over it in turn.

    Raises:
        ConfigError: the source is none of these, or a setting is wrong.
    """
    return validated(Config, read_config_table(source, changes))


def read_config_table(source: str | None, changes: Sequence[Table] = ()) -> dict[str, Any]:
    """Return the table of a source with changes laid over it in turn, its paths absolute; not checked yet.

    Raises:
        ConfigError: the source is no preset, TOML file or task.
    """
    table: Table = read_table(source) if source is not None else {}
    for change in changes:
        table = merged(table, change)
    table = _with_absolute_paths(table, Path.cwd())
    table = {key: _with_absolute_references(value, Path.cwd()) for key, value in table.items()}
    said = [*changes, *([table] if source is not None and source.endswith(".toml") else [])]
    refuse_without_effect(table, said)
    return in_effect(table, said)


def read_table(source: str) -> Table:
    """Return a source as a table, not checked yet."""
    if source.endswith(".toml"):
        return _own_file(Path(source))
    if references.is_reference(source):
        name = source.rpartition(":")[2]
        return {"name": folder_name(name.lower()), "task": {"name": references.absolute(source, Path.cwd())}}
    if source in presets():
        return {"name": source, **toml.parse(preset_text(source), source)}
    if source in TASKS:
        return {"name": source, "task": source}
    raise ConfigError(
        f"{source!r} is no preset, no task and no file.{suggestion(source, [*presets(), *TASKS]) or _there_is()}"
    )


def _there_is() -> str:
    return (
        f" There are the presets {', '.join(presets())}; the tasks {', '.join(TASKS)}; and your own, such as my.toml "
        "or my_task.py:Classifier."
    )


def parse_changes(changes: Sequence[str]) -> Table:
    """Return the table that `--set pbt.seed=1 task.loss=hinge` describes; values are TOML, or else plain text.

    Raises:
        ConfigError: one of them is not of the form key=value.
    """
    table: Table = {}
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--set {change!r}: write it as key=value, such as --set task.batch_size=32.")
        parts = key.strip().split(".")
        toml.check_key(parts, f"--set {key[:20]}…")
        value: Any = _value(text.strip(), key)
        for part in reversed(parts):
            value = {part: value}
        table = merged(table, value)
    return table


def merged(base: Table, change: Table) -> dict[str, Any]:
    """Lay one table over another.

    A rule or task under another name takes no options over from the old one, and what says a thing in one way takes
    the place of what said it in another.
    """
    result = {key: value for key, value in base.items() if not _displaced(key, change)}
    for key, value in change.items():
        old = result.get(key)
        if isinstance(value, Mapping) and isinstance(old, str):
            old = {"name": old}
        if (
            isinstance(value, Mapping)
            and isinstance(old, Mapping)
            and value.get("name", old.get("name")) == old.get("name")
        ):
            result[key] = merged(old, value)
        else:
            result[key] = value
    return result


_RIVALS: Mapping[str, tuple[str, ...]] = {
    "budget_steps": ("total_steps",),
    "total_steps": ("budget_steps",),
    "population": ("phases",),
    "phases": ("population",),
}
"""Settings that say the same thing in another way, and so cannot stand beside each other."""


def _displaced(key: str, change: Table) -> bool:
    written_out = isinstance(change.get("population"), list | tuple)
    return any(key in _RIVALS.get(name, ()) for name in change) or (key == "population_size" and written_out)


def folder_name(text: str) -> str:
    """Return a text as the name of a run.

    >>> folder_name("my images"), folder_name(".hidden")
    ('my-images', 'hidden')
    """
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in text).lstrip(".") or "run"


def data_place(data: str, folder: Path) -> str:
    """Return a path to images made absolute, so that it means the same wherever the run is resumed from.

    What is built in, or can be fetched and is no file here, keeps its name.
    """
    if data == BUILT_IN_DATA or (data in FETCHED_DATA and not (folder / data).exists()):
        return data
    return str(placed(data, folder))


def _with_absolute_paths(table: Table, folder: Path) -> dict[str, Any]:
    """Make the paths to images, to a schedule and to what a run starts from absolute."""
    result = dict(table)
    task, pbt = table.get("task"), table.get("pbt")
    if isinstance(task, Mapping) and isinstance(task.get("name"), str):
        argument = DATA.get(task["name"], "")
        if isinstance(task.get(argument), str):
            result["task"] = {**task, argument: data_place(task[argument], folder)}
    if isinstance(pbt, Mapping) and "schedule" in pbt:
        schedule = {"file": pbt["schedule"]} if isinstance(pbt["schedule"], str) else pbt["schedule"]
        if isinstance(schedule, Mapping) and isinstance(schedule.get("file"), str):
            schedule = {**schedule, "file": str(placed(schedule["file"], folder))}
        result["pbt"] = pbt = {**pbt, "schedule": schedule}
    if isinstance(pbt, Mapping) and "start_from" in pbt:
        result["pbt"] = {**pbt, "start_from": start_placed(pbt["start_from"], folder)}
    return result


def _value(text: str, key: str) -> Any:
    try:
        return toml.bounded(f"value = {text}", f"--set {key}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _own_file(path: Path) -> Table:
    table = {"name": folder_name(path.stem), **toml.read(path)}
    folder = resolved(path).parent
    return {key: _with_absolute_references(value, folder) for key, value in _with_absolute_paths(table, folder).items()}


def _with_absolute_references(value: Any, folder: Path) -> Any:
    """A file that a config names lies beside the config, wherever the run is resumed from."""
    if isinstance(value, Mapping):
        return {key: _with_absolute_references(item, folder) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_absolute_references(item, folder) for item in value]
    if isinstance(value, str) and ".py:" in value:
        return references.absolute(value, folder)
    return value


def _description(text: str) -> str:
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# "))
    return " ".join(lines)
