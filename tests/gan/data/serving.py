"""A server on this machine that answers as a test says."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[["Server"], None]


class Server(BaseHTTPRequestHandler):
    """Answers as the test says, by path."""

    answers: dict[str, Answer]
    asked: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["Range"]))
        self.answers.get(self.path, missing)(self)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def head(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()


def missing(server: Server) -> None:
    server.send_error(404)


def whole(server: Server, content: bytes) -> None:
    server.head(200, Content_Length=len(content))
    server.wfile.write(content)


@contextmanager
def serving(**answers: Answer) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """Serve answers by name; yields the address, and what was asked: paths and ranges."""

    class Own(Server):
        pass

    Own.answers = {f"/{name}": answer for name, answer in answers.items()}
    Own.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Own) as server:
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # whoever hangs up has his reasons
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/", Own.asked
        finally:
            server.shutdown()
            thread.join()
