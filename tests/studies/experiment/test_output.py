import io
import json
import math

import numpy as np
import pytest
from PIL import Image

from pbt_gan.studies.experiment import output
from pbt_gan.studies.experiment.arms import ARMS
from pbt_gan.studies.experiment.conduct import conduct
from pbt_gan.studies.experiment.protocol import METHODS, conditions, protocol
from pbt_gan.studies.experiment.result import Result
from pbt_gan.studies.experiment.sheets import signed, spread
from tests.studies.experiment.conftest import toy


@pytest.fixture(scope="module")
def result(done) -> Result:
    found = Result.read(*done)
    assert found is not None
    return found


@pytest.mark.slow
def test_the_data_hold_every_run_and_every_comparison(result, tmp_path):
    output.write(result, tmp_path)
    data = json.loads((tmp_path / output.DATA).read_text())
    assert {(run["arm"], run["seed"]) for run in data["runs"]} == {(a, s) for a in result.arms for s in (0, 1)}
    assert set(data["gains"]["best"]) == {"pbt", "longer", "replay"}
    assert data["equal"] == "steps"
    assert "Student" in data["methods"]["interval"]
    assert set(data["time"]["device_s"]) == {f"{run['arm']}-{run['seed']}" for run in data["runs"]}
    assert data["experiment"]["experiment"]["seeds"] == [0, 1]


@pytest.mark.slow
def test_page_and_markdown_hold_tables_plot_and_protocol(result, tmp_path):
    output.write(result, tmp_path)
    page, markdown = ((tmp_path / name).read_text() for name in (output.PAGE, output.MARKDOWN))
    assert "data:image/png;base64," in page
    assert f"]({output.PICTURE})" in markdown
    for text in (page, markdown):
        for arm in result.arms:
            assert arm in text
        assert "paired by seed" in text
        assert "Seeds 0, 1." in text
    assert markdown.count("| pbt |") == 3


@pytest.mark.slow
def test_the_plot_is_a_picture(result, tmp_path):
    output.write(result, tmp_path)
    with Image.open(io.BytesIO((tmp_path / output.PICTURE).read_bytes())) as image:
        pixels = np.asarray(image.convert("L"))
    assert pixels.shape[1] > 1_500
    assert len(np.unique(pixels)) > 50


def test_the_protocol_names_every_arm_and_the_cost(result):
    told = "\n".join(protocol(result))
    for arm in result.arms:
        assert f"{arm}: {ARMS[arm].says} (" in told
    assert "or the paper's if it has none (3 × 60)." in told
    assert "180 steps. Scored every 10, ready every 10" in told
    assert "With 2 seeds no difference between these 4 arms can be significant" in told
    for method in METHODS.values():
        assert method in told
    assert "differs by no more than 5%" in conditions(result)[0]


def test_unequal_device_time_is_said(result):
    from dataclasses import replace

    slow = Result(result.experiment, result.runs)
    slow.__dict__["outcomes"] = {
        arm: [replace(run, device_s=20.0 if arm == "pbt" else 10.0) for run in runs]
        for arm, runs in result.outcomes.items()
    }
    assert "is not equal: pbt 2.00 times that of random-search" in conditions(slow)[0]


@pytest.mark.slow
def test_a_single_arm_and_a_single_seed_have_a_table_and_a_plot(tmp_path):
    experiment = toy(experiment={"arms": ["pbt"], "seeds": [3]})
    assert conduct(experiment, tmp_path / "here")
    result = Result.read(experiment, tmp_path / "here")
    assert result is not None
    output.write(result, tmp_path / "here")
    assert "± " not in result.sheets[0].markdown()
    assert len(result.sheets) == 1


def test_numbers_show_their_spread_and_their_sign():
    assert spread([1.0, 2.0]) == "1.500 ± 0.707"
    assert spread([1.0]) == spread([1.0, None]) == "1.000"
    assert spread([None]) == "–"
    assert spread([math.nan, math.nan]) == "nan"
    assert (signed(0.5), signed(-0.5), signed(0.0)) == ("+0.500", "-0.500", "0")


@pytest.mark.slow
def test_more_arms_than_there_are_colours_and_lines_have_a_plot(tmp_path):
    names = [f"arm-{number}" for number in range(19)]
    own = {name: {"seed": 0} for name in names}
    experiment = toy(pbt={"total_steps": 10}, experiment={"arms": names, "seeds": [0], "own": own})
    assert conduct(experiment, tmp_path / "here")
    result = Result.read(experiment, tmp_path / "here")
    assert result is not None
    output.write(result, tmp_path / "here")
    assert (tmp_path / "here" / output.PICTURE).exists()
