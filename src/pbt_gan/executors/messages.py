"""Messages between the run's process and a worker: JSON, and raw bytes behind it."""

import json
import socket
import struct
from collections.abc import Mapping
from threading import Lock
from typing import Any, NamedTuple

_LENGTHS = struct.Struct("!QQ")  # bytes of the JSON, bytes of the payload
_CHUNK = 1 << 20
_MOST = 1 << 32  # bytes of either part; text that strayed into the connection reads as far more


class Message(NamedTuple):
    """One message."""

    content: Mapping[str, Any]
    payload: bytes


class Channel:
    """One end of a connection. Several threads may send; one receives."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._unread = bytearray()
        self._sending = Lock()

    def fileno(self) -> int:
        """Return the file number, for a selector."""
        return self._connection.fileno()

    def send(self, content: Mapping[str, Any], payload: bytes | memoryview = b"") -> None:
        """Send one message.

        Raises:
            OSError: the other end is gone.
        """
        text = json.dumps(content, default=dict).encode()  # default: read-only mappings
        with self._sending:  # a heartbeat must not come between the two halves of an answer
            self._connection.sendall(_LENGTHS.pack(len(text), len(payload)) + text)
            self._connection.sendall(payload)

    def receive(self, *, wait: bool = True) -> list[Message]:
        """Read what bytes there are, or wait for the first, and return the messages that they complete.

        Raises:
            EOFError: the other end is gone, and with it what it had not sent.
            ValueError: the bytes are no message of ours.
        """
        try:
            chunk = self._connection.recv(_CHUNK, 0 if wait else socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        except ConnectionResetError:
            chunk = b""
        if not chunk:
            raise EOFError
        self._unread += chunk
        messages = []
        while message := self._next():
            messages.append(message)
        return messages

    def close(self) -> None:
        """Close this end."""
        self._connection.close()

    def _next(self) -> Message | None:
        start = _LENGTHS.size
        if len(self._unread) < start:
            return None
        text, payload = _LENGTHS.unpack_from(self._unread)
        if max(text, payload) > _MOST:
            raise ValueError(f"it begins with {bytes(self._unread[:start])!r}")
        end = start + text + payload
        if len(self._unread) < end:
            return None
        message = Message(
            json.loads(self._unread[start : start + text]),
            bytes(self._unread[start + text : end]),
        )
        del self._unread[:end]
        return message
