"""The plots of docs/performance.md."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.growth import fitted
from benchmarks.measurement import number
from benchmarks.targets import EXPLOIT, GROWTH, LIMIT, RATE
from pbt_gan.reporting.canvas import COLORS, INK, png

Line = Mapping[str, Any]

PARTS = ("score, one member", "decide, 20 members", EXPLOIT, "checkpoint, one member")
"""Of a ready point, by the names of their measurements."""

STYLES: Mapping[str, Mapping[str, Any]] = {
    "group": {"linestyle": "-", "marker": "o", "linewidth": 2},
    "one after another": {"linestyle": "--", "marker": "s", "markersize": 4, "linewidth": 1.6},
    "one graph each": {"linestyle": "-.", "marker": "^", "markersize": 4, "linewidth": 1.6},
}
LIMIT_STYLE: Mapping[str, Any] = {"linestyle": ":", "marker": "_", "linewidth": 1.4}
COLUMNS = 3


def scaling(lines: Sequence[Line], device: str) -> bytes:
    """Draw member steps a second against the size of the group, a panel a case, on two log axes."""
    rates = [line for line in lines if line["setting"].get("device") == device]
    measured = [line for line in rates if line["name"] == RATE]
    limits = [line for line in rates if line["name"] == LIMIT]
    cases = list(dict.fromkeys(line["setting"]["case"] for line in measured))
    colors = dict(zip(dict.fromkeys(line["setting"]["dtype"] for line in measured), COLORS, strict=False))
    rows = math.ceil(len(cases) / COLUMNS)

    def draw(figure: Any) -> None:
        from matplotlib.lines import Line2D
        from matplotlib.ticker import LogLocator, NullFormatter, NullLocator, StrMethodFormatter

        panels = list(figure.subplots(rows, COLUMNS, squeeze=False).flat)
        for axes in panels[len(cases) :]:
            axes.set_visible(False)
        for case, axes in zip(cases, panels, strict=False):
            for dtype, color in colors.items():
                for way, style in STYLES.items():
                    curve = [line for line in measured if _is(line, case, dtype) and line["setting"]["way"] == way]
                    axes.plot(*_curve(curve), color=color, **style)
                axes.plot(*_curve([line for line in limits if _is(line, case, dtype)]), color=color, **LIMIT_STYLE)
            sizes = sorted({line["setting"]["members"] for line in measured if line["setting"]["case"] == case})
            axes.set_xscale("log", base=2)
            axes.set_xlim(sizes[0] / 1.3, 1.3 * sizes[-1])
            axes.set_xticks(sizes, sizes)
            axes.xaxis.set_minor_locator(NullLocator())
            axes.set_yscale("log")
            axes.set_ylim(axes.get_ylim()[0] / 1.5, 1.5 * axes.get_ylim()[1])
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
            axes.yaxis.set_minor_formatter(NullFormatter())
            axes.set(title=case, xlabel="members in the group")
        for axes in panels[::COLUMNS]:
            axes.set_ylabel("member steps a second")
        ways = {line["setting"]["way"] for line in measured}
        looks = {way: style for way, style in STYLES.items() if way in ways} | {"limit: the matrix rate": LIMIT_STYLE}
        handles = [Line2D([], [], color=color, linewidth=2.4, label=dtype) for dtype, color in colors.items()]
        handles += [Line2D([], [], color=INK, label=way, **style) for way, style in looks.items()]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))

    return png(draw, 11, 3.4 * rows + 0.5)


def ready_point(lines: Sequence[Line], device: str) -> bytes:
    """Draw the parts of a ready point as bars on a log axis, one group a part."""
    values = {
        (line["setting"]["case"], line["name"]): line["value"]
        for line in lines
        if line["name"] in PARTS and line["setting"].get("device") == device
    }
    cases = list(dict.fromkeys(case for case, _ in values))

    def draw(figure: Any) -> None:
        from matplotlib.ticker import StrMethodFormatter

        axes = figure.subplots()
        height = 0.8 / len(cases)
        for place, (case, color) in enumerate(zip(cases, COLORS, strict=False)):
            parts = [(row + place * height, values[case, part]) for row, part in enumerate(PARTS)]
            bars = axes.barh(*_columns(parts), height=0.9 * height, color=color, label=case)
            axes.bar_label(bars, fmt=number, padding=4)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
        axes.set_yticks([row + (len(cases) - 1) * height / 2 for row in range(len(PARTS))], PARTS)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.margins(x=0.1)
        axes.set_xlabel("milliseconds")
        figure.legend(loc="outside lower center", ncols=len(cases))

    return png(draw, 9, 3.2)


def growth(lines: Sequence[Line], against: str) -> bytes:
    """Draw what grows against what it grows with, a panel for each, on two log axes with the power law beside."""
    points = [line for line in lines if line["name"] == GROWTH and line["setting"]["against"] == against]
    kinds = list(dict.fromkeys((line["setting"]["of"], line["unit"]) for line in points))

    def draw(figure: Any) -> None:
        from matplotlib.ticker import LogLocator, NullFormatter, NullLocator, StrMethodFormatter

        panels = figure.subplots(1, len(kinds), squeeze=False).flat
        for (of, unit), color, axes in zip(kinds, COLORS, panels, strict=False):
            curve = [(line["setting"]["at"], line["value"]) for line in points if line["setting"]["of"] == of]
            xs, ys = _columns(curve)
            fit = fitted(xs, ys)
            axes.plot(xs, [fit.factor * x**fit.exponent for x in xs], color=INK, linestyle=":", linewidth=1.4)
            axes.plot(xs, ys, color=color, marker="o", linewidth=2)
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_xticks(xs, [number(x) for x in xs])
            axes.set_ylim(min(ys) / 1.6, 1.6 * max(ys))
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.yaxis.set_minor_formatter(NullFormatter())
            axes.set(title=f"{of}: exponent {fit.exponent:.2f}", xlabel=against, ylabel=unit)

    return png(draw, 3.7 * len(kinds), 3.2)


def _is(line: Line, case: str, dtype: str) -> bool:
    return bool(line["setting"]["case"] == case and line["setting"]["dtype"] == dtype)


def _curve(lines: Sequence[Line]) -> tuple[list[float], list[float]]:
    return [line["setting"]["members"] for line in lines], [line["value"] for line in lines]


def _columns(pairs: Iterable[tuple[float, float]]) -> tuple[list[float], list[float]]:
    places, values = zip(*pairs, strict=True)
    return list(places), list(values)
