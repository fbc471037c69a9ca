"""Two nights with real sessions: a green one, and one after a dependency has broken the package."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ci.tests.bench.sample import commit, put_pipeline
from ci.tests.checkouts import make_checkout
from ci.tests.dependencies.advisory_server import AdvisoryServer
from ci.tests.samples import git, write

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_httpserver import HTTPServer

    from ci.rehearsal.servers import IndexServer, PackageIndex

pytestmark = pytest.mark.slow

LIBRARY, PACKAGE = "night_library", "night_package"
PYPROJECT = f"""\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"
[project]
name = "{PACKAGE}"
version = "1.0"
requires-python = ">=3.8"
classifiers = ["Programming Language :: Python :: 3.12"]
dependencies = ["{LIBRARY}>=1"]
"""


@dataclass(frozen=True)
class Night:
    """A package that depends on a library of somebody else's; each is on an index of its own."""

    root: Path
    scratch: Path
    environ: dict[str, str]

    def publish(
        self, index: PackageIndex, name: str, version: str, code: str, *requires: str
    ) -> None:
        """Put a wheel on an index."""
        made = make_checkout(
            self.scratch / f"{name}-{version}",
            name=name,
            version=version,
            code=code,
            requires=requires,
        )
        login = ("--username", index.username, "--password", index.password)
        command = (sys.executable, "-m", "twine", "upload", "--disable-progress-bar")
        where = ("--repository-url", index.upload_url)
        subprocess.run([*command, *where, *login, str(made.wheel)], check=True)

    def pass_by(self) -> subprocess.CompletedProcess[str]:
        """Run the session."""
        command = (sys.executable, "-m", "nox", "-s", "nightly")
        return subprocess.run(
            command,
            cwd=self.root,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )


@pytest.fixture
def libraries(devpi: IndexServer) -> PackageIndex:
    return devpi.add_index("libraries")


@pytest.fixture
def night(
    tmp_path: Path, package_index: PackageIndex, libraries: PackageIndex, httpserver: HTTPServer
) -> Night:
    root = tmp_path / "package"
    module = f"import {LIBRARY}\n\n__version__ = '1.0'\nANSWER = {LIBRARY}.ANSWER\n"
    write(
        root,
        {
            "pyproject.toml": PYPROJECT,
            ".gitignore": ".nox/\nnightly/\nreports/\n",
            f"src/{PACKAGE}/__init__.py": module,
            "tests/test_answer.py": f"from {PACKAGE} import ANSWER\n\n\n"
            "def test_answer():\n    assert ANSWER == 42\n",
        },
    )
    git(root, "init", "--quiet", "--initial-branch=main")
    commit(root)
    put_pipeline(root)
    outer = {name: value for name, value in os.environ.items() if not name.startswith("NOX")}
    environ = outer | {
        "AUDIT_URL": AdvisoryServer(httpserver).url,
        "TWINE_REPOSITORY_URL": package_index.upload_url,
        "UV_INDEX": " ".join(
            [package_index.index_url, libraries.index_url, os.environ.get("UV_INDEX", "")]
        ),
        "PUBLISH_ATTEMPTS": "1",
    }
    made = Night(root, tmp_path, environ)
    made.publish(libraries, LIBRARY, "1.0", "ANSWER = 42\n")
    made.publish(package_index, PACKAGE, "1.0", module, f"{LIBRARY}>=1")
    return made


def test_a_night_is_red_when_a_dependency_breaks_the_package_and_names_it(
    night: Night, libraries: PackageIndex
) -> None:
    green = night.pass_by()
    assert green.returncode == 0, green.stdout
    resolved = (night.root / "nightly/resolved.txt").read_text(encoding="utf-8")
    assert "night-library==1.0\n" in resolved
    assert f"{PACKAGE.replace('_', '-')} 1.0 on " in green.stdout

    night.publish(libraries, LIBRARY, "1.1", "ANSWER = 41\n")
    red = night.pass_by()
    assert red.returncode == 1, red.stdout
    assert "assert 41 == 42" in red.stdout
    assert "error[nightly]" in red.stdout
    assert "night-library 1.0 -> 1.1" in red.stdout
    assert (night.root / "nightly/resolved.txt").read_text(encoding="utf-8") == resolved
    changed = (night.root / "nightly/changed.txt").read_text(encoding="utf-8")
    assert changed == "night-library 1.0 -> 1.1\n"
