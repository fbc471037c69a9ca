from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from ci.distributions.manifest import write_manifest
from ci.errors import UserError
from ci.index.listing import Index
from ci.index.retry import RetryPolicy
from ci.release import publish
from ci.tests import faulty_proxy as faults
from ci.tests.checkouts import make_checkout

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ci.rehearsal.servers import PackageIndex
    from ci.tests.checkouts import Checkout
    from ci.tests.conftest import Tally
    from ci.tests.faulty_proxy import Fault, FaultyProxy

pytestmark = pytest.mark.slow

for_ever = itertools.repeat


@dataclass(frozen=True)
class Stage:
    """A built package, an index for it behind a proxy, and the token in the environment."""

    checkout: Checkout
    index: PackageIndex
    proxy: FaultyProxy
    environment: pytest.MonkeyPatch

    def run(self, *arguments: str) -> str | None:
        """Publish; the code of the UserError that it ends with, None if it succeeds."""
        self.environment.setenv("TWINE_USERNAME", self.index.username)
        self.environment.setenv("TWINE_PASSWORD", self.index.password)
        return self.run_as_it_is("--repository-url", self.proxy.url, *arguments)

    def run_as_it_is(self, *arguments: str) -> str | None:
        try:
            publish.main([*arguments])
        except UserError as problem:
            print(problem)
            return problem.code
        return None

    def files(self) -> dict[str, str]:
        """What the index holds: the bytes that it serves, hashed."""
        return Index(self.index.index_url, RetryPolicy(), print).served("thing", Version("1.0"))

    def change_the_wheel(self) -> None:
        wheel = self.checkout.wheel
        wheel.write_bytes(wheel.read_bytes() + b"\0")


@pytest.fixture
def stage(
    checkout: Checkout,
    package_index: PackageIndex,
    proxy: FaultyProxy,
    clean_environment: pytest.MonkeyPatch,
) -> Stage:
    clean_environment.setenv("UV_INDEX", f"{proxy.url}+simple/")
    return Stage(checkout, package_index, proxy, clean_environment)


# --- without faults ------------------------------------------------------------------------------


def test_both_files_are_published_as_they_were_built(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stage.run() is None
    assert stage.files() == stage.checkout.files
    assert "published: " in capsys.readouterr().out


def test_what_is_there_is_skipped_and_no_token_is_needed_for_that(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stage.run() is None
    assert capsys.readouterr().out.count("  upload: ") == 2
    assert stage.run_as_it_is("--repository-url", stage.proxy.url) is None
    assert capsys.readouterr().out.count("skip, is there: ") == 2
    assert stage.proxy.upload_count == 2


def test_a_dry_run_says_what_would_go_where_and_uploads_nothing(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stage.run("--dry-run") is None
    output = capsys.readouterr().out
    for name, digest in stage.checkout.files.items():
        assert f"upload: {name} {digest}" in output
    assert stage.proxy.url in output
    assert stage.proxy.upload_count == 0


def test_a_dry_run_finds_out_that_there_is_no_token(stage: Stage) -> None:
    assert stage.run_as_it_is("--repository-url", stage.proxy.url, "--dry-run") == "no-credentials"


def test_the_environment_names_the_target_as_it_does_for_twine(stage: Stage) -> None:
    stage.environment.setenv("TWINE_REPOSITORY_URL", stage.index.upload_url)
    stage.environment.setenv("TWINE_USERNAME", stage.index.username)
    stage.environment.setenv("TWINE_PASSWORD", stage.index.password)
    assert stage.run_as_it_is() is None
    assert stage.files() == stage.checkout.files


def test_a_section_of_pypirc_names_target_user_and_password(stage: Stage) -> None:
    Path(os.environ["HOME"], ".pypirc").write_text(
        "[distutils]\nindex-servers = local\n"
        f"[local]\nrepository = {stage.index.upload_url}\n"
        f"username = {stage.index.username}\npassword = {stage.index.password}\n"
    )
    assert stage.run_as_it_is("--repository", "local") is None
    assert stage.files() == stage.checkout.files


def test_dist_dir_names_the_folder(stage: Stage) -> None:
    elsewhere = stage.checkout.dist.rename(stage.checkout.root / "elsewhere")
    stage.environment.setenv("DIST_DIR", str(elsewhere))
    assert stage.run() is None
    assert len(stage.files()) == 2


def test_what_one_run_left_undone_the_next_one_completes(stage: Stage) -> None:
    stage.proxy.play(uploads=[faults.pass_on, faults.die])
    assert stage.run() == "upload-failed"
    assert list(stage.files()) == [stage.checkout.wheel.name]
    stage.proxy.play()
    assert stage.run() is None
    assert stage.proxy.upload_count == 1
    assert stage.files() == stage.checkout.files


# --- gates ---------------------------------------------------------------------------------------


def test_a_wheel_that_was_changed_is_refused_by_the_manifest(stage: Stage) -> None:
    stage.change_the_wheel()
    assert stage.run() == "manifest-differs"
    assert stage.files() == {}


def test_a_changed_wheel_with_a_changed_manifest_is_refused_by_what_the_index_has(
    stage: Stage,
) -> None:
    assert stage.run() is None
    before = stage.files()
    stage.change_the_wheel()
    write_manifest(stage.checkout.dist)
    stage.proxy.play()
    assert stage.run() == "index-differs"
    assert stage.proxy.upload_count == 0
    assert stage.files() == before


def test_one_file_that_differs_stops_the_other_one_too(stage: Stage) -> None:
    stage.proxy.play(uploads=[faults.pass_on, faults.die])
    assert stage.run() == "upload-failed"
    stage.change_the_wheel()
    write_manifest(stage.checkout.dist)
    stage.proxy.play()
    assert stage.run() == "index-differs"
    assert stage.proxy.upload_count == 0


def test_a_file_of_this_version_that_is_not_of_this_release_is_refused(stage: Stage) -> None:
    assert stage.run() is None
    stage.checkout.wheel.rename(stage.checkout.dist / "thing-1.0-py2.py3-none-any.whl")
    write_manifest(stage.checkout.dist)
    assert stage.run() == "index-differs"
    assert len(stage.files()) == 2


@pytest.mark.parametrize(("name", "version"), [("thing", "1.1"), ("another", "1.0")])
def test_distributions_of_another_release_than_the_checkout_s_are_refused(
    stage: Stage, name: str, version: str
) -> None:
    other = make_checkout(stage.checkout.root / "other", name=name, version=version)
    stage.environment.setenv("DIST_DIR", str(other.dist))
    assert stage.run() == "another-release"


def test_a_wrong_token_is_refused_with_what_to_do_and_not_tried_again(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.environment.setenv("TWINE_USERNAME", "__token__")
    stage.environment.setenv("TWINE_PASSWORD", "pypi-" + "B" * 40)
    assert stage.run_as_it_is("--repository-url", stage.proxy.url) == "upload-refused"
    assert stage.proxy.upload_count == 1
    assert "a valid token" in capsys.readouterr().out
    assert stage.files() == {}


def test_the_reason_is_the_index_s_own(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.proxy.play(
        [faults.answering(400, "Bad Request", text="<p>Description is\n too <b>long</b>")]
    )
    assert stage.run() == "upload-refused"
    assert "400 Bad Request Description is too long" in capsys.readouterr().out


# --- faults --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A fault: what happens to uploads and to reads, and the code that the command ends with."""

    name: str
    uploads: Iterable[Fault] = ()
    reads: Iterable[Fault] = ()
    code: str | None = None
    environment: dict[str, str] = field(default_factory=dict)


broken = faults.answering(500, "Internal Server Error")
unavailable = faults.answering(503, "Service Unavailable")
throttled = faults.answering(429, "Too Many Requests", Retry_After="1")
exists = faults.answering(409, "Conflict", text="thing-1.0-py3-none-any.whl already exists")
no_hashes = faults.rewritten(rb'"sha256":\s*"\w+"', b"")
other_hashes = faults.rewritten(rb'("sha256":\s*)"\w+"', rb'\1"' + b"0" * 64 + b'"')
brief = {"PUBLISH_WAIT": "0.2"}

CASES = [
    Case("reset mid-body", uploads=[faults.reset_mid_body]),
    Case("reset mid-body for ever", for_ever(faults.reset_mid_body), code="upload-failed"),
    Case("reset after the upload has arrived", uploads=[faults.reset_before_the_answer] * 2),
    Case("500, then fine", uploads=[broken]),
    Case("500 for ever", uploads=for_ever(broken), code="upload-failed"),
    Case("500 although it has arrived", uploads=[faults.accept_and_answer(500, "Oops")] * 2),
    Case("503 longer than twine tries", uploads=[unavailable] * 6),
    Case("429, then fine", uploads=[throttled]),
    Case("429 for ever", uploads=for_ever(throttled), code="upload-failed"),
    Case("400", uploads=[faults.answering(400, "Bad Request")], code="upload-refused"),
    Case("401", uploads=[faults.answering(401, "Unauthorized")], code="upload-refused"),
    Case("403", uploads=[faults.answering(403, "Forbidden")], code="upload-refused"),
    Case("409", uploads=[faults.answering(409, "Conflict")], code="upload-refused"),
    Case("409 that claims it exists", [exists], code="exists-unseen", environment=brief),
    Case(
        "413 for the sdist", [faults.pass_on, faults.answering(413, "Large")], code="upload-refused"
    ),
    Case("a redirect", [faults.answering(302, "Found", Location="/")], code="twine-failed"),
    Case("hangs once", [faults.hang], environment={"PUBLISH_UPLOAD_TIMEOUT": "4"}),
    Case(
        "hangs for ever",
        for_ever(faults.hang),
        code="upload-failed",
        environment={"PUBLISH_UPLOAD_TIMEOUT": "2", "PUBLISH_ATTEMPTS": "2"},
    ),
    Case("dies at once", uploads=[faults.die], code="upload-failed"),
    Case("dies before the sdist", uploads=[faults.pass_on, faults.die], code="upload-failed"),
    Case("dies after the sdist", [faults.pass_on] * 2, code=None),
    Case("stale listing for a while", reads=[faults.stale] * 4),
    Case("stale listing for ever", reads=for_ever(faults.stale), code="not-indexed"),
    Case("listing cut short", reads=[faults.pass_on, faults.cut_short, faults.cut_short]),
    Case("listing garbled for ever", reads=for_ever(faults.garbled), code="index-unreachable"),
    Case("listing resets", reads=[faults.reset, faults.pass_on, faults.reset]),
    Case(
        "listing hangs",
        reads=[faults.pass_on, faults.hang],
        environment={"PUBLISH_REQUEST_TIMEOUT": "1"},
    ),
    Case("listing 500, then fine", reads=[broken, faults.pass_on, broken, throttled]),
    Case("listing 500 for ever", reads=for_ever(broken), code="index-unreachable"),
    Case("listing 403", reads=for_ever(faults.answering(403, "Forbidden")), code="index-access"),
    Case("listing without hashes", reads=for_ever(no_hashes)),
    Case("listing with other hashes", reads=for_ever(other_hashes), code="index-differs"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_fault_ends_in_the_right_files_or_in_its_reason_and_running_it_again_mends_it(
    case: Case, stage: Stage, tally: Tally
) -> None:
    for name, value in case.environment.items():
        stage.environment.setenv(name, value)
    with tally.trying():
        stage.proxy.play(case.uploads, case.reads)
        assert stage.run() == case.code
        left = stage.files()
        assert left.items() <= stage.checkout.files.items()
        assert case.code or left == stage.checkout.files
        stage.proxy.play()
        assert stage.run() is None
        assert stage.files() == stage.checkout.files
