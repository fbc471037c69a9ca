"""A package index in this process: the simple API, its files, and uploads, in milliseconds."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from werkzeug import Request, Response

if TYPE_CHECKING:
    from pytest_httpserver import HTTPServer

Answer = Callable[["FakeIndex", Request], Response]

ANYWHERE = re.compile(".*")
USERNAME = "__token__"
PASSWORD = "pypi-" + "AbCd3fGh1jKlMn0p" * 4


@dataclass
class FakeIndex:
    """One index of a server. Each request takes the next of `reads` or `uploads`, then the usual.

    The usual: uploads need the user name and password, no file can be replaced; the listing names
    every file with its sha256, as JSON (PEP 691), or as HTML (PEP 503) with `html`. A file is
    listed `lag` listings after its upload. `links` is where listed files are said to be. With
    `reader`, a user name and a password, it can't be read without them.
    """

    server: HTTPServer
    files: dict[str, bytes] = field(default_factory=dict)
    uploads: Iterator[Answer] = field(default_factory=lambda: iter(()))
    reads: Iterator[Answer] = field(default_factory=lambda: iter(()))
    html: bool = False
    lag: int = 0
    links: str = ""
    reader: tuple[str, str] | None = None
    asked: list[Request] = field(default_factory=list)
    _listed_from: dict[str, int] = field(default_factory=dict)
    _listings: int = 0

    def __post_init__(self) -> None:
        self.server.expect_request(ANYWHERE).respond_with_handler(self._answer)

    @property
    def url(self) -> str:
        return self.server.url_for("/simple/")

    @property
    def upload_url(self) -> str:
        return self.server.url_for("/upload/")

    @property
    def hashes(self) -> dict[str, str]:
        return {name: sha256(content) for name, content in self.files.items()}

    def play(self, uploads: Iterable[Answer] = (), reads: Iterable[Answer] = ()) -> None:
        self.uploads, self.reads = iter(uploads), iter(reads)

    def count(self, method: str) -> int:
        return sum(request.method == method for request in self.asked)

    def _answer(self, request: Request) -> Response:
        request.get_data()  # a client that is still sending would see a reset instead
        self.asked.append(request)
        if request.method == "POST":
            return next(self.uploads, usual)(self, request)
        return next(self.reads, usual)(self, request)

    def usual(self, request: Request) -> Response:
        path = request.path.removeprefix("/")
        if request.method == "POST":
            return self.accept(request)
        if self.reader and request.headers.get("Authorization") != basic(*self.reader):
            return Response(status=401, headers={"WWW-Authenticate": "Basic"})
        if path.startswith("files/"):
            name = path.removeprefix("files/")
            found = self.files.get(name)
            return Response(status=404) if found is None else Response(found)
        if path == "simple/":
            return Response('{"meta": {"api-version": "1.0"}, "projects": []}', mimetype=JSON)
        project = path.removeprefix("simple/").rstrip("/")
        return self.listing(
            {name: sha for name, sha in self.hashes.items() if name.startswith(f"{project}-")}
        )

    def accept(self, request: Request) -> Response:
        authorization = request.authorization
        if not authorization or authorization.parameters != {
            "username": USERNAME,
            "password": PASSWORD,
        }:
            return Response("Invalid or non-existent authentication information.", 403)
        uploaded = request.files["content"]
        content = uploaded.read()
        name = uploaded.filename or ""
        assert request.form[":action"] == "file_upload"
        assert request.form["sha256_digest"] == sha256(content)
        if name in self.files:
            return Response(f"{name} already exists", 400)
        self.files[name] = content
        self._listed_from[name] = self._listings + self.lag
        return Response()

    def listing(self, hashes: dict[str, str]) -> Response:
        """The project's page with these files; a hash of "" is left out."""
        self._listings += 1
        base = self.links or self.server.url_for("/files/")
        shown = {
            name: digest
            for name, digest in hashes.items()
            if self._listed_from.get(name, 0) < self._listings
        }
        if not shown:
            return Response(status=404)
        if self.html:
            links = (
                f'<a href="{base}{name}{digest and f"#sha256={digest}"}">{name}</a>'
                for name, digest in shown.items()
            )
            return Response(
                f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>", mimetype="text/html"
            )
        files = [
            {
                "filename": name,
                "url": f"{base}{name}",
                "hashes": {"sha256": digest} if digest else {},
            }
            for name, digest in shown.items()
        ]
        name = next(iter(shown)).partition("-")[0]
        page = {"meta": {"api-version": "1.0"}, "name": name, "files": files}
        return Response(json.dumps(page), mimetype=JSON)


JSON = "application/vnd.pypi.simple.v1+json"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def usual(index: FakeIndex, request: Request) -> Response:
    return index.usual(request)


def answering(status: int, text: str = "", **headers: str) -> Answer:
    """Answer so, and do nothing."""

    def answer(_: FakeIndex, request: Request) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Response(text if request.method != "HEAD" else "", status, named)

    return answer


def accept_and_answer(status: int, text: str = "") -> Answer:
    """Take the upload, and answer something else."""

    def answer(index: FakeIndex, request: Request) -> Response:
        index.accept(request)
        return Response(text, status)

    return answer


def listing(change: Callable[[dict[str, str]], dict[str, str]]) -> Answer:
    """The listing with other names or hashes."""

    def answer(index: FakeIndex, request: Request) -> Response:
        if request.path.startswith("/files/"):
            return index.usual(request)
        return index.listing(change(index.hashes))

    return answer


def echo_the_authorization(_: FakeIndex, request: Request) -> Response:
    """A careless server: its error page shows the request's headers."""
    return Response(f"<pre>{request.headers}</pre>", 403)
