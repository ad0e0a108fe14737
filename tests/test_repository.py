"""The documents, held to the code and to each other."""

import ast
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import fields
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version
from typer.core import TyperGroup
from typer.main import get_command

import pbt_gan
import pbt_gan.testing
from pbt_gan.cli.app import app
from pbt_gan.config.source import presets
from pbt_gan.core.records import Birth, Donor, Exploit, Failure, Report

ROOT = Path(__file__).parent.parent
TRACKED = [
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    if (ROOT / name).is_file()
]
PAGES = [path for path in TRACKED if path.suffix == ".md"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(page: Path, *languages: str) -> list[str]:
    """Return the contents of a page's fenced blocks in some languages."""
    found = re.findall(r"^```(\w*)[^\n]*\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [text for language, text in found if language in languages]


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def section(page: str, heading: str) -> str:
    """Return what stands under a heading of a page, up to the next one."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", text_of(page), re.MULTILINE | re.DOTALL)
    assert found, f"{page} has no heading {heading!r}"
    return found[1]


def commands(page: Path) -> list[list[str]]:
    """Return every call of the command line that a page shows, in a block or as inline code."""
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    lines += re.findall(r"`(pbt-gan [^`]+)`", page.read_text(encoding="utf-8"))
    return [shlex.split(line, comments=True)[1:] for line in lines if re.match(r"pbt-gan \w", line) and "[" not in line]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_of_the_documents_resolve(page: Path):
    prose = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"[a-z]+:", target):
            continue
        place, _, anchor = target.partition("#")
        there = (page.parent / place).resolve() if place else page
        assert there.exists(), f"{target} in {name_of(page)}"
        assert not anchor or anchor in anchors(there), f"{target} in {name_of(page)}"


def test_every_document_is_reached_from_the_readme():
    reached, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page not in reached:
            reached.add(page)
            links = re.findall(r"\]\(([^)\s#]+\.md)\)", page.read_text(encoding="utf-8"))
            todo += [(page.parent / link).resolve() for link in links if "://" not in link]
    assert set(PAGES) <= reached


def test_the_decisions_are_numbered_and_listed():
    pages = {int(page.name[:4]): page for page in (ROOT / "docs" / "decisions").glob("0*.md")}
    for number, page in sorted(pages.items()):
        title = page.read_text(encoding="utf-8").splitlines()[0].removeprefix(f"# {number}. ")
        assert f"{number}. [{title}]({page.name})" in text_of("docs/decisions/README.md")


NOT_JOURNALED = ("attempt", "preview", "details")


@pytest.mark.parametrize(
    ("heading", "record"), [("member", Birth), ("report", Report), ("exploit", Exploit), ("failure", Failure)]
)
def test_the_page_on_the_run_folder_names_every_field_of_a_record(heading: str, record: type):
    described = section("docs/run-folder.md", heading)
    for field in fields(record):
        assert f"`{field.name}`" in described or field.name in NOT_JOURNALED
    if record is Exploit:
        assert ", ".join(f"`{field.name}`" for field in fields(Donor)) in described


@pytest.mark.parametrize("path", TRACKED, ids=name_of)
def test_no_file_holds_a_path_of_somebodys_machine(path: Path):
    if path.suffix in (".png", ".safetensors", ".npz"):
        return
    homes = "|".join(("home", "root", "Users", "work", "opt"))
    found = re.findall(rf"(?<![\w.}}])/(?:{homes})/\w+", path.read_text(encoding="utf-8"))
    assert not found, f"{found} in {name_of(path)}"


def test_every_dependency_is_pinned_to_a_version_that_the_project_supports():
    lines = [line for line in text_of("constraints.txt").splitlines() if not line.startswith("#")]
    pins = {name.lower().replace("_", "-"): Version(version) for name, version in (line.split("==") for line in lines)}
    for line in sum(PROJECT["optional-dependencies"].values(), PROJECT["dependencies"]):
        requirement = Requirement(line)
        assert pins[requirement.name.lower()] in requirement.specifier, line


def test_the_python_of_the_documents_is_python():
    for page in PAGES:
        for block in blocks(page, "python"):
            compile(block, name_of(page), "exec")


def test_every_target_of_the_makefile_that_a_document_names_exists():
    targets = set(re.findall(r"^(\w[\w-]*):", text_of("Makefile"), re.MULTILINE))
    for page in PAGES:
        named = set(re.findall(r"\bmake ([a-z-]+)\b", "\n".join(blocks(page, "sh"))))
        named |= set(re.findall(r"`make ([a-z-]+)`", page.read_text(encoding="utf-8")))
        assert named <= targets, name_of(page)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_options_and_presets_of_the_documents_exist(page: Path):
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    known = group.commands
    for name, *words in commands(page):
        assert name in known, f"pbt-gan {name} in {name_of(page)}"
        options = {option for parameter in known[name].params for option in parameter.opts} | {"--help"}
        assert {word for word in words if word.startswith("--")} <= options, f"pbt-gan {name} in {name_of(page)}"
        if name == "train" and words and re.fullmatch(r"[a-z][\w-]*", words[0]):
            assert words[0] in presets(), f"preset {words[0]} in {name_of(page)}"


def test_every_package_that_is_imported_is_declared():
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "src").rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    foreign = {module.split(".")[0] for module in modules} - set(sys.stdlib_module_names) - {"pbt_gan", "pytest"}
    packages = packages_distributions()
    imported = {packages[module][0].lower().replace("_", "-") for module in foreign}
    assert imported <= {Requirement(line).name.lower() for line in PROJECT["dependencies"]}


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load(text_of("CITATION.cff"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] == "software"
    assert citation["message"]
    assert citation["title"] == PROJECT["name"]
    assert citation["license"] == PROJECT["license"]
    assert citation["authors"] == [{"name": author["name"]} for author in PROJECT["authors"]]
    for work in citation["references"]:
        assert {"type", "title", "authors", "year"} <= set(work)
    if not Version(PROJECT["version"]).is_devrelease:
        assert citation["version"] == PROJECT["version"]
        assert f"## [{citation['version']}] - {citation['date-released']}" in text_of("CHANGELOG.md")
        assert (ROOT / "docs" / "releases" / f"{citation['version']}.md").exists()


def test_the_page_on_python_shows_every_public_name():
    shown = set(re.findall(r"^::: ([\w.]+)$", text_of("docs/api.md"), re.MULTILINE))
    public = {f"pbt_gan.{name}" for name in pbt_gan.__all__}
    assert shown == public | {f"pbt_gan.testing.{name}" for name in pbt_gan.testing.__all__}


def test_the_version_has_a_place_in_the_changelog():
    version = Version(PROJECT["version"])
    heading = "[Unreleased]" if version.is_devrelease else f"[{version}]"
    assert f"## {heading}" in text_of("CHANGELOG.md")
