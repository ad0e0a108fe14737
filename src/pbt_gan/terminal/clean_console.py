"""A rich console on which nothing but our own styles reaches the terminal."""

from collections.abc import Iterable

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from pbt_gan.terminal.cleaning import clean


class CleanConsole(Console):
    """Cleans every piece of text on its way out.

    At that point widths have been decided, so each letter that is replaced takes as many cells as before: columns of a
    table, and what is drawn in place, stay where they are.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as rich does, cleaned. Control segments are rich's own: no text becomes one."""
        for segment in super().render(renderable, options):
            text = segment.text
            if segment.control or text == "\n" or (text.isascii() and text.isprintable()):
                yield segment
            else:
                lines = (clean(line, self.encoding, cell_len) for line in text.split("\n"))
                yield Segment("\n".join(lines), segment.style)
