"""A proxy in front of an index that does to uploads and reads what networks and servers do."""

from __future__ import annotations

import http.client
import os
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_HOP_BY_HOP = {"connection", "content-length", "date", "server", "transfer-encoding"}


@dataclass(frozen=True)
class Answer:
    status: int
    reason: str
    headers: dict[str, str]
    body: bytes


class FaultyProxy:
    """Listens on loopback; takes the next of `uploads` or `reads` for each request, then none.

    `url` stands for the index behind it, `upload_count` and `read_count` count what came.
    """

    def __init__(self, index_url: str) -> None:
        self.behind = urlsplit(index_url)
        self.ended = threading.Event()
        self.uploads: Iterator[Fault] = iter(())
        self.reads: Iterator[Fault] = iter(())
        self.upload_count = self.read_count = 0
        self.dead = False
        self.last_listing: Answer | None = None
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{self.behind.path}"

    def play(self, uploads: Iterable[Fault] = (), reads: Iterable[Fault] = ()) -> None:
        """Begin anew with these faults; without any, be a faultless proxy."""
        self.uploads, self.reads = iter(uploads), iter(reads)
        self.upload_count = self.read_count = 0
        self.dead = False
        self.last_listing = None

    def next_fault(self, *, upload: bool) -> Fault:
        with self._lock:
            if upload:
                self.upload_count += 1
            else:
                self.read_count += 1
            if self.dead:
                return reset
            return next(self.uploads if upload else self.reads, pass_on)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: that connections break is what this is for."""


class Exchange(BaseHTTPRequestHandler):
    """One request, and what can be done with it."""

    proxy: FaultyProxy

    def do_GET(self) -> None:
        self.proxy.next_fault(upload=False)(self)

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def do_POST(self) -> None:
        self.proxy.next_fault(upload=True)(self)

    def forward(self) -> Answer:
        """Ask the index; the client's Host header goes along, so that its links lead here."""
        behind = self.proxy.behind
        connection = http.client.HTTPConnection(behind.hostname or "", behind.port, timeout=30)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            connection.request(self.command, self.path, body or None, dict(self.headers))
            response = connection.getresponse()
            headers = {
                name: value
                for name, value in response.getheaders()
                if name.lower() not in _HOP_BY_HOP
            }
            return Answer(response.status, response.reason, headers, response.read())
        finally:
            connection.close()

    def reply(self, answer: Answer, *, length: int | None = None) -> None:
        """Send it, claiming `length` bytes of body if that is given."""
        self.send_response(answer.status, answer.reason)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def drain(self) -> None:
        """Read the request's body: a client that is still sending would see a reset instead."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""


Fault = Callable[[Exchange], None]


def _handler_of(proxy: FaultyProxy) -> type[Exchange]:
    return type("BoundExchange", (Exchange,), {"proxy": proxy})


def pass_on(exchange: Exchange) -> None:
    exchange.reply(exchange.forward())


def reset(exchange: Exchange) -> None:
    """End the connection as a crashed peer does, with a reset and not with a farewell."""
    exchange.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(exchange.connection.detach())


def reset_mid_body(exchange: Exchange) -> None:
    exchange.rfile.read(200)
    reset(exchange)


def reset_before_the_answer(exchange: Exchange) -> None:
    """The upload has arrived, and its client will never know."""
    exchange.forward()
    reset(exchange)


def hang(exchange: Exchange) -> None:
    exchange.drain()
    exchange.proxy.ended.wait(60)
    reset(exchange)


def die(exchange: Exchange) -> None:
    """From now on, nothing is answered."""
    exchange.proxy.dead = True
    reset(exchange)


def answering(status: int, reason: str, *, text: str = "", **headers: str) -> Fault:
    """Answer so without asking the index."""

    def fault(exchange: Exchange) -> None:
        exchange.drain()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        exchange.reply(Answer(status, reason, named, text.encode()))

    return fault


def accept_and_answer(status: int, reason: str) -> Fault:
    """Hand it to the index, and answer something else."""

    def fault(exchange: Exchange) -> None:
        exchange.forward()
        exchange.reply(Answer(status, reason, {}, b""))

    return fault


def echo_the_authorization(exchange: Exchange) -> None:
    """A careless server: its error page shows the request's headers."""
    exchange.drain()
    exchange.reply(Answer(403, "Forbidden", {}, str(exchange.headers).encode()))


def stale(exchange: Exchange) -> None:
    """What the listing was when it was first asked for."""
    proxy = exchange.proxy
    proxy.last_listing = proxy.last_listing or exchange.forward()
    exchange.reply(proxy.last_listing)


def cut_short(exchange: Exchange) -> None:
    answer = exchange.forward()
    exchange.reply(
        Answer(answer.status, answer.reason, answer.headers, answer.body[: len(answer.body) // 2]),
        length=len(answer.body),
    )


def garbled(exchange: Exchange) -> None:
    exchange.reply(Answer(200, "OK", {"Content-Type": "application/vnd.pypi.simple.v1+json"}, b"<"))


def rewritten(pattern: bytes, replacement: bytes) -> Fault:
    """The index's answer with every match of `pattern` replaced."""

    def fault(exchange: Exchange) -> None:
        answer = exchange.forward()
        body = re.sub(pattern, replacement, answer.body)
        exchange.reply(Answer(answer.status, answer.reason, answer.headers, body))

    return fault
