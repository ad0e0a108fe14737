"""What the documentation site needs besides docs/: pages that lie elsewhere, and one that the program itself writes.

A hook of MkDocs. Every link in the repository is one that works when the repository is browsed; here those that leave
docs/ are turned to where the site has the same file.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from typer.core import TyperGroup
from typer.main import get_command

ROOT = Path(__file__).resolve().parent.parent
PLACES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CITATION.cff": "CITATION.cff",
    "LICENSE": "LICENSE",
}
"""Files outside docs/, and where the site has them."""


def on_config(config: MkDocsConfig) -> None:
    """List every decision below the page that lists them."""
    folder = Path(config.docs_dir)
    pages = [path.relative_to(folder).as_posix() for path in sorted(folder.glob("decisions/0*.md"))]
    _extend(config.nav, "decisions/README.md", pages)


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the pages that do not lie in docs/."""
    for source, place in PLACES.items():
        files.append(File.generated(config, place, content=(ROOT / source).read_text(encoding="utf-8")))
    files.append(File.generated(config, "command-line.md", content=command_line()))


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Turn the links of a page to where the site has what they name."""
    here = page.file.src_uri
    source = next((source for source, place in PLACES.items() if place == here), f"docs/{here}")

    def turned(link: re.Match[str]) -> str:
        target, anchor = link[1], link[2] or ""
        if ":" in target:
            return link[0]
        there = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        there = PLACES.get(there, there.removeprefix("docs/"))
        return f"]({posixpath.relpath(there, posixpath.dirname(here) or '.')}{anchor})"

    prose_and_code = re.split(r"(^```.*?^```)", markdown, flags=re.MULTILINE | re.DOTALL)
    prose_and_code[::2] = [re.sub(r"\]\(([^)\s#]+)(#[^)\s]*)?\)", turned, prose) for prose in prose_and_code[::2]]
    return "".join(prose_and_code)


def command_line() -> str:
    """Return what `--help` says of each command, as a page."""
    from pbt_gan.cli.app import app

    group = get_command(app)
    assert isinstance(group, TyperGroup)
    parts = ["# Command line", "Mistakes end with exit code 2, everything else that goes wrong with 1."]
    with group.make_context("pbt-gan", ["train"]) as context:
        for name, command in group.commands.items():
            with command.make_context(name, [], parent=context, resilient_parsing=True, max_content_width=88) as inner:
                parts += [f"## pbt-gan {name}", f"```text\n{command.get_help(inner)}\n```"]
    return "\n\n".join(parts)


def _extend(entries: Any, page: str, pages: list[str]) -> None:
    for entry in entries:
        for title, value in entry.items() if isinstance(entry, dict) else ():
            if value == page:
                entry[title] = [page, *pages]
            elif isinstance(value, list):
                _extend(value, page, pages)
