import io
import threading
from contextlib import closing

import pytest
from rich.console import Console

from pbt_gan.gan.data.parallel import AHEAD, CHUNK, in_order


@pytest.fixture(params=[1, 3], autouse=True)
def cores(request, monkeypatch):
    monkeypatch.setattr("pbt_gan.gan.data.parallel.usable_cores", lambda: request.param)
    return request.param


def test_results_stand_in_the_order_of_the_things_whatever_is_ready_first(cores):
    first = threading.Event()

    def work(thing):
        if thing == 0 and cores > 1:
            assert first.wait(60)  # until a later one is done
        elif thing == CHUNK:
            first.set()
        return thing * 2

    assert list(in_order(work, range(5 * CHUNK + 3), "")) == [2 * thing for thing in range(5 * CHUNK + 3)]


@pytest.mark.parametrize(
    ("terminal", "level", "shown"), [(True, "INFO", True), (True, "WARNING", False), (False, "INFO", False)]
)
def test_a_bar_is_drawn_on_a_terminal_of_a_command_and_nowhere_else(monkeypatch, caplog, terminal, level, shown):
    caplog.set_level(level, "pbt_gan")  # a command shows what workers and other programs keep to themselves
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=terminal, width=80)
    monkeypatch.setattr("pbt_gan.terminal.console", lambda stderr: console)
    assert len(list(in_order(str, range(200), "Looking at pictures"))) == 200
    assert ("Looking at pictures" in screen.getvalue()) is shown


def test_of_nothing_comes_nothing():
    assert list(in_order(pytest.fail, [], "")) == []


def test_an_error_reaches_whoever_reads_and_ends_the_work():
    done = []

    def work(thing):
        if thing == 3:
            raise KeyError(thing)
        done.append(thing)

    with pytest.raises(KeyError):
        list(in_order(work, range(10_000), ""))
    assert len(done) < 5_000
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("pictures")]


def test_nobody_works_far_ahead_or_on_after_the_last_result_that_is_wanted(cores):
    begun: list[int] = []
    with closing(in_order(begun.append, range(100_000), "")) as results:
        next(results)
    assert len(begun) <= (AHEAD * cores + 1) * CHUNK
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("pictures")]
