"""The advisory service is believed only if it answered for every pin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from werkzeug import Request, Response

from ci.dependencies import advisories
from ci.dependencies.advisories import WITNESS, Vulnerability, find_vulnerabilities
from ci.errors import UserError
from ci.tests.dependencies.advisory_server import AdvisoryServer, as_json

if TYPE_CHECKING:
    from pytest_httpserver import HTTPServer

PINS = [("attrs", "25.1.0"), ("attrs", "22.1.0"), ("typing-extensions", "4.0.0")]


@pytest.fixture
def service(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> AdvisoryServer:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    return AdvisoryServer(httpserver)


def test_every_pin_is_asked_about_two_versions_of_a_package_too(service: AdvisoryServer) -> None:
    assert find_vulnerabilities(PINS, service.url) == []
    assert set(service.asked) == {*PINS, WITNESS}


def test_a_vulnerable_pin_is_found_with_its_ids_and_what_fixes_it(service: AdvisoryServer) -> None:
    service.know(PINS[1], "GHSA-aaaa", aliases=("CVE-2026-1",))
    assert find_vulnerabilities(PINS, service.url) == [
        Vulnerability(PINS[1], ("GHSA-aaaa", "CVE-2026-1"), "a hole in attrs", ("99",))
    ]


def test_the_witness_is_reported_where_it_is_really_pinned(service: AdvisoryServer) -> None:
    assert [each.pin for each in find_vulnerabilities([WITNESS], service.url)] == [WITNESS]


def test_nothing_pinned_still_asks_whether_the_service_answers(service: AdvisoryServer) -> None:
    assert find_vulnerabilities([], service.url) == []
    assert service.asked == [WITNESS]


def fails(service: AdvisoryServer, url: str | None = None) -> str:
    with pytest.raises(UserError) as raised:
        find_vulnerabilities(PINS, url or service.url)
    assert raised.value.code == "audit-source"
    return raised.value.found


def test_an_unreachable_service_is_neither_a_pass_nor_a_vulnerability(
    service: AdvisoryServer,
) -> None:
    assert "127.0.0.1:9/" in fails(service, "http://127.0.0.1:9")


def test_a_service_that_is_silent_is_given_up(
    service: AdvisoryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advisories, "LONGEST", 0)
    assert "no answer after 0 s" in fails(service)


@pytest.mark.parametrize(
    "answer",
    [
        Response("the service is down", 500),
        Response("<html>log in to this network</html>", content_type="text/html"),
        Response("", 204),
        as_json({}),
        as_json([]),
        as_json({"results": []}),
        as_json({"results": [{}, {}, {}, {}]}),
        as_json({"results": [{"vulns": [{"id": 3}]}]}),
    ],
    ids=["500", "html", "empty", "object", "list", "no results", "knows nothing", "ids"],
)
def test_an_answer_that_makes_no_sense_is_not_believed(
    service: AdvisoryServer, answer: Response
) -> None:
    service.http.clear()
    service.http.expect_request("/v1/querybatch").respond_with_response(answer)
    assert "gave no valid answer" in fails(service)


def test_a_service_that_breaks_after_the_first_answer_is_not_believed(
    service: AdvisoryServer,
) -> None:
    service.http.clear()
    service.http.expect_request("/v1/querybatch").respond_with_handler(service.answer_batch)
    service.http.expect_request("/v1/vulns/PYSEC-2021-104").respond_with_data("", 500)
    assert "500" in fails(service)
    assert len(service.asked) == 4


@pytest.mark.parametrize("kept", [0, 1, 3])
def test_an_answer_that_was_cut_short_is_not_believed(service: AdvisoryServer, kept: int) -> None:
    def cut(request: Request) -> Response:
        return as_json({"results": service.results(request)[:kept]})

    service.http.clear()
    service.http.expect_request("/v1/querybatch").respond_with_handler(cut)
    assert "zope 4.0" in fails(service)
