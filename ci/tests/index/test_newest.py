"""The newest version is the one that a user would get."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from ci.errors import UserError
from ci.index.listing import Index
from ci.index.retry import RetryPolicy
from ci.package.project import read_project
from ci.release.verify import expected

if TYPE_CHECKING:
    from pytest_httpserver import HTTPServer

    from ci.tests.checkouts import Checkout

JSON = "application/vnd.pypi.simple.v1+json"


def serve(server: HTTPServer, *versions: str, yanked: str = "") -> Index:
    files = [
        {
            "filename": f"thing-{version}-py3-none-any.whl",
            "url": "file.whl",
            "hashes": {"sha256": "0" * 64},
            "yanked": version == yanked,
        }
        for version in versions
    ]
    page = {"meta": {"api-version": "1.0"}, "name": "thing", "files": files}
    server.expect_request("/simple/thing/").respond_with_json(page, content_type=JSON)
    hurried = RetryPolicy(attempts=1, pause=0.01, request_timeout=5)
    return Index(server.url_for("/simple/"), hurried, print)


@pytest.mark.parametrize(
    ("versions", "newest"),
    [
        (["1.9", "1.10", "1.2"], "1.10"),
        (["1.9", "2.0rc1"], "1.9"),
        (["1.0a1", "1.0b1"], "1.0b1"),
        (["1.9", "not-a-version"], "1.9"),
    ],
)
def test_the_highest_final_version_is_the_newest(
    httpserver: HTTPServer, versions: list[str], newest: str
) -> None:
    assert serve(httpserver, *versions).newest("thing") == Version(newest)


def test_a_yanked_version_is_not_the_newest(httpserver: HTTPServer) -> None:
    assert serve(httpserver, "1.0", "2.0", yanked="2.0").newest("thing") == Version("1.0")


def test_an_unpublished_project_has_no_newest_version(httpserver: HTTPServer) -> None:
    index = serve(httpserver)
    assert index.newest("thing") is None
    httpserver.clear()
    httpserver.expect_request("/simple/thing/").respond_with_data("", 404)
    assert index.newest("thing") is None


def test_an_index_that_fails_has_no_newest_version_either(httpserver: HTTPServer) -> None:
    index = serve(httpserver)
    httpserver.clear()
    httpserver.expect_request("/simple/thing/").respond_with_data("", 500)
    with pytest.raises(UserError) as raised:
        index.newest("thing")
    assert raised.value.code == "index-unreachable"


def test_the_newest_published_version_can_be_verified(
    httpserver: HTTPServer, checkout: Checkout
) -> None:
    project = read_project(checkout.root)
    assert expected(project, serve(httpserver, "0.9", "1.1"), "newest").version == Version("1.1")


def test_without_a_published_version_there_is_no_newest(
    httpserver: HTTPServer, checkout: Checkout
) -> None:
    with pytest.raises(UserError, match="newest") as raised:
        expected(read_project(checkout.root), serve(httpserver), "newest")
    assert raised.value.code == "not-published"
