"""No two metrics share a name, and those of published networks are called as the literature calls them."""

from itertools import product
from typing import get_args

from pbt_gan.gan.scores import naming
from pbt_gan.gan.scores.table import SCORES

CASES = [*product(get_args(naming.NetworkKind), SCORES, get_args(naming.Role))]


def test_no_two_metrics_share_a_key_or_a_short_name():
    assert len({naming.key(*case) for case in CASES}) == len(CASES)
    assert len({naming.short(*case) for case in CASES}) == len(CASES)
    assert len({naming.name(network, score, SCORES[score].name) for network, score, _ in CASES}) == len(CASES) / 2


def test_scores_of_inception_are_called_as_everywhere():
    assert [naming.key("inception", score) for score in ("cs", "fcd", "kcd")] == ["is", "fid", "kid"]
    assert naming.short("inception", "fcd", "held-out") == "held-out FID"


def test_scores_of_our_own_networks_keep_the_names_that_old_runs_have():
    assert [naming.key("own", score, "held-out") for score in ("cs", "fcd")] == ["held_out_cs", "held_out_fcd"]
