"""A journal of sound lines that makes no sense is refused: nothing is followed round in a circle."""

from dataclasses import replace
from pathlib import Path

import pytest

from pbt_gan.core.population import WHOLE
from pbt_gan.core.records import Birth, Donor, Exploit, Measurement, Report, Retire
from pbt_gan.errors import DamageError
from pbt_gan.runs.sense import check_sense

BIRTH = Birth(0, {}, "drawn")
FIRST = Report(0, 1, 5, 5, 1.0, {}, {}, "m00-i0001")
SECOND = Report(0, 2, 10, 10, 1.0, {}, {}, "m00-i0002")
COPY = Exploit(0, 1, Donor(0, 1, 5, "m00-i0001"), ("weights",), "none", {}, {}, "t", "r", sources={WHOLE: "m00-i0001"})


def test_what_makes_sense_passes():
    check_sense(Path("run"), [BIRTH, FIRST, COPY, Measurement(0, 1, 1, 1.0, {}), SECOND, Retire(0, 2, "worst")])


@pytest.mark.parametrize(
    "records",
    [
        [FIRST],
        [BIRTH, BIRTH],
        [BIRTH, SECOND],
        [BIRTH, FIRST, FIRST],
        [BIRTH, FIRST, replace(SECOND, checkpoint="m00-i0001")],
        [BIRTH, COPY],
        [BIRTH, FIRST, replace(COPY, recipient=1)],
        [BIRTH, FIRST, replace(COPY, sources={WHOLE: "m00-i0002"}), SECOND],
        [replace(BIRTH, sources={WHOLE: "m00-i0001"}), FIRST],
        [BIRTH, Measurement(0, 1, 1, 1.0, {})],
        [Retire(0, 0, "worst")],
    ],
)
def test_what_makes_none_is_refused(records):
    with pytest.raises(DamageError, match="makes no sense"):
        check_sense(Path("run"), records)
