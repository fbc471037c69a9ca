"""A proxy in front of the index that drops the connection after N uploads."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from collections.abc import Iterator

_HOP = {"connection", "content-encoding", "content-length", "host", "transfer-encoding"}


@contextmanager
def cutting_proxy(upstream: str, *, uploads: int) -> Iterator[str]:
    """The address of a proxy to `upstream` that hangs up at each POST after so many uploads."""
    posts = count(1)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._forward()

        def do_POST(self) -> None:
            if next(posts) > uploads:
                self.close_connection = True
                self.connection.close()
                return
            self._forward()

        def _forward(self) -> None:
            answer = requests.request(
                self.command,
                upstream + self.path,
                data=self.rfile.read(int(self.headers.get("Content-Length", 0))),
                headers={k: v for k, v in self.headers.items() if k.lower() not in _HOP},
                timeout=60,
                allow_redirects=False,
            )
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
