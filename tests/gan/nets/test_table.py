from pathlib import Path
from typing import Any

import pytest
import torch

from pbt_gan.gan.nets.members_in_channels import MembersInChannels
from pbt_gan.gan.nets.net import ImageShape
from pbt_gan.gan.nets.settings import NetSettings
from pbt_gan.gan.nets.table import NETS, find_architecture, make_nets

PAGE = Path(__file__).parents[3] / "docs" / "nets.md"


def rows(heading):
    """Return the cells of the table under a heading of the page."""
    part = PAGE.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line.strip("|").split("|") for line in part.splitlines() if line.startswith("| `")]
    return [[cell.strip().replace(",", "").replace("`", "") for cell in line] for line in lines[1:]]


def nets(name, size, classes=0, **settings):
    architecture = find_architecture(name)
    given = {**architecture.defaults(size), "discriminator_norm": architecture.norms[0], **settings}
    return make_nets(
        NetSettings.model_validate({"net": name, **given}),
        ImageShape(size, 3, classes),
        MembersInChannels(torch.float32),
    )


def test_the_page_knows_every_net():
    assert {name for name, *_ in rows("Width, if none is set")} == NETS.keys()


@pytest.mark.parametrize("row", rows("As published"), ids=" ".join)
def test_published_nets_have_as_many_parameters_as_the_page_says(row):
    (name, *more), (size, width, z_size, *counts) = row[0].split(), map(int, row[1:])
    settings: dict[str, Any] = {"bias_before_norm": "bias_before_norm" in find_architecture(name).reads}
    if "none" in more:
        settings |= {"discriminator_norm": "none"}
    classes = int(more[0]) if "classes" in more else 0
    pair = nets(name, size, classes, width=width, z_size=z_size, **settings)
    assert [net.layout.size for net in pair] == counts


@pytest.mark.parametrize("row", rows("Width, if none is set"), ids=" ".join)
def test_nets_are_as_wide_as_the_page_says(row):
    name, size, width, *counts = row[:5]
    assert NETS[name].defaults(int(size))["width"] == int(width)
    assert [f"{net.layout.size / 1e6:.2f}" for net in nets(name, int(size), z_size=128)] == counts
