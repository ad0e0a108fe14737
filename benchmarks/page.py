"""Put measurements into docs/performance.md: `python -m benchmarks.page FILE...`, of what `make bench` printed.

The page keeps its prose. What stands between `<!-- begin: NAME -->` and `<!-- end: NAME -->` is written anew.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import plots
from benchmarks.growth import fitted
from benchmarks.measurement import number
from benchmarks.targets import (
    EXPLOIT,
    GAIN,
    GAIN_OVER_DEFAULT,
    GROWTH,
    INSIDE_FIT,
    LIMIT,
    MATRIX_RATE,
    MEMORY,
    RATE,
    SEED_RUN,
    SHARE,
    SHARED_RATE,
    STEP,
    TARGETS,
    WHOLE_COMMAND,
    WHOLE_DEVICE,
)

Line = Mapping[str, Any]
"""A measurement as `Measurement.line` writes it."""

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"
IMAGES = ROOT / "docs" / "images"
DEVICES = {"cpu": "CPU", "cuda": "GPU"}
NOT_MEASURED = "not measured"
SIGNS = {">=": "≥", "<=": "≤"}


def main(paths: Sequence[Path]) -> None:
    """Write tables and plots."""
    lines = read(paths)
    for name, image in images(lines).items():
        (IMAGES / name).write_bytes(image)
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), lines), encoding="utf-8")


def read(paths: Sequence[Path]) -> list[Line]:
    """Return the measurements of some files, without those of a check of a GPU that only tried its logic."""
    texts = [path.read_text(encoding="utf-8") for path in paths]
    # make and pip talk on the standard output too
    lines = [json.loads(line) for text in texts for line in text.splitlines() if line.startswith("{")]
    return [line for line in lines if not line.get("tiny")]


def images(lines: Sequence[Line]) -> Mapping[str, bytes]:
    """Return the plots of everything that was measured, by the names of their files."""
    drawn = {}
    for device in DEVICES:
        if found(lines, RATE, device=device):
            drawn[f"performance-{device}.png"] = plots.scaling(lines, device)
        if found(lines, EXPLOIT, device=device):
            drawn[f"ready-point-{device}.png"] = plots.ready_point(lines, device)
    for against in grown(lines):
        drawn[growth_image(against)] = plots.growth(lines, against)
    return drawn


def filled(page: str, lines: Sequence[Line]) -> str:
    """Return the page with every part that is made from measurements written anew."""
    for name, part in PARTS.items():
        begin, end = f"<!-- begin: {name} -->", f"<!-- end: {name} -->"
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        assert after, f"the page has no place for {name}"
        page = f"{before}{begin}\n\n{part(lines)}\n\n{end}{after}"
    return page


def found(lines: Iterable[Line], name: str, **setting: Any) -> list[Line]:
    """Return the measurements of a name whose settings hold these values."""
    return [line for line in lines if line["name"] == name and setting.items() <= line["setting"].items()]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown, or that nothing was measured."""
    body = [f"| {' | '.join(row)} |" for row in rows]
    if not body:
        return f"{NOT_MEASURED.capitalize()}."
    return "\n".join([f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *body])


def only(lines: Sequence[Line]) -> str:
    """Return the value of what was measured once; a dash: it was not."""
    return number(lines[-1]["value"]) if lines else "–"


def gpu(lines: Sequence[Line]) -> str:
    """Return when a GPU was last measured."""
    machines = [line["machine"] for line in lines if line["setting"].get("device") == "cuda"]
    if not machines:
        return "Last run on a GPU: never; no figure of a GPU stands on this page."
    return f"Last run on a GPU: {machines[-1]['date']}, {machines[-1].get('gpu', 'its name was not noted')}."


def machine(lines: Sequence[Line]) -> str:
    """Return what was measured on."""
    # A benchmark that runs before torch is imported does not know of the GPU yet; the last line does.
    kinds = {(line["machine"]["cpu"], line["machine"]["torch"]): line["machine"] for line in lines}
    head = ("date", "processor", "cores", "GPU", "Python", "torch")
    keys = ("date", "cpu", "cores", "gpu", "python", "torch")
    return table(head, [[str(kind.get(key) or "none") for key in keys] for kind in kinds.values()])


def targets(lines: Sequence[Line]) -> str:
    """Return every target beside what was reached."""

    def rows() -> Iterator[Sequence[str]]:
        for target in TARGETS:
            reached = [line for line in lines if target.holds_for(line["name"], line["setting"])]
            value = only(reached) if reached else NOT_MEASURED
            sign, bound = target.bound.split()
            yield (DEVICES[target.setting.get("device", "cpu")], target.what, f"{SIGNS[sign]} {bound}", value)

    return table(("device", "what", "target", "reached"), rows())


def scaling(lines: Sequence[Line]) -> str:
    """Return member steps a second against the size of the group."""
    head = ("case", "dtype", "P", "group", "one after another", "one graph each", "gain", "limit", "% of limit")

    def rows(device: str) -> Iterator[Sequence[str]]:
        groups = found(lines, RATE, device=device, way="group")
        cases = [line["setting"]["case"] for line in groups]
        dtypes = [line["setting"]["dtype"] for line in groups]
        for line in sorted(
            groups, key=lambda line: (cases.index(line["setting"]["case"]), dtypes.index(line["setting"]["dtype"]))
        ):
            same = {key: line["setting"][key] for key in ("case", "dtype", "members", "device")}
            plain, graphs = (
                only(found(lines, line["name"], way=way, **same)) for way in ("one after another", "one graph each")
            )
            gain = only(found(lines, GAIN, **same))
            share = only(found(lines, SHARE, way="group", **same))
            yield (
                f"`{same['case']}`", same["dtype"], str(same["members"]),
                number(line["value"]), plain, graphs, f"{gain}×", only(found(lines, LIMIT, **same)), share,
            )  # fmt: skip

    return _by_device(lines, "performance", "Member steps a second against the size of the group", head, rows)


def ready_point(lines: Sequence[Line]) -> str:
    """Return the parts of a ready point."""

    def rows(device: str) -> Iterator[Sequence[str]]:
        for line in found(lines, EXPLOIT, device=device):
            case = line["setting"]["case"]
            yield (f"`{case}`", *(only(found(lines, part, case=case, device=device)) for part in plots.PARTS))

    head = ("case", *(f"{part}, ms" for part in plots.PARTS))
    return _by_device(lines, "ready-point", "What a ready point costs, by parts", head, rows)


def sharing(lines: Sequence[Line]) -> str:
    """Return whole devices."""

    def rows() -> Iterator[Sequence[str]]:
        for line in found(lines, SHARED_RATE):
            setting = line["setting"]
            gain = only(found(lines, WHOLE_DEVICE, **setting))
            yield (
                DEVICES[setting["device"]], f"`{setting['case']}`", setting["dtype"], setting["way"],
                f"{setting['processes']} × {setting['threads']}", str(setting["members"]),
                number(line["value"]), gain if gain == "–" else f"{gain}×",
            )  # fmt: skip

    head = ("device", "case", "dtype", "way", "processes × threads", "members", "member steps/s", "times one process")
    return table(head, rows())


def memory(lines: Sequence[Line]) -> str:
    """Return the memory of a member."""

    def rows() -> Iterator[Sequence[str]]:
        for line in found(lines, MEMORY):
            setting = line["setting"]
            yield (
                DEVICES[setting["device"]], f"`{setting['case']}`", setting["dtype"], str(setting["members"]),
                setting["way"], number(line["value"]),
            )  # fmt: skip

    return table(("device", "case", "dtype", "P", "way", "MB a member"), rows())


def whole_command(lines: Sequence[Line]) -> str:
    """Return the whole search, beside Ray Tune's."""

    def rows() -> Iterator[Sequence[str]]:
        for line in found(lines, WHOLE_COMMAND):
            setting = line["setting"]
            way = f"Ray Tune {setting['ray']}" if "ray" in setting else f"`{setting['way']}`"
            inside = only(found(lines, INSIDE_FIT, **setting))
            yield (way, number(line["value"]), inside, str(setting["exploits"]))

    return table(("", "whole command, s", "inside `fit`, s", "exploits"), rows())


def waiting(lines: Sequence[Line]) -> str:
    """Return the older benchmarks, whose names say all."""

    def rows() -> Iterator[Sequence[str]]:
        for line in lines:
            if not line["setting"]:
                sign, _, bound = (line["target"] or "").partition(" ")
                unit = f" {line['unit']}" if line["unit"] else ""
                yield (line["name"], f"{number(line['value'])}{unit}", f"{SIGNS[sign]} {bound}{unit}" if bound else "")

    return table(("", "measured", "target"), rows())


def grown(lines: Sequence[Line]) -> Sequence[str]:
    """Return what the cost was measured against."""
    return list(dict.fromkeys(line["setting"]["against"] for line in found(lines, GROWTH)))


def growth_image(against: str) -> str:
    """Return the name of the file of a plot."""
    return f"growth-{against.replace(' ', '-')}.png"


def growth(lines: Sequence[Line]) -> str:
    """Return by which power the cost of work grows."""

    def rows() -> Iterator[Sequence[str]]:
        for against in grown(lines):
            points = found(lines, GROWTH, against=against)
            for of in dict.fromkeys(line["setting"]["of"] for line in points):
                curve = found(points, GROWTH, of=of)
                places = [line["setting"]["at"] for line in curve]
                values = [line["value"] for line in curve]
                fit = fitted(places, values)
                margin = "–" if fit.margin is None else f"± {fit.margin:.2f}"
                unit = curve[0]["unit"]
                yield (
                    against, curve[0]["setting"]["case"], of, f"{number(places[0])} to {number(places[-1])}",
                    f"{number(values[0])} to {number(values[-1])} {unit}", f"{fit.exponent:.2f}", margin,
                )  # fmt: skip

    head = ("against", "case", "what", "from … to", "measured", "exponent", "95 %")
    pictures = [f"![Cost against {against}](images/{growth_image(against)})" for against in grown(lines)]
    return "\n\n".join([table(head, rows()), *pictures])


def gpu_check(lines: Sequence[Line]) -> str:
    """Return what the check of a GPU found besides what has a place above."""

    def rows() -> Iterator[Sequence[str]]:
        for line in lines:
            if "piece" in line and line["name"] not in ELSEWHERE:
                setting = (
                    value if isinstance(value, str) else f"{key} {value}"
                    for key, value in line["setting"].items()
                    if key not in ("device", "threads")
                )
                value = f"{number(line['value'])} {line['unit']}".rstrip()
                yield (line["piece"], line["name"], ", ".join(setting), value)

    return table(("piece", "what", "of", "measured"), rows())


ELSEWHERE = {
    RATE, LIMIT, MATRIX_RATE, GAIN, GAIN_OVER_DEFAULT, SHARE, STEP, SEED_RUN, MEMORY, SHARED_RATE, WHOLE_DEVICE,
    *plots.PARTS,
}  # fmt: skip
"""What stands in tables of its own."""


PARTS: Mapping[str, Callable[[Sequence[Line]], str]] = {
    "gpu": gpu,
    "targets": targets,
    "scaling": scaling,
    "sharing": sharing,
    "memory": memory,
    "ready-point": ready_point,
    "whole-command": whole_command,
    "waiting": waiting,
    "growth": growth,
    "gpu-check": gpu_check,
    "machine": machine,
}


def _by_device(
    lines: Sequence[Line], image: str, title: str, head: Sequence[str], rows: Callable[[str], Iterable[Sequence[str]]]
) -> str:
    """Return a plot and a table for each device."""
    parts = []
    for device, name in DEVICES.items():
        if body := list(rows(device)):
            parts += [f"![{title}, {name}](images/{image}-{device}.png)", f"**{name}**", table(head, body)]
        else:
            parts.append(f"**{name}**: {NOT_MEASURED}.")
    return "\n\n".join(parts)


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
