"""docs/adopting.md does what it says: its commands are run as they stand, its tables are whole."""

from __future__ import annotations

import ast
import inspect
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ci.adopt import needs
from ci.checkout.git import git
from ci.tests.samples import commit, make_package, write

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "adopting.md").read_text(encoding="utf-8")

SETTINGS_OF_NEEDS = inspect.getsource(needs).partition("def _settings")[2]

MODULE = '''\
"""A package to adopt the pipeline in."""

__version__ = "1.2.0"
'''
TESTS = '''\
"""Its tests."""

import demo_pkg


def test_version() -> None:
    """The version is a string."""
    assert demo_pkg.__version__ == "1.2.0"
'''


def commands() -> list[str]:
    """What the page has its reader type, in order."""
    blocks = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    return [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines()]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with a repository to clone this one from, and with `yours`."""
    names = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    origin = tmp_path / "origin"
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (origin / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, origin / name)
    git(origin, "init", "--quiet")
    commit(origin)
    yours = make_package(tmp_path / "yours")
    write(yours, {"src/demo_pkg/__init__.py": MODULE, "tests/test_demo.py": TESTS})
    write(yours, {"ci/own.sh": "true\n", "cdk/own.json": "{}\n"})
    commit(yours)
    return tmp_path


@pytest.mark.slow
def test_what_the_reader_types_works_from_the_first_line_to_the_last(here: Path) -> None:
    script = "\n".join(["set -ex", *commands()]).replace("URL-OF-THIS-REPOSITORY", "origin")
    outer = ("NOX", "COV_", "VIRTUAL_ENV", "SOURCE_", "PYTEST_")
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=here,
        env={name: value for name, value in os.environ.items() if not name.startswith(outer)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "tests-3.12: success" in done.stdout
    assert "1 passed" in done.stdout
    assert "every file of the pipeline is there as it should be" in done.stdout
    left = set(git(here / "yours", "ls-files", "ci", "cdk", "noxfile.py", "buildspec.yml").split())
    assert left == {"ci/own.sh", "cdk/own.json"}


def test_no_command_is_left_untried() -> None:
    assert len(commands()) > 8
    inline = re.findall(r"`(nox -s [^`]+)`", PAGE)
    known = {"adopt_proof", "fmt", "lock", "lint", "tests", "build", "pr", "release", "typecheck"}
    assert {word for command in inline for word in command.split()[2:]} <= known


def test_every_message_is_explained() -> None:
    trees = [
        ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "ci/adopt").glob("*.py")
    ]
    codes = {
        node.args[0].value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "UserError"
        and isinstance(node.args[0], ast.Constant)
    }
    assert len(codes) > 15
    assert codes - set(re.findall(r"`([a-z-]+)`", PAGE)) == set()


def test_the_settings_that_are_named_are_those_that_adopt_writes() -> None:
    named = PAGE.partition("adopt writes ")[2].partition(", where yours")[0]
    written = set(re.findall(r'Need\(where, "([a-z-]+)"', SETTINGS_OF_NEEDS))
    assert set(re.findall(r"`([a-z-]+)`", named)) == written


def test_what_came_of_the_packages_is_there() -> None:
    rows = PAGE.partition("<!-- proof: begin -->")[2].splitlines()
    adopted = [row for row in rows if " passed" in row]
    for backend in ("hatchling", "setuptools", "flit", "poetry-core", "pdm"):
        assert any(f"| {backend}, " in row for row in adopted), backend
    for layout in ("src", "flat"):
        assert any(f", {layout} |" in row for row in adopted), layout
    assert any("refused: `adopt-compiled`" in row for row in rows)
