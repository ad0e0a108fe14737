"""The look that all plots share, and how one becomes a PNG."""

import io
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from pbt_gan.interfaces import Images

INK = "#1f2933"
FAINT = "#8a939e"
GREY = "#b4bcc5"
BLUE = "#0072b2"
VERMILION = "#d55e00"
COLORS = (BLUE, "#e69f00", "#009e73", "#cc79a7", "#56b4e9", VERMILION)
"""Colours that people of any colour vision tell apart (Okabe and Ito 2008)."""

DOTS_PER_INCH = 140

_FILM_DOTS_PER_INCH = 90

_MARGIN = 0.08
"""Inches around a figure."""

_STYLE: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 10,
    "text.color": INK,
    "text.parse_math": False,  # a name with a dollar sign is a name
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.8,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e7eb",
    "grid.linewidth": 0.7,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "lines.solid_capstyle": "round",
}


def png(draw: Callable[[Any], None], width: float, height: float) -> bytes:
    """Draw on a new matplotlib figure of this size in inches and return it as a PNG.

    No pyplot and no global state outside of this call, so that a program which plots itself is not disturbed. What is
    drawn is laid out so that it fills the figure, unless `draw` takes the layout into its own hands. It is drawn once:
    `savefig` draws twice, and a third time to crop.
    """
    import matplotlib

    with matplotlib.rc_context(_STYLE):
        canvas = _canvas(width, height, DOTS_PER_INCH)
        draw(canvas.figure)
        buffer = io.BytesIO()
        canvas.print_png(buffer)
    return buffer.getvalue()


def frames(draw: Callable[[Any], Iterator[Sequence[Any]]], width: float, height: float) -> Images:
    """Draw one frame after another on a figure of this size in inches; uint8[N, H, W, 3].

    `draw` lays the figure out, and yields for each frame the artists that it has moved, which are `animated`. All else
    is drawn once: a frame takes as long as what moves.
    """
    import matplotlib

    with matplotlib.rc_context(_STYLE):
        canvas = _canvas(width, height, _FILM_DOTS_PER_INCH)
        drawn: list[Images] = []
        still = None
        for artists in draw(canvas.figure):
            if still is None:
                canvas.draw()
                still = canvas.copy_from_bbox(canvas.figure.bbox)
            canvas.restore_region(still)
            for artist in artists:
                artist.axes.draw_artist(artist)
            drawn.append(np.array(canvas.buffer_rgba())[..., :3])
    return np.stack(drawn)


def _canvas(width: float, height: float, dots_per_inch: int) -> Any:  # matplotlib's annotations are not complete
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    across, up = _MARGIN / width, _MARGIN / height
    layout = ConstrainedLayoutEngine(rect=(across, up, 1 - 2 * across, 1 - 2 * up))
    figure = Figure(figsize=(width, height), dpi=dots_per_inch, layout=layout, facecolor="white")
    return FigureCanvasAgg(figure)


def shades(count: int) -> list[Any]:
    """Return blues from light to dark, for members from the worst to the best."""
    from matplotlib.colors import LinearSegmentedColormap

    ramp = LinearSegmentedColormap.from_list("rank", ["#c5dcee", "#5b9fd0", "#0b4a80"])
    return [ramp(place / max(count - 1, 1)) for place in range(count)]


def thousands(axis: Any) -> None:
    """Write the numbers of an axis as 12,000, and so few that they stand apart."""
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    if axis.get_scale() == "linear":
        axis.set_major_locator(MaxNLocator(5))
    axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def powers_of_ten(axes: Any) -> None:
    """Give a plot a vertical log axis, labelled as learning rates are written: 1e-4."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"1e{round(math.log10(value))}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
