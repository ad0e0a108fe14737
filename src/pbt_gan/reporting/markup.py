"""The few pieces of HTML that the page is made of. Whatever is given as text is escaped here, and only here."""

import base64
import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

STYLE = """
:root { color-scheme: light dark; --ink: #1f2933; --faint: #66717d; --line: #e1e5ea; --paper: #ffffff;
  --page: #f4f6f8; --accent: #d55e00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --faint: #9aa5b1; --line: #343c46; --paper: #1d232a;
  --page: #14181d; --accent: #ff9248; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); line-height: 1.5;
  font-family: system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { margin: 0; font-size: 2rem; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { margin: 0 0 .25rem; font-size: 1.2rem; }
p { margin: .25rem 0 .75rem; max-width: 60rem; }
.faint, figcaption { color: var(--faint); }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 12px; padding: 1.25rem 1.5rem;
  margin-top: 1.25rem; overflow-x: auto; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); gap: 1rem; margin-top: 1.5rem; }
.tile { background: var(--paper); border: 1px solid var(--line); border-radius: 12px; padding: .9rem 1.1rem; }
.tile b { display: block; font-size: 1.7rem; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tile:first-child b { color: var(--accent); }
.tile span { display: block; font-size: .85rem; color: var(--faint); overflow-wrap: anywhere; }
img { max-width: 100%; height: auto; display: block; background: #fff; border-radius: 8px; }
figure { margin: 0; }
figcaption { font-size: .85rem; margin-top: .4rem; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); gap: 1.5rem; }
.pair img { width: 100%; max-width: 34rem; image-rendering: pixelated; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .28rem .9rem .28rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--faint); }
th:first-child, td:first-child { text-align: left; }
tr.best td { font-weight: 700; color: var(--accent); }
tr.faded td { color: var(--faint); }
table.facts td { text-align: left; vertical-align: top; overflow-wrap: anywhere; }
table.facts td:first-child { color: var(--faint); white-space: nowrap; }
details { margin-top: .5rem; } summary { cursor: pointer; font-weight: 600; }
"""


def text(value: Any) -> str:
    """Escape anything for a place between tags or in a quoted attribute.

    >>> text("<b>")
    '&lt;b&gt;'
    """
    return html.escape(str(value))


def page(title: str, body: Iterable[str]) -> str:
    """Return a whole document that needs nothing but itself."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Even if an escape were forgotten, nothing could run or be fetched.
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">\n"
        f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(body)
        + "\n</main>\n</body>\n</html>\n"
    )


def section(title: str, *content: str, note: str = "") -> str:
    """Return a titled part of the page; `content` is markup, `note` is text."""
    lead = f'<p class="faint">{text(note)}</p>' if note else ""
    return f"<section>\n<h2>{text(title)}</h2>\n{lead}{''.join(content)}\n</section>"


def headlines(numbers: Iterable[tuple[str, str, str]]) -> str:
    """Return headline numbers: (what it is, the number, what to know about it)."""
    cells = (
        f'<div class="tile"><span>{text(name)}</span><b>{text(value)}</b><span>{text(note)}</span></div>'
        for name, value, note in numbers
    )
    return f'<div class="tiles">{"".join(cells)}</div>'


def image(png: bytes, description: str, caption: str = "") -> str:
    """Return a picture that lies in the page itself."""
    below = f"<figcaption>{text(caption)}</figcaption>" if caption else ""
    data = base64.b64encode(png).decode()
    return f'<figure><img alt="{text(description)}" src="data:image/png;base64,{data}">{below}</figure>'


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    best: int | None = None,
    faded: Mapping[int, str] | None = None,
) -> str:
    """Return a table.

    Args:
        header: the columns' titles.
        rows: the cells.
        best: the place of the row that stands out.
        faded: the places of rows that stand back, each with what a pointer on it is told.
    """
    head = "".join(f"<th>{text(title)}</th>" for title in header)
    body = "\n".join(
        f"<tr{_looks(place, best, faded or {})}>{''.join(f'<td>{text(cell)}</td>' for cell in row)}</tr>"
        for place, row in enumerate(rows)
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _looks(place: int, best: int | None, faded: Mapping[int, str]) -> str:
    kind = ' class="best"' if place == best else ' class="faded"' if place in faded else ""
    return f'{kind} title="{text(faded[place])}"' if place in faded else kind


def listing(lines: Iterable[str]) -> str:
    """Return sentences as a list."""
    return f"<ul>{''.join(f'<li>{text(line)}</li>' for line in lines)}</ul>"


def facts(values: Mapping[str, Any]) -> str:
    """Return nested settings as a table of dotted keys, as `--set` takes them."""
    rows = "".join(f"<tr><td>{text(key)}</td><td>{text(value)}</td></tr>\n" for key, value in _dotted(values))
    return f'<table class="facts"><tbody>{rows}</tbody></table>'


def folded(title: str, content: str) -> str:
    """Return markup behind a line that opens it."""
    return f"<details><summary>{text(title)}</summary>{content}</details>"


def _dotted(values: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _dotted(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
