"""Hold documents, workflows and project files to the code and to each other.

Usage: python tools/repository.py

Every rule looks at the files that git tracks or would track, and says in a line what is wrong and where.
"""

import ast
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement
from packaging.version import Version

BINARY = (".png", ".safetensors", ".npz", ".pbt-gan")

WORKSHOP = ("dev", "docs", "bench-ray")
"""Extras for those who work on the project: what they bring the package itself must not import."""

BROUGHT = ("triton",)
"""What torch's builds for CUDA bring; what needs it does without it elsewhere."""

NOT_JOURNALED = ("attempt", "preview", "measurements", "details", "cause")
"""Fields of records that the journal leaves out, and the page on it with them."""


@dataclass(frozen=True)
class Repository:
    """The files of a working tree."""

    root: Path

    @cached_property
    def tracked(self) -> list[Path]:
        """Every file that git knows, or would add."""
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=self.root, check=True, capture_output=True, text=True).stdout
        return [self.root / name for name in listed.splitlines() if (self.root / name).is_file()]

    @cached_property
    def pages(self) -> list[Path]:
        """The documents."""
        return [path for path in self.tracked if path.suffix == ".md"]

    @cached_property
    def workflows(self) -> list[Path]:
        """What runs where the repository is kept."""
        return sorted((self.root / ".github" / "workflows").glob("*.yml"))

    @cached_property
    def project(self) -> dict[str, Any]:
        """The table `project` of pyproject.toml."""
        table: dict[str, Any] = tomllib.loads(self.text("pyproject.toml"))["project"]
        return table

    @cached_property
    def targets(self) -> set[str]:
        """The targets of the Makefile."""
        return set(re.findall(r"^(\w[\w-]*):", self.text("Makefile"), re.MULTILINE))

    def text(self, name: str) -> str:
        """Return a file's text."""
        return (self.root / name).read_text(encoding="utf-8")

    def name(self, path: Path) -> str:
        """Return a path as a person writes it."""
        return str(path.relative_to(self.root))


Rule = Callable[[Repository], Iterator[str]]


def blocks(page: Path, *languages: str) -> list[str]:
    """Return the contents of a page's fenced blocks in some languages."""
    found = re.findall(r"^```(\w*)[^\n]*\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [text for language, text in found if language in languages]


def anchors(page: Path) -> set[str]:
    """Return what a link can name on a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def links_resolve(repository: Repository) -> Iterator[str]:
    """Every link of a document leads to a file and a heading that are there."""
    for page in repository.pages:
        prose = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", prose):
            if re.match(r"[a-z]+:", target):
                continue
            place, _, anchor = target.partition("#")
            there = (page.parent / place).resolve() if place else page
            if not there.exists() or (anchor and anchor not in anchors(there)):
                yield f"{repository.name(page)}: the link {target} leads nowhere"


def every_page_is_reached(repository: Repository) -> Iterator[str]:
    """From the README links lead to every document."""
    reached: set[Path] = set()
    todo = [repository.root / "README.md"]
    while todo:
        page = todo.pop()
        if page not in reached and page.exists():
            reached.add(page)
            links = re.findall(r"\]\(([^)\s#]+\.md)\)", page.read_text(encoding="utf-8"))
            todo += [(page.parent / link).resolve() for link in links if "://" not in link]
    for page in repository.pages:
        if page not in reached:
            yield f"{repository.name(page)}: no link leads here from README.md"


def decisions_are_numbered(repository: Repository) -> Iterator[str]:
    """Decisions are numbered without a gap, have their titles, and stand in their list."""
    listed = repository.text("docs/decisions/README.md")
    for number, page in enumerate(sorted((repository.root / "docs" / "decisions").glob("0*.md")), 1):
        if int(page.name[:4]) != number:
            yield f"{repository.name(page)}: there is no decision {number}"
            return
        title = page.read_text(encoding="utf-8").splitlines()[0].removeprefix(f"# {number}. ")
        if f"{number}. [{title}]({page.name})" not in listed:
            yield f"{repository.name(page)}: the list lacks `{number}. [{title}]({page.name})`"


def records_are_described(repository: Repository) -> Iterator[str]:
    """The page on the run folder names the journal's format, and every field of a record that is journaled."""
    from pbt_gan.core.records import Birth, Donor, Exploit, Failure, Report, Retire
    from pbt_gan.store.journal import FORMAT

    page = "docs/run-folder.md"
    if f"version of this layout, now {FORMAT} |" not in repository.text(page):
        yield f"{page}: the version of the layout is not said to be {FORMAT}"
    records = {"member": Birth, "report": Report, "exploit": Exploit, "retire": Retire, "failure": Failure}
    for heading, record in records.items():
        found = re.search(rf"^#+ {heading}\n(.*?)(?=^#|\Z)", repository.text(page), re.MULTILINE | re.DOTALL)
        described = found[1] if found else ""
        for field in fields(record):
            if f"`{field.name}`" not in described and field.name not in NOT_JOURNALED:
                yield f"{page}: under {heading}, `{field.name}` is missing"
        if record is Exploit and ", ".join(f"`{field.name}`" for field in fields(Donor)) not in described:
            yield f"{page}: under {heading}, the fields of a donor are missing"


def layers_are_shown(repository: Repository) -> Iterator[str]:
    """The page on the architecture shows the layers that the import rules check."""
    page = "docs/architecture.md"
    found = re.search(r"^## The layers\n.*?^```text\n(.*?)^```", repository.text(page), re.MULTILINE | re.DOTALL)
    shown = re.findall(r"\w+", " ".join(line.split("   ")[0] for line in found[1].splitlines())) if found else []
    checked = tomllib.loads(repository.text("pyproject.toml"))["tool"]["importlinter"]["contracts"][0]["layers"]
    if shown != re.findall(r"\w+", " ".join(checked)):
        yield f"{page}: the layers are not those of pyproject.toml, {', then '.join(checked)}"


def named_files_are_there(repository: Repository) -> Iterator[str]:
    """A document names no file of ours that has moved; what tells of another time may."""
    for page in repository.pages:
        if page.name != "CHANGELOG.md" and page.parent.name != "releases":
            for name in re.findall(r"`(\w+(?:/\w+)+\.py)`", page.read_text(encoding="utf-8")):
                if not any((repository.root / place / name).exists() for place in (".", "src/pbt_gan")):
                    yield f"{repository.name(page)}: there is no file {name}"


def no_path_of_a_machine(repository: Repository) -> Iterator[str]:
    """No file holds a path that is only there on somebody's machine; the homes of `user` and `me` are examples."""
    homes = "|".join(("home", "root", "Users", "work", "opt"))
    for path in repository.tracked:
        if path.suffix not in BINARY:
            for found in re.findall(
                rf"(?<![\w.}}])/(?:{homes})/(?!(?:me|user)\b)\w+", path.read_text(encoding="utf-8")
            ):
                yield f"{repository.name(path)}: {found} is a path of somebody's machine"


def pins_are_supported(repository: Repository) -> Iterator[str]:
    """Every dependency is pinned to a version that the project supports."""
    lines = [line for line in repository.text("constraints.txt").splitlines() if not line.startswith("#")]
    pins = {name.lower().replace("_", "-"): Version(version) for name, version in (line.split("==") for line in lines)}
    extras: list[list[str]] = list(repository.project["optional-dependencies"].values())
    for line in sum(extras, repository.project["dependencies"]):
        requirement = Requirement(line)
        if pins.get(requirement.name.lower(), Version("0")) not in requirement.specifier:
            yield f"constraints.txt: no pin that pyproject.toml supports for {line}"


def imports_are_declared(repository: Repository) -> Iterator[str]:
    """The package imports what it declares, also as an extra for its users, and nothing else."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (repository.root / "src").rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    packages = packages_distributions()
    extras = {
        name: lines for name, lines in repository.project["optional-dependencies"].items() if name not in WORKSHOP
    }
    lines = sum(extras.values(), repository.project["dependencies"])
    declared = {Requirement(line).name.lower() for line in lines}
    for module in sorted({module.split(".")[0] for module in modules} - set(sys.stdlib_module_names)):
        package = packages.get(module, [module])[0].lower().replace("_", "-")
        if module not in ("pbt_gan", "pytest", *BROUGHT) and package not in declared:
            yield f"pyproject.toml: {package} is imported and not declared"


def python_is_python(repository: Repository) -> Iterator[str]:
    """The Python of the documents can be compiled."""
    for page in repository.pages:
        for block in blocks(page, "python"):
            try:
                compile(block, repository.name(page), "exec")
            except SyntaxError as error:
                yield f"{repository.name(page)}: {error}"


def targets_exist(repository: Repository) -> Iterator[str]:
    """Every target of the Makefile that a document names is there."""
    for page in repository.pages:
        named = set(re.findall(r"\bmake ([a-z-]+)\b", "\n".join(blocks(page, "sh"))))
        named |= set(re.findall(r"`make ([a-z-]+)`", page.read_text(encoding="utf-8")))
        for target in sorted(named - repository.targets):
            yield f"{repository.name(page)}: the Makefile has no target {target}"


def commands_exist(repository: Repository) -> Iterator[str]:
    """Every command, option and preset that a document shows is there."""
    from typer.core import TyperGroup
    from typer.main import get_command

    from pbt_gan.cli.app import app
    from pbt_gan.config.source import presets
    from pbt_gan.config.tasks import TASKS

    group = get_command(app)
    assert isinstance(group, TyperGroup)
    for page in repository.pages:
        lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
        lines += re.findall(r"`(pbt-gan [^`]+)`", page.read_text(encoding="utf-8"))
        calls = [line for line in lines if re.match(r"pbt-gan \w", line) and "[" not in line]
        for _, name, *words in (shlex.split(line, comments=True) for line in calls):
            if name not in group.commands:
                yield f"{repository.name(page)}: there is no command {name}"
                continue
            options = {option for parameter in group.commands[name].params for option in parameter.opts} | {"--help"}
            for word in words:
                if word.startswith("--") and word.partition("=")[0] not in options:
                    yield f"{repository.name(page)}: {name} has no option {word}"
            trained = {*presets(), *TASKS}
            if name == "train" and words and re.fullmatch(r"[a-z][\w-]*", words[0]) and words[0] not in trained:
                yield f"{repository.name(page)}: there is no preset {words[0]}"


def citation_is_of_this_version(repository: Repository) -> Iterator[str]:
    """The citation, the changelog and the page of a release are of the version that is declared."""
    version, project = Version(repository.project["version"]), repository.project
    citation, changelog = yaml.safe_load(repository.text("CITATION.cff")), repository.text("CHANGELOG.md")
    wanted = {
        "cff-version": "1.2.0",
        "type": "software",
        "title": project["name"],
        "license": project["license"],
        "authors": [{"name": author["name"]} for author in project["authors"]],
    }
    for key, value in wanted.items():
        if citation[key] != value:
            yield f"CITATION.cff: {key} is {citation[key]!r}, and pyproject.toml says {value!r}"
    if not citation["message"] or any({"type", "title", "authors", "year"} - set(w) for w in citation["references"]):
        yield "CITATION.cff: a message is missing, or a part of a reference"
    heading = "[Unreleased]" if version.is_devrelease else f"[{version}]"
    if f"## {heading}" not in changelog:
        yield f"CHANGELOG.md: there is no heading {heading}"
    if not version.is_devrelease:
        if citation["version"] != str(version) or f"## {heading} - {citation['date-released']}" not in changelog:
            yield f"CITATION.cff: version or date are not those of {heading} in CHANGELOG.md"
        if not (repository.root / "docs" / "releases" / f"{version}.md").exists():
            yield f"docs/releases/{version}.md: there is no such page"


def public_names_are_shown(repository: Repository) -> Iterator[str]:
    """The page on Python shows every public name."""
    import pbt_gan
    import pbt_gan.testing

    shown = set(re.findall(r"^::: ([\w.]+)$", repository.text("docs/api.md"), re.MULTILINE))
    public = {f"pbt_gan.{name}" for name in pbt_gan.__all__}
    public |= {f"pbt_gan.testing.{name}" for name in pbt_gan.testing.__all__}
    for name in sorted(shown ^ public):
        yield f"docs/api.md: {name} {'is not public' if name in shown else 'is missing'}"


def workflows_are_safe(repository: Repository) -> Iterator[str]:
    """A workflow may only read, ends, and runs targets of the Makefile or pinned actions."""
    for path in repository.workflows:
        name, text = repository.name(path), path.read_text(encoding="utf-8")
        content = yaml.safe_load(text)
        if content["permissions"] != {"contents": "read"} or "concurrency" not in content or "secrets." in text:
            yield f"{name}: it may do more than read, or run beside itself"
        for job, described in content["jobs"].items():
            if "timeout-minutes" not in described or "permissions" in described:
                yield f"{name}: {job} does not end, or has permissions of its own"
            for step in described["steps"]:
                command = re.fullmatch(r"make ([\w-]+)( [A-Z]+=\S+)*", step.get("run", ""))
                target = command is not None and command[1] in repository.targets and "uses" not in step
                action = re.fullmatch(r"actions/[\w-]+@v\d+", step.get("uses", "")) and "run" not in step
                if not target and not action:
                    yield f"{name}: {step} is neither a target of the Makefile nor an action of a pinned version"


def workflows_run_everything(repository: Repository) -> Iterator[str]:
    """The workflows run what CI runs here, on every Python that the package declares."""
    classifiers = "\n".join(repository.project["classifiers"])
    declared = re.findall(r"^Programming Language :: Python :: (3\.\d+)$", classifiers, re.MULTILINE)
    jobs = yaml.safe_load(repository.text(".github/workflows/ci.yml"))["jobs"]
    if jobs["test"]["strategy"]["matrix"]["python"] != declared:
        yield f".github/workflows/ci.yml: the tests do not run on {declared}"
    if repository.project["requires-python"] != f">={declared[0]}":
        yield f"pyproject.toml: requires-python is not >={declared[0]}"
    here = set(re.findall(r"^make ([\w-]+)", repository.text(".ci/run"), re.MULTILINE))
    there = {step["run"].removeprefix("make ") for job in jobs.values() for step in job["steps"] if "run" in step}
    for target in sorted(here ^ there):
        yield f".github/workflows/ci.yml: only {'here' if target in here else 'there'} CI runs {target}"


RULES: tuple[Rule, ...] = (
    links_resolve,
    every_page_is_reached,
    decisions_are_numbered,
    records_are_described,
    layers_are_shown,
    named_files_are_there,
    no_path_of_a_machine,
    pins_are_supported,
    imports_are_declared,
    python_is_python,
    targets_exist,
    commands_exist,
    citation_is_of_this_version,
    public_names_are_shown,
    workflows_are_safe,
    workflows_run_everything,
)


def main() -> None:
    """Print what is wrong, and exit with 1 if anything is."""
    repository = Repository(Path(__file__).resolve().parent.parent)
    wrong = [line for rule in RULES for line in rule(repository)]
    print("\n".join(wrong) if wrong else f"{len(repository.tracked)} files are as they should be")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
