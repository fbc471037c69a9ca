"""No file of the checkout and no variable decides what runs in a process that has a credential.

Each bait is shown to be taken where Python is started in the ordinary way, in the checkout.
"""

from __future__ import annotations

import os
import py_compile
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock, patch

import pytest
from werkzeug import Response

from ci.tests.checkouts import make_checkout
from ci.tests.fake_index import ANYWHERE, PASSWORD, USERNAME
from ci.tests.house.nox import load_noxfile

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_httpserver import HTTPServer
    from werkzeug import Request

    from ci.tests.checkouts import Checkout
    from ci.tests.fake_index import FakeIndex

ROOT = Path(__file__).parents[3]
PUBLISH = ("-m", "ci.release.publish")
TWINE = (
    "-m",
    "twine",
    "upload",
    "dist/thing-1.0.tar.gz",
    "--repository-url",
    "http://127.0.0.1:9/",
)


@dataclass(frozen=True)
class Hostile:
    """A checkout with the pipeline in it, and baits: one that is taken writes what it sees."""

    checkout: Checkout
    marks: Path
    index: FakeIndex
    environment: dict[str, str | None] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        return self.checkout.root

    def plant(self, path: Path, name: str, code: str = "") -> None:
        """Write a module that leaves a mark with the token if it sees it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            "import os, pathlib\n"
            f"_mark = pathlib.Path({str(self.marks / name)!r})\n"
            "_mark.write_text(os.environ.get('TWINE_PASSWORD', ''))\n" + code
        )

    def plug_in(self, group: str, line: str) -> None:
        """Let the checkout look like an installed package with that entry point."""
        folder = self.root / f"{group.replace('.', '_')}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: x\nVersion: 1\n")
        (folder / "entry_points.txt").write_text(f"[{group}]\n{line}\n")

    def taken(self) -> dict[str, str]:
        """The baits that were taken, with what they saw; the next look begins anew."""
        found = {path.name: path.read_text() for path in self.marks.iterdir()}
        for name in found:
            (self.marks / name).unlink()
        return found

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run Python in the checkout, with the token in its environment."""
        environment = {
            **os.environ,
            "TWINE_USERNAME": USERNAME,
            "TWINE_PASSWORD": PASSWORD,
            "TWINE_REPOSITORY_URL": self.index.upload_url,
            "UV_INDEX": self.index.url,
            **self.environment,
        }
        return subprocess.run(
            [sys.executable, *command],
            cwd=self.root,
            env={name: value for name, value in environment.items() if value is not None},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )


@cache
def noxfile() -> dict[str, Any]:
    """The noxfile; the victim has what these tests compiled: that would take it two seconds."""
    compiled = {"PYTHONPYCACHEPREFIX": sys.pycache_prefix} if sys.pycache_prefix else {}
    with patch.dict(os.environ, compiled):
        return load_noxfile()


def session_command(name: str) -> list[str]:
    """What that session of the noxfile gives to Python."""
    session = Mock(posargs=(), env={}, parallel=False)
    noxfile()[name](session)
    ran = [call.args for call in session.run.call_args_list if call.args[0] != "uv"]
    ((program, *arguments),) = ran
    assert program == "python"
    return [str(argument) for argument in arguments]


@pytest.fixture
def hostile(tmp_path: Path, index: FakeIndex, clean_environment: pytest.MonkeyPatch) -> Hostile:
    clean_environment.setenv("PUBLISH_PAUSE", "0.02")
    checkout = make_checkout(tmp_path / "checkout", lowest="3.12")
    ignored = shutil.ignore_patterns("tests", "__pycache__", "rehearsal", "adopt", "locks")
    shutil.copytree(ROOT / "ci", checkout.root / "ci", ignore=ignored)
    # Git is not shown the baits: those that it tracks are refused before they could be taken.
    (checkout.root / ".gitignore").write_text("/*.py\n/*.dist-info/\n/dist/\n__pycache__/\n")
    checkout.commit()
    marks = tmp_path / "marks"
    marks.mkdir()
    return Hostile(checkout, marks, index)


# --- the baits -----------------------------------------------------------------------------------


def a_twine_command(hostile: Hostile) -> None:
    hostile.plug_in("twine.registered_commands", "upload = bait_upload:main")
    hostile.plant(hostile.root / "bait_upload.py", "a_twine_command", "def main(_): pass\n")


def a_library_of_twine(hostile: Hostile) -> None:
    hostile.plant(hostile.root / "requests_toolbelt.py", "a_library_of_twine")


def a_library_for_aws(hostile: Hostile) -> None:
    hostile.plant(hostile.root / "boto3.py", "a_library_for_aws")


def a_keyring(hostile: Hostile) -> None:
    hostile.plant(hostile.root / "keyring.py", "a_keyring")


def a_module_of_the_standard_library(hostile: Hostile) -> None:
    hostile.plant(hostile.root / "configparser.py", "a_module_of_the_standard_library")


def a_keyring_backend(hostile: Hostile) -> None:
    hostile.plug_in("keyring.backends", "bait = bait_backend:load")
    hostile.plant(hostile.root / "bait_backend.py", "a_keyring_backend", "def load(): pass\n")


def bytecode(hostile: Hostile) -> None:
    """Perfect sources, and beside them bytecode that Python is told not to check."""
    source = hostile.root / "ci/index/credentials.py"
    code = source.read_text()
    hostile.plant(source, "bytecode", "_find = None\n")
    planted = source.read_text().replace("from __future__", "") + (
        "def take_from_environment(environ):\n"
        "    return environ.pop('TWINE_USERNAME'), environ.pop('TWINE_PASSWORD')\n"
    )
    source.write_text(planted)
    # Not cache_from_source: a prefix that these tests were started with is none of the victim's.
    target = source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(source), str(target), doraise=True, invalidation_mode=mode)
    source.write_text(code)


def python_path(hostile: Hostile) -> None:
    folder = hostile.root.parent / "evil"
    hostile.plant(folder / "sitecustomize.py", "python_path")
    hostile.environment["PYTHONPATH"] = str(folder)


def python_startup(hostile: Hostile) -> None:
    """Python runs it where it is interactive, as PYTHONINSPECT makes it."""
    file = hostile.root.parent / "startup.py"
    hostile.plant(file, "python_startup")
    hostile.environment.update(PYTHONSTARTUP=str(file), PYTHONINSPECT="1")


Bait = tuple["Callable[[Hostile], None]", tuple[str, ...]]
BAITS: list[Bait] = [
    (a_twine_command, TWINE),
    (a_library_of_twine, TWINE),
    (a_library_of_twine, PUBLISH),
    (a_library_for_aws, PUBLISH),
    (a_keyring, TWINE),
    (a_keyring, PUBLISH),
    (a_module_of_the_standard_library, PUBLISH),
    (bytecode, PUBLISH),
    (python_path, PUBLISH),
    (python_path, TWINE),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bait", "ordinary"), BAITS, ids=[f"{bait.__name__} of {command[1]}" for bait, command in BAITS]
)
def test_publish_ignores_files_that_plain_python_loads(
    bait: Callable[[Hostile], None], ordinary: tuple[str, ...], hostile: Hostile
) -> None:
    bait(hostile)
    hostile.run(*ordinary)
    assert hostile.taken() == {bait.__name__: PASSWORD}
    done = hostile.run(*session_command("publish"))
    assert (done.returncode, hostile.taken()) == (0, {}), done.stdout
    assert hostile.index.hashes == hostile.checkout.files


@pytest.mark.slow
def test_an_extension_module_does_not_take_the_place_of_a_source(hostile: Hostile) -> None:
    (hostile.root / f"ci/errors{EXTENSION_SUFFIXES[0]}").touch()
    ordinary = [sys.executable, "-c", "import ci.errors"]
    ours = [sys.executable, "-I", "ci/run.py", "checkout.commit"]
    ended = [
        subprocess.run(command, cwd=hostile.root, capture_output=True, check=False).returncode
        for command in (ordinary, ours)
    ]
    assert ended == [1, 0]


@pytest.mark.slow
def test_keyring_is_asked_without_the_backends_of_the_checkout(hostile: Hostile) -> None:
    a_keyring_backend(hostile)
    hostile.environment.update(TWINE_PASSWORD=None, PYTHON_KEYRING_BACKEND=None)
    hostile.run(*PUBLISH)
    assert hostile.taken() == {"a_keyring_backend": ""}
    done = hostile.run(*session_command("publish"))
    assert "error[no-credentials]" in done.stdout
    assert hostile.taken() == {}


@pytest.mark.slow
def test_verify_and_its_uv_take_nothing_of_the_checkout_either(
    hostile: Hostile, elsewhere: HTTPServer
) -> None:
    asked: list[str] = []

    def note(request: Request) -> Response:
        asked.append(request.path)
        return Response(status=404)

    elsewhere.expect_request(ANYWHERE).respond_with_handler(note)
    url = elsewhere.url_for("/simple/")
    (hostile.root / "uv.toml").write_text(f'[[index]]\nurl = "{url}"\ndefault = true\n')
    (hostile.root / "pip.conf").write_text(f"[global]\nindex-url = {url}\n")
    hostile.plant(hostile.root / "pypi_simple.py", "a_library_of_verify")
    hostile.plant(hostile.root / "thing.py", "the_package_itself")
    hostile.index.files = {
        name: (hostile.checkout.dist / name).read_bytes() for name in hostile.checkout.files
    }
    # uv finds this very Python first, and downloads none.
    path = f"{sys.base_prefix}/bin{os.pathsep}{os.environ['PATH']}"
    hostile.environment.update(PATH=path, UV_PYTHON_DOWNLOADS="never")
    hostile.run("-m", "ci.release.verify")
    assert hostile.taken() == {"a_library_of_verify": PASSWORD}
    python_path(hostile)
    done = hostile.run(*session_command("verify"))
    assert (done.returncode, hostile.taken()) == (0, {}), done.stdout
    assert "Python 3.12: thing 1.0 installs and imports" in done.stdout
    assert asked == []


def test_the_tools_of_publish_come_from_no_cache_that_the_checkout_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UV_CACHE_DIR", raising=False)
    (tmp_path / "uv.toml").write_text('cache-dir = "planted"\n', encoding="utf-8")
    session = Mock(posargs=(), env={}, parallel=False)
    noxfile()["publish"](session)
    installs = [call.args for call in session.run.call_args_list if call.args[0] == "uv"]
    used = [
        subprocess.check_output([*words[: words.index("pip")], "cache", "dir"], cwd=tmp_path)
        for words in (*installs, ("uv", "pip"))
    ]
    assert [b"planted" in path for path in used] == [*[False] * len(installs), True]
    assert installs


def test_publish_loads_none_of_the_files_left_for_it(hostile: Hostile) -> None:
    for bait in {bait for bait, _ in BAITS} | {a_keyring_backend, python_startup}:
        bait(hostile)
    done = hostile.run(*session_command("publish"))
    assert (done.returncode, hostile.taken()) == (0, {}), done.stdout
    assert hostile.index.hashes == hostile.checkout.files
    hostile.run(*TWINE)
    assert PASSWORD in hostile.taken().values()
