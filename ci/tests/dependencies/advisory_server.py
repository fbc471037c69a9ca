"""A stand-in for the advisory service: OSV's protocol, on loopback, with advisories made here."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from werkzeug import Request, Response

from ci.dependencies.advisories import WITNESS, Pin

if TYPE_CHECKING:
    from pytest_httpserver import HTTPServer

MODIFIED = "2026-01-31T00:00:00Z"


@dataclass
class AdvisoryServer:
    """Knows `known`, and of `WITNESS` unless told otherwise; `asked` is every pin so far."""

    http: HTTPServer
    known: dict[Pin, dict[str, Any]] = field(default_factory=dict)
    asked: list[Pin] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Answer both kinds of question."""
        self.know(WITNESS, "PYSEC-2021-104")
        self.http.expect_request("/v1/querybatch").respond_with_handler(self.answer_batch)

    @property
    def url(self) -> str:
        return self.http.url_for("").rstrip("/")

    def know(self, pin: Pin, advisory: str, *, aliases: tuple[str, ...] = ()) -> None:
        """Have an advisory for exactly that version."""
        package = {"name": pin[0], "ecosystem": "PyPI"}
        events = [{"introduced": "0"}, {"fixed": "99"}]
        self.known[pin] = {
            "id": advisory,
            "modified": MODIFIED,
            "published": MODIFIED,
            "schema_version": "1.5.0",
            "aliases": list(aliases),
            "summary": f"a hole in {pin[0]}",
            "affected": [
                {"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}]},
            ],
        }
        self.http.expect_request(f"/v1/vulns/{advisory}").respond_with_json(self.known[pin])

    def results(self, request: Request) -> list[dict[str, Any]]:
        """The answers to a batch of questions, in their order."""
        queries = json.loads(request.data)["queries"]
        pins = [(query["package"]["name"], query["version"]) for query in queries]
        self.asked += pins
        found = (self.known.get(pin) for pin in pins)
        return [
            {"vulns": [{"id": each["id"], "modified": MODIFIED}]} if each else {} for each in found
        ]

    def answer_batch(self, request: Request) -> Response:
        return as_json({"results": self.results(request)})


def as_json(document: object) -> Response:
    return Response(json.dumps(document), content_type="application/json")
