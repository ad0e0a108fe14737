import threading

import pytest

from pbt_gan.interrupts import cut_short, cuttable


def test_open_work_is_cut_short_and_ends_without_an_error():
    done = []
    with cuttable() as cut:
        cut_short()
        done.append("the rest")
    assert cut.short
    assert done == []


def test_what_is_not_open_is_not_cut():
    cut_short()
    with cuttable() as cut:
        pass
    cut_short()
    assert not cut.short


def test_work_that_catches_the_interrupt_is_not_asked_a_second_time():
    with cuttable() as cut:
        with pytest.raises(KeyboardInterrupt):
            cut_short()
        cut_short()
        done = True
    assert cut.short
    assert done


def test_an_interrupt_of_somebody_else_passes_and_so_does_an_error():
    for error in (KeyboardInterrupt, ZeroDivisionError):
        with pytest.raises(error), cuttable() as cut:
            raise error
        assert not cut.short
        cut_short()


def test_work_in_another_thread_is_never_cut():
    done = []

    def work():
        with cuttable() as cut:
            cut_short()
            done.append(cut.short)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [False]
