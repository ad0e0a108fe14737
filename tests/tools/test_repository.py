import subprocess
from pathlib import Path

import pytest

from tools import repository as rules
from tools.repository import RULES, Repository, Rule

CLEAN = {
    "README.md": "[there](docs/there.md), [at last](docs/there.md#at-last), `make test`\n\n"
    "```sh\npbt-gan train digits --seed 3\n```\n",
    "docs/there.md": "# There\n\n## At last\n\n```python\nx = 1\n```\n",
    "Makefile": "test:\n",
}


def repository(root: Path, **changes: str) -> Repository:
    for name, text in {**CLEAN, **changes}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    return Repository(root)


@pytest.mark.parametrize(
    ("rule", "text", "told"),
    [
        (rules.links_resolve, "[x](nowhere.md)", "the link nowhere.md leads nowhere"),
        (rules.links_resolve, "[x](there.md#never)", "the link there.md#never leads nowhere"),
        (rules.no_path_of_a_machine, "see /" + "home/ada", "/" + "home/ada is a path of somebody's machine"),
        (rules.python_is_python, "```python\nx = = 1\n```", "invalid syntax"),
        (rules.targets_exist, "`make coffee`", "the Makefile has no target coffee"),
        (rules.commands_exist, "`pbt-gan brew`", "there is no command brew"),
        (rules.commands_exist, "`pbt-gan train digits --coffee`", "train has no option --coffee"),
        (rules.commands_exist, "`pbt-gan train coffee`", "there is no preset coffee"),
    ],
)
def test_what_is_wrong_with_a_document_is_told_with_its_place(tmp_path: Path, rule: Rule, text: str, told: str):
    assert list(rule(repository(tmp_path))) == []
    (found,) = rule(repository(tmp_path, **{"docs/there.md": f"{CLEAN['docs/there.md']}\n{text}\n"}))
    assert found.startswith(f"docs/there.md: {told}")


def test_a_page_that_nobody_links_to_is_told(tmp_path: Path):
    found = list(rules.every_page_is_reached(repository(tmp_path, **{"docs/alone.md": "# Alone\n"})))
    assert found == ["docs/alone.md: no link leads here from README.md"]


def test_every_rule_is_carried_out():
    told = {name for name, rule in vars(rules).items() if getattr(rule, "__annotations__", {}).get("repository")}
    assert {rule.__name__ for rule in RULES} == told
