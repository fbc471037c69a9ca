"""A package that is built and pushed, and an index that shows what was published of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ci.tests.samples import git, make_dist, make_package

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_httpserver import HTTPServer

INIT = "src/demo_pkg/__init__.py"
PAGE = "/simple/demo-pkg/"


@pytest.fixture
def pushed(tmp_path: Path, clean_environment: pytest.MonkeyPatch, httpserver: HTTPServer) -> Path:
    """The good package, 1.2.0, built and pushed; the index has 1.1.0."""
    for name in (
        "RELEASE_TAG",
        "RELEASE_BRANCH",
        "SOURCE_COMMIT",
        "DESTINATION_COMMIT",
        "DIST_DIR",
    ):
        clean_environment.delenv(name, raising=False)
    clean_environment.setenv("TWINE_REPOSITORY_URL", httpserver.url_for("/upload/"))
    clean_environment.setenv("UV_INDEX", httpserver.url_for("/simple/"))
    clean_environment.setenv("PUBLISH_PAUSE", "0.01")
    publish(httpserver, "1.1.0")
    root = make_package(tmp_path / "package")
    make_dist(root)
    git(tmp_path, "init", "--quiet", "--bare", "origin.git")
    git(root, "remote", "add", "origin", str(tmp_path / "origin.git"))
    git(root, "push", "--quiet", "origin", "main")
    clean_environment.chdir(root)
    return root


def publish(httpserver: HTTPServer, *versions: str) -> None:
    """Have the index show an sdist of each version, and nothing else."""
    links = "".join(f'<a href="demo_pkg-{v}.tar.gz">demo_pkg-{v}.tar.gz</a>' for v in versions)
    httpserver.clear()
    httpserver.expect_request(PAGE).respond_with_data(links, content_type="text/html")
