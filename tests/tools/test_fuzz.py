"""What strangers' bytes come to: a few inputs here, very many by `make fuzz`. What once went wrong is in `found/`."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.fuzz.targets import TARGETS

FOUND = sorted(Path(__file__).with_name("found").iterdir())


@pytest.mark.parametrize("name", TARGETS)
def test_what_a_loader_was_made_for_is_read(name):
    for data in TARGETS[name].seeds():
        TARGETS[name].check(data)


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_what_went_wrong_once_does_not_again(path):
    TARGETS[path.stem.split("-")[0]].check(bytes.fromhex(path.read_text()))


@st.composite
def spoilt(draw: st.DrawFn, name: str) -> bytes:
    """An example of which a few pieces were replaced, removed or repeated; or anything."""
    data = draw(st.sampled_from([b"", *TARGETS[name].seeds()]))
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(data)))
        end = min(len(data), begin + draw(st.sampled_from([0, 1, 2, 8, len(data)])))
        word = draw(
            st.binary(max_size=8) | st.sampled_from([data[begin:end] * 2, b"-1", b"null", b"[[", b"\xff\xff\xff\xff"])
        )
        data = data[:begin] + word + data[end:]
    return data


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_a_spoilt_one_is_read_or_refused_in_one_line(name):
    @settings(max_examples=25)
    @given(spoilt(name))
    def check(data: bytes) -> None:
        TARGETS[name].check(data)

    check()
