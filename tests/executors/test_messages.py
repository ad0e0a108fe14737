import math
import socket
import threading
from types import MappingProxyType
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbt_gan.executors.messages import Channel, Message

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
CUTS = st.lists(st.integers(1, 40), max_size=20)


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    yield Channel(ours), theirs
    ours.close()
    theirs.close()


class Recorder:
    """A connection that keeps what is sent, and gives it out in pieces of any length."""

    def __init__(self) -> None:
        self.sent = b""
        self.cuts: list[int] = []

    def sendall(self, data):
        self.sent += bytes(data)

    def recv(self, size, flags=0):
        piece = self.sent[: min(self.cuts.pop(), size)] if self.cuts else self.sent
        self.sent = self.sent[len(piece) :]
        return piece


@pytest.mark.slow
@settings(max_examples=50)
@given(st.lists(st.tuples(st.dictionaries(st.text(), JSON), st.binary(max_size=100)), max_size=3), CUTS)
def test_messages_arrive_whole_and_in_order_however_the_bytes_are_cut(messages, cuts):
    connection = Recorder()
    channel = Channel(cast(socket.socket, connection))
    for content, payload in messages:
        channel.send(content, payload)
    connection.cuts = cuts
    found: list[Message] = []
    while connection.sent:
        found += channel.receive()
    assert found == messages


def test_numbers_keep_their_type_and_every_bit(pair):
    channel, theirs = pair
    values = [1, 1.0, 0.1 + 0.2, math.inf, -math.inf, 5e-324, True]
    Channel(theirs).send(MappingProxyType({"values": values, "inner": MappingProxyType({"nan": math.nan})}))
    (message,) = channel.receive()
    assert message.content["values"] == values
    assert [type(value) for value in message.content["values"]] == [type(value) for value in values]
    assert math.isnan(message.content["inner"]["nan"])


def test_an_end_in_the_middle_of_a_message_is_an_end(pair):
    channel, theirs = pair
    theirs.sendall(b"\0" * 7)
    assert channel.receive() == []
    theirs.close()
    with pytest.raises(EOFError):
        channel.receive()


def test_who_does_not_wait_gets_what_there_is(pair):
    channel, theirs = pair
    assert channel.receive(wait=False) == []
    Channel(theirs).send({"type": "alive"})
    assert channel.receive(wait=False) == [Message({"type": "alive"}, b"")]
    assert channel.receive(wait=False) == []


@pytest.mark.parametrize("stray", [b"a line of text that is long", b"\0" * 7 + b"\2" + b"\0" * 8 + b"no"])
def test_what_is_no_message_is_told_and_not_waited_for(pair, stray):
    channel, theirs = pair
    theirs.sendall(stray)
    with pytest.raises(ValueError):
        channel.receive()


def test_messages_of_several_threads_do_not_get_into_each_other(pair):
    channel, theirs = pair
    sender = Channel(theirs)

    def send(number: int) -> None:
        for _ in range(20):
            sender.send({"from": number}, bytes([number]) * 50_000)

    senders = [threading.Thread(target=send, args=(number,)) for number in range(3)]
    for thread in senders:
        thread.start()
    found: list[Message] = []
    while len(found) < 60:
        found += channel.receive()
    for thread in senders:
        thread.join()
    assert all(message.payload == bytes([message.content["from"]]) * 50_000 for message in found)
