"""A package to adopt the pipeline in: made once, copied for each test."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from ci.tests.samples import make_package

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_package(tmp_path_factory.mktemp("template") / "package")


@pytest.fixture
def package(template: Path, tmp_path: Path) -> Path:
    root = tmp_path / "package"
    shutil.copytree(template, root)
    return root
