"""A package to adopt the pipeline in: made once, copied for each test. And what it would get."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ci.adopt.adopter import read_adopter
from ci.adopt.needs import needs
from ci.tests.samples import make_package, write

if TYPE_CHECKING:
    from collections.abc import Callable

    Lacking = Callable[..., dict[str, Any]]

ROOT = Path(__file__).parents[3]
HEAD = """\
[project]
name = "demo-pkg"
version = "1.2.0"
classifiers = ["Programming Language :: Python :: 3.8", "Programming Language :: Python :: 3.12"]
"""


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_package(tmp_path_factory.mktemp("template") / "package")


@pytest.fixture
def package(template: Path, tmp_path: Path) -> Path:
    root = tmp_path / "package"
    shutil.copytree(template, root)
    return root


@pytest.fixture
def lacking(package: Path) -> Lacking:
    """What adopt would add to a pyproject.toml, by dotted key."""

    def call(more: str, *, backend: str = "flit_core.buildapi", **files: str) -> dict[str, Any]:
        build = f'[build-system]\nrequires = []\nbuild-backend = "{backend}"\n'
        write(package, {"pyproject.toml": HEAD + more + build, **files})
        found = needs(ROOT, read_adopter(ROOT, package))
        return {".".join((*need.table, need.key)): need.value for need in found}

    return call
