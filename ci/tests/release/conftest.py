"""A package that is built and pushed, and an index that shows what was published of it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from ci.tests.samples import git, make_dist, make_package, to_be_copied

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_httpserver import HTTPServer

INIT = "src/demo_pkg/__init__.py"
PAGE = "/simple/demo-pkg/"


@pytest.fixture(scope="session")
def pushed_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the good package, 1.2.0, built and pushed to the repository beside it."""
    folder = tmp_path_factory.mktemp("pushed")
    root = make_package(folder / "package")
    make_dist(root)
    git(folder, "init", "--quiet", "--bare", "origin.git")
    git(root, "remote", "add", "origin", "../origin.git")
    git(root, "push", "--quiet", "origin", "main")
    to_be_copied(folder / "origin.git")
    return folder


@pytest.fixture
def pushed(
    pushed_once: Path,
    tmp_path: Path,
    clean_environment: pytest.MonkeyPatch,
    httpserver: HTTPServer,
) -> Path:
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
    shutil.copytree(pushed_once, tmp_path, dirs_exist_ok=True)
    clean_environment.chdir(tmp_path / "package")
    return tmp_path / "package"


def publish(httpserver: HTTPServer, *versions: str) -> None:
    """Have the index show an sdist of each version, and nothing else."""
    links = "".join(f'<a href="demo_pkg-{v}.tar.gz">demo_pkg-{v}.tar.gz</a>' for v in versions)
    httpserver.clear()
    httpserver.expect_request(PAGE).respond_with_data(links, content_type="text/html")
