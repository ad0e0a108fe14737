"""Who is asked to select and to judge, in which order, by what there is."""

import pytest

from pbt_gan.errors import ConfigError
from pbt_gan.gan.scores.ladder import Circumstances, rungs
from pbt_gan.gan.settings import MetricsSettings

PLENTY = Circumstances(images=50_000, labelled=True, colour=True, imagenet=False, inception=False)
INSTALLED = PLENTY._replace(imagenet=True)
AUTO = MetricsSettings.model_validate({})


def forced(**settings):
    return MetricsSettings.model_validate(settings)


@pytest.mark.parametrize(
    ("of", "order"),
    [
        (PLENTY, ("classifier", "rotations")),
        (PLENTY._replace(labelled=False), ("rotations",)),
        (INSTALLED, ("classifier", "imagenet", "rotations")),
        (INSTALLED._replace(images=500), ("imagenet", "classifier", "rotations")),
        (INSTALLED._replace(labelled=False), ("imagenet", "rotations")),
        (INSTALLED._replace(colour=False, images=500), ("classifier", "imagenet", "rotations")),
    ],
)
def test_who_selects_is_a_classifier_then_imagenet_then_rotations_but_imagenet_first_for_few_colour_images(of, order):
    assert rungs("select", AUTO, of) == order


@pytest.mark.parametrize(
    ("of", "selects", "failed", "order"),
    [
        (PLENTY, "classifier", (), ("classifier", "rotations")),
        (PLENTY, "rotations", ("classifier",), ("rotations",)),
        (INSTALLED, "classifier", (), ("imagenet", "classifier", "rotations")),
        (INSTALLED, "imagenet", ("classifier",), ("rotations",)),
        (INSTALLED._replace(images=500), "classifier", ("imagenet",), ("classifier", "rotations")),
        (INSTALLED._replace(colour=False), "classifier", (), ("classifier", "rotations")),
        (INSTALLED._replace(labelled=False), "imagenet", (), ("rotations",)),
    ],
)
def test_the_judge_is_imagenet_for_colour_and_never_who_selects_nor_the_like_of_who_failed(of, selects, failed, order):
    assert rungs("held-out", AUTO, of, selects, failed) == order


def test_who_is_forced_stands_alone_and_one_that_is_forced_to_judge_does_not_select():
    assert rungs("select", forced(select="rotations"), INSTALLED) == ("rotations",)
    assert rungs("held-out", forced(judge="classifier"), INSTALLED, "classifier") == ("classifier",)
    assert "imagenet" not in rungs("select", forced(judge="imagenet"), INSTALLED)


@pytest.mark.parametrize(
    ("settings", "of", "told"),
    [
        ({"select": "classifier"}, PLENTY._replace(labelled=False), "needs labels"),
        ({"select": "imagenet"}, PLENTY, "pip install"),
        ({"select": "inception"}, PLENTY, "metrics.inception"),
    ],
)
def test_who_is_forced_and_not_to_be_had_is_an_error_that_says_how_to_mend_it(settings, of, told):
    with pytest.raises(ConfigError, match=told):
        rungs("select", forced(**settings), of)


def test_a_published_network_that_selects_is_not_forced_to_judge_too():
    with pytest.raises(ConfigError, match="who selects cannot judge"):
        rungs("held-out", forced(judge="imagenet"), INSTALLED, "imagenet")
