from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version
from werkzeug import Response

from ci.distributions.manifest import write_manifest
from ci.errors import UserError
from ci.index.redaction import WITHHELD
from ci.index.retry import Transient
from ci.release import verify
from ci.tests import fake_index as answers
from ci.tests.checkouts import make_checkout
from ci.tests.fake_index import answering, listing
from ci.tests.told import code_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_httpserver import HTTPServer
    from werkzeug import Request

    from ci.tests.checkouts import Checkout
    from ci.tests.conftest import Clock
    from ci.tests.fake_index import Answer, FakeIndex

READER = ("reader", "correct horse battery staple")
REAL_RUN = verify.run_program
GOOD = {"__version__": "1.0", "metadata": "1.0"}


@dataclass(frozen=True)
class Started:
    """A program that was started, and the requirements that it was given."""

    command: list[str]
    folder: Path
    environ: dict[str, str]
    requirements: str

    def __contains__(self, word: str) -> bool:
        return word in self.command


@dataclass
class Machine:
    """Stands for uv and the interpreters: what was started, and what that is to say and find."""

    found: dict[str, str] | None = field(default_factory=lambda: dict(GOOD))
    requires: str = ""
    said: str = ""
    failing: dict[str, str] = field(default_factory=dict)
    started: list[Started] = field(default_factory=list)

    def run(
        self, command: Sequence[str | Path], folder: Path, environ: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        words = [str(word) for word in command]
        file = folder / "requirements.txt"
        requirements = file.read_text() if "--requirements" in words else ""
        self.started.append(Started(words, folder, dict(environ), requirements))
        for word, error in self.failing.items():
            if word in " ".join(words):
                return subprocess.CompletedProcess(words, 2, "", error)
        if "-c" in words:
            _, code, answer, *_ = words[words.index("-c") :]
            self.answer(code, Path(answer))
        return subprocess.CompletedProcess(words, 0, self.said, "")

    def answer(self, code: str, file: Path) -> None:
        """Answer as the package's environment does; not at all where nothing is to be found."""
        if code == verify.REQUIRES:
            file.write_text(json.dumps([self.requires] if self.requires else []))
        elif self.found is not None:
            file.write_text(json.dumps(self.found))

    def of(self, word: str) -> list[Started]:
        return [started for started in self.started if word in started]


@dataclass(frozen=True)
class Stage:
    """A package that is published on an index, and a machine to try it on."""

    checkout: Checkout
    index: FakeIndex
    machine: Machine
    environment: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]

    def run(self, *arguments: str) -> str | None:
        """Verify; the code of the UserError that it ends with, None if it succeeds."""
        try:
            verify.main([*arguments])
        except UserError as problem:
            print(problem)
            return code_of(problem)
        return None

    def said(self) -> str:
        return self.capture.readouterr().out


@pytest.fixture
def stage(
    checkout: Checkout,
    index: FakeIndex,
    clock: Clock,
    clean_environment: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Stage:
    assert clock.slept == []
    machine = Machine()
    clean_environment.setattr(verify, "run_program", machine.run)
    clean_environment.setenv("TWINE_REPOSITORY_URL", index.upload_url)
    clean_environment.setenv("UV_INDEX", f"mine={index.url}")
    index.files = {name: (checkout.dist / name).read_bytes() for name in checkout.files}
    return Stage(checkout, index, machine, clean_environment, capsys)


# --- what is on the index ------------------------------------------------------------------------


def test_what_was_published_is_served_installed_and_imported_on_both_pythons(stage: Stage) -> None:
    assert stage.run() is None
    said = stage.said()
    for name, digest in stage.checkout.files.items():
        assert f"  served as built: {name} {digest}" in said
    for python in ("3.8", "3.12"):
        assert f"Python {python}: thing 1.0 installs and imports" in said
        assert [python in venv for venv in stage.machine.of("venv")].count(True) == 1


def test_a_package_for_one_python_is_tried_once(stage: Stage, tmp_path: Path) -> None:
    stage.environment.chdir(make_checkout(tmp_path / "one", lowest="3.12").root)
    assert stage.run("--version", "1.0") is None
    assert len(stage.machine.of("venv")) == 1


def test_a_published_version_is_verified_without_its_distributions(stage: Stage) -> None:
    for path in stage.checkout.dist.iterdir():
        path.unlink()
    assert stage.run("--version", "1.0") is None
    assert stage.run() == "nothing-to-verify"
    assert stage.run("--version", "1.1") == "not-published"
    assert f"{stage.index.url} has no thing 1.1" in stage.said()
    assert stage.run("--version", "one") == "version-argument"
    assert stage.run("--version", "") == "version-argument"


def test_a_lagging_index_is_waited_for(stage: Stage) -> None:
    stage.index.play(reads=[answering(404)] * 3)
    assert stage.run() is None
    assert "does not show" in stage.said()


def test_what_is_not_there_is_reported_when_the_wait_is_over(stage: Stage) -> None:
    stage.index.files.popitem()
    assert stage.run() == "not-shown"
    assert f"does not show {stage.checkout.sdist.name} after 900 s" in stage.said()
    assert stage.machine.started == []


def test_a_manifest_that_the_index_does_not_agree_with_is_refused(stage: Stage) -> None:
    stage.checkout.wheel.write_bytes(b"another")
    assert stage.run() == "manifest-differs"
    write_manifest(stage.checkout.dist)
    assert stage.run() == "index-differs"
    assert stage.machine.started == []


def test_bytes_with_another_hash_than_the_listing_says_are_refused(stage: Stage) -> None:
    promised = listing(lambda _: stage.checkout.files)
    stage.index.files[stage.checkout.wheel.name] += b"\0"
    stage.index.play(reads=[promised, promised])
    assert stage.run() == "index-differs"
    assert stage.machine.started == []


def without_files(status: int) -> Answer:
    """The listings as usual, but no file."""

    def answer(index: FakeIndex, request: Request) -> Response:
        broken = request.path.startswith("/files/")
        return answering(status)(index, request) if broken else index.usual(request)

    return answer


@pytest.mark.parametrize("status", [403, 404, 503])
def test_a_file_that_can_not_be_downloaded_is_reported(stage: Stage, status: int) -> None:
    stage.index.play(reads=itertools.repeat(without_files(status)))
    assert stage.run() == "not-served"
    assert f"answers {status}" in stage.said()


def test_a_file_that_is_listed_before_it_is_served_is_waited_for(stage: Stage) -> None:
    # The listing, then it again and a file, in each of three attempts.
    stage.index.play(reads=[without_files(404)] * 7)
    assert stage.run() is None
    assert "answers 404 NOT FOUND; attempt 4 of 5" in stage.said()


# --- how it is installed -------------------------------------------------------------------------


def test_the_wheel_comes_by_its_hash_from_its_index_alone(stage: Stage) -> None:
    assert stage.run() is None
    install = stage.machine.of("--require-hashes")[0]
    hashes = " ".join(f"--hash=sha256:{digest}" for digest in stage.checkout.files.values())
    assert install.requirements == f"thing==1.0 {hashes}\n"
    for option in ("--no-deps", "--no-build", "--no-cache", "--no-config"):
        assert option in install
    assert install.environ["UV_DEFAULT_INDEX"] == f"published={stage.index.url}"
    assert "UV_INDEX" not in install.environ
    assert stage.checkout.root not in install.folder.parents


def test_an_installer_that_fails_is_tried_again_and_then_quoted(stage: Stage) -> None:
    stage.machine.failing = {"--require-hashes": "no wheel\n  for this\x1b[31m"}
    assert stage.run() == "install-fails"
    assert len(stage.machine.of("--require-hashes")) == 5
    said = stage.said()
    assert r"Python 3.8: uv can't install it: no wheel for this\x1b[31m" in said
    assert f"and that {stage.index.url} has the files" in said


@pytest.mark.parametrize(
    ("failing", "code"),
    [
        ({"venv": "none\nhere"}, "no-interpreter"),
        ({"_REQUIRES": ""}, None),
        ({"import_module": "ImportError: no"}, "import-fails"),
        ({"importlib.metadata.requires": ""}, "import-fails"),
    ],
)
def test_each_step_that_fails_has_its_reason(
    stage: Stage, failing: dict[str, str], code: str | None
) -> None:
    stage.machine.failing = failing
    assert stage.run() == code
    assert code is None or all(
        " ".join(text.split()) or "exit code 2" in stage.said() for text in failing.values()
    )


def test_a_missing_interpreter_is_named_with_how_to_get_it(stage: Stage) -> None:
    stage.machine.failing = {"venv": "no interpreter found"}
    assert stage.run() == "no-interpreter"
    said = stage.said()
    assert "an environment with Python 3.8 can't be made: no interpreter found" in said
    assert "uv python install 3.8" in said


@pytest.mark.parametrize(
    "found",
    [
        {"__version__": "1.1"},
        {"__version__": "one"},
        {"metadata": "1.1"},
    ],
)
def test_another_version_than_was_installed_is_found_out(
    stage: Stage, found: dict[str, str]
) -> None:
    stage.machine.found = GOOD | found
    assert stage.run() == "installed-version"
    assert f"on Python 3.8 {next(iter(found))} is {next(iter(found.values()))!r}" in stage.said()


def test_a_version_that_is_only_spelled_differently_is_the_same() -> None:
    found = {"__version__": "1.0.0-rc.1", "metadata": "1.0.0rc1"}
    verify.check_versions("3.12", found, Version("1.0rc1"))


@pytest.mark.parametrize(
    ("version", "found"), [("1.0", {"__version__": "1.0"}), (ModuleType("x"), {}), (1.0, {})]
)
def test_only_a_version_that_is_a_string_is_compared(
    version: object, found: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = ModuleType("thing")
    package.__version__ = version  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "thing", package)
    monkeypatch.setattr(sys, "argv", ["-c", str(tmp_path / "answer"), "thing", "pytest"])
    exec(verify.PROBE, {})  # noqa: S102
    answer = json.loads((tmp_path / "answer").read_text())
    assert answer == {"metadata": pytest.__version__, **found}


def test_what_the_package_prints_is_no_answer(stage: Stage) -> None:
    stage.machine.said = 'loading\n{"metadata": "9"}\nbye\n'
    assert stage.run() is None


def test_bytes_that_are_no_text_are_no_traceback(tmp_path: Path) -> None:
    assert REAL_RUN(["printf", r"\377"], tmp_path, os.environ).stdout == "\ufffd"


def test_an_import_that_ends_the_process_is_reported(stage: Stage) -> None:
    stage.machine.found = None
    assert stage.run() == "import-fails"
    assert "what was installed: the import ends the process" in stage.said()


# --- what the programs see -----------------------------------------------------------------------

SECRET = "correct horse battery staple"


@pytest.fixture
def secretive(stage: Stage) -> Stage:
    """An environment full of secrets, of which each program may know its own at most."""
    for name in (
        *("AWS_SECRET_ACCESS_KEY", "TWINE_PASSWORD", "PYPI_SECRET_ID", "PIP_INDEX_URL"),
        *("PYTHONPATH", "PYTHONSTARTUP", "VIRTUAL_ENV", "UV_INDEX_MINE_PASSWORD"),
        *("UV_INDEX_OTHER_PASSWORD", "UV_PUBLISH_TOKEN", "GITHUB_TOKEN"),
    ):
        stage.environment.setenv(name, f"{SECRET} {name}")
    stage.environment.setenv("UV_INDEX", f"mine={stage.index.url} other=https://other.invalid/")
    stage.environment.setenv("UV_PYTHON_DOWNLOADS", "never")
    stage.machine.requires = "needed>=2"
    stage.index.reader = ("", f"{SECRET} UV_INDEX_MINE_PASSWORD")
    return stage


def secrets_of(started: Started) -> set[str]:
    return {name for name, value in started.environ.items() if value.startswith(SECRET)}


def test_the_package_s_own_code_sees_no_secret_at_all(secretive: Stage) -> None:
    assert secretive.run() is None
    for probe in secretive.machine.of("-c"):
        assert secrets_of(probe) == set()
        assert probe.environ["HOME"] == str(probe.folder)
        known = {"PATH", "HOME", "LANG", "TMPDIR", "TZ", "LD_LIBRARY_PATH"}
        assert {name for name in probe.environ if not name.startswith("LC_")} <= known
        assert "-I" in probe


def test_the_program_that_makes_environments_in_the_checkout_sees_none_either(
    secretive: Stage,
) -> None:
    assert secretive.run() is None
    for venv in secretive.machine.of("venv"):
        assert venv.folder == secretive.checkout.root
        assert secrets_of(venv) == {"GITHUB_TOKEN"}  # none of ours
        assert "--no-config" in venv
        assert venv.environ["UV_PYTHON_DOWNLOADS"] == "never"


def test_the_installer_of_the_package_sees_its_index_s_password_alone(secretive: Stage) -> None:
    assert secretive.run() is None
    for install in secretive.machine.of("--require-hashes"):
        assert secrets_of(install) == {"UV_INDEX_PUBLISHED_PASSWORD", "GITHUB_TOKEN"}
        password = install.environ["UV_INDEX_PUBLISHED_PASSWORD"]
        assert password == f"{SECRET} UV_INDEX_MINE_PASSWORD"
        assert SECRET not in " ".join(install.command) + install.requirements


def test_the_installer_of_the_dependencies_sees_the_passwords_of_other_indexes(
    secretive: Stage,
) -> None:
    assert secretive.run() is None
    for install in secretive.machine.of("install"):
        if "--require-hashes" not in install:
            assert install.requirements == "needed>=2"
            assert install.environ["UV_INDEX"] == "other=https://other.invalid/"
            assert "UV_DEFAULT_INDEX" not in install.environ
            assert "UV_INDEX_OTHER_PASSWORD" in secrets_of(install)
            assert "UV_INDEX_MINE_PASSWORD" not in secrets_of(install)
            assert not secrets_of(install) & {"AWS_SECRET_ACCESS_KEY", "TWINE_PASSWORD"}


def test_what_uv_says_is_not_shown_where_it_quotes_the_password(secretive: Stage) -> None:
    secretive.machine.failing = {"--require-hashes": f"401 for {SECRET} UV_INDEX_MINE_PASSWORD"}
    assert secretive.run() == "install-fails"
    said = secretive.said()
    assert WITHHELD in said
    assert SECRET not in said


@pytest.mark.parametrize(
    "name",
    ["UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"],
)
@pytest.mark.parametrize("entry", ["{}", "name={}", "https://x.invalid/ {}"])
def test_a_password_in_a_url_that_uv_would_read_is_refused_and_not_shown(
    stage: Stage, name: str, entry: str
) -> None:
    stage.environment.setenv(name, entry.format("https://me:hunter2@index.invalid/"))
    assert stage.run() == "url-with-password"
    said = stage.said()
    assert name in said
    assert "hunter2" not in said
    assert stage.index.asked == []


def test_a_password_behind_a_comma_is_refused_where_uv_reads_a_comma(stage: Stage) -> None:
    stage.environment.setenv("UV_FIND_LINKS", "https://x.invalid/,https://me:hunter2@y.invalid/")
    assert stage.run() == "url-with-password"
    assert "hunter2" not in stage.said()


def test_files_and_folders_may_be_indexes_of_dependencies(stage: Stage) -> None:
    stage.environment.setenv("UV_DEFAULT_INDEX", "file:///srv/simple")
    stage.environment.setenv("UV_FIND_LINKS", "/srv/wheels")
    stage.machine.requires = "needed"
    assert stage.run() is None
    dependencies = stage.machine.of("install")[-1]
    assert dependencies.environ["UV_DEFAULT_INDEX"] == "file:///srv/simple"
    assert dependencies.environ["UV_FIND_LINKS"] == "/srv/wheels"
    package = stage.machine.of("--require-hashes")[0]
    assert "UV_FIND_LINKS" not in package.environ


def lose_the_dependency(stage: Stage, *, times: int) -> list[str]:
    """Require `needed`, which can't be installed so many times; a list of all attempts."""
    stage.machine.requires = "needed"
    install, attempts = verify.Sandbox.install, []

    def fails(sandbox: verify.Sandbox, requirements: str, *rest: object) -> None:
        if requirements == "needed":
            attempts.append(sandbox.python)
            if len(attempts) <= times:
                raise Transient("there is no needed")
        install(sandbox, requirements, *rest)  # type: ignore[arg-type]

    stage.environment.setattr(verify.Sandbox, "install", fails)
    return attempts


def test_dependencies_that_can_not_be_installed_at_once_are_tried_again(stage: Stage) -> None:
    attempts = lose_the_dependency(stage, times=4)
    assert stage.run() is None
    assert attempts == ["3.8"] * 5 + ["3.12"]


@pytest.mark.parametrize(
    ("variables", "searched"),
    [
        ({}, "PyPI"),
        ({"UV_INDEX": "other=https://other.invalid/"}, "PyPI or other=https://other.invalid/"),
        ({"UV_DEFAULT_INDEX": "file:///srv/simple"}, "file:///srv/simple"),
        (
            {"UV_INDEX_URL": "https://x.invalid/", "UV_FIND_LINKS": "/srv"},
            "https://x.invalid/ or /srv",
        ),
    ],
)
def test_dependencies_that_can_not_be_installed_are_reported_with_where_they_were_looked_for(
    stage: Stage, variables: dict[str, str], searched: str
) -> None:
    attempts = lose_the_dependency(stage, times=5)
    for name, value in variables.items():
        more = f"mine={stage.index.url} " if name == "UV_INDEX" else ""
        stage.environment.setenv(name, more + value)
    assert stage.run() == "dependencies-fail"
    said = stage.said()
    assert "there is no needed" in said
    assert f"has a version for this Python on {searched};" in said
    assert "set UV_DEFAULT_INDEX" in said
    assert len(attempts) == 5


def test_the_package_s_index_is_the_dependencies_too_where_it_is_the_default(
    secretive: Stage,
) -> None:
    secretive.environment.setenv("UV_DEFAULT_INDEX", f"mine={secretive.index.url}")
    assert secretive.run() is None
    dependencies = secretive.machine.of("install")[-1]
    assert dependencies.environ["UV_DEFAULT_INDEX"] == f"mine={secretive.index.url}"
    assert "UV_INDEX_MINE_PASSWORD" in secrets_of(dependencies)


# --- with a real installer -----------------------------------------------------------------------


@pytest.fixture
def real(tmp_path: Path, stage: Stage) -> Stage:
    """The stage with uv and Python 3.12 as they are, and thing 1.0, which needs needed 2."""
    code = "import atexit, needed\n__version__ = '1.0'\nassert needed.where == 'default'\n"
    code += "print('hello')\natexit.register(print, 'bye')\n"
    made = make_checkout(tmp_path / "real", code=code, requires=("needed>=2",), lowest="3.12")
    stage.environment.setattr(verify, "run_program", REAL_RUN)
    stage.environment.chdir(made.root)
    stage.index.files = {name: (made.dist / name).read_bytes() for name in made.files}
    for where, version in (("release", "3.0"), ("default", "2.0")):
        needed = make_checkout(
            tmp_path / where, name="needed", version=version, code=f"where = {where!r}\n"
        )
        if where == "release":
            stage.index.files |= {needed.wheel.name: needed.wheel.read_bytes()}
        else:
            stage.environment.setenv("UV_FIND_LINKS", str(needed.dist))
    stage.environment.setenv("UV_NO_INDEX", "1")
    # uv finds this very Python first, and downloads none.
    stage.environment.setenv("UV_PYTHON_DOWNLOADS", "never")
    stage.environment.setenv("PATH", f"{sys.base_prefix}/bin{os.pathsep}{os.environ['PATH']}")
    return stage


def test_the_package_comes_from_its_index_and_dependencies_from_the_user_s(real: Stage) -> None:
    assert real.run() is None
    assert "Python 3.12: thing 1.0 installs and imports" in real.said()


def test_uv_gives_the_password_to_the_index_and_not_to_where_its_files_are(
    real: Stage, elsewhere: HTTPServer
) -> None:
    got: list[str | None] = []

    def serve(request: Request) -> Response:
        got.append(request.headers.get("Authorization"))
        return Response(real.index.files[request.path.removeprefix("/")])

    elsewhere.expect_request(answers.ANYWHERE).respond_with_handler(serve)
    real.index.reader = READER
    real.index.links = elsewhere.url_for("/")
    real.environment.setenv("UV_INDEX_MINE_USERNAME", READER[0])
    assert real.run() == "index-access"
    real.environment.setenv("UV_INDEX_MINE_PASSWORD", READER[1])
    assert real.run() is None
    assert len(got) >= 3  # two files by us, and one by uv
    assert set(got) == {None}
