from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from ci.distributions.manifest import write_manifest
from ci.errors import UserError
from ci.index.listing import Index
from ci.index.retry import RetryPolicy
from ci.release import publish
from ci.tests import faulty_proxy as faults

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
        self.checkout.repack_the_wheel()


@pytest.fixture
def stage(
    checkout: Checkout,
    package_index: PackageIndex,
    proxy: FaultyProxy,
    clean_environment: pytest.MonkeyPatch,
) -> Stage:
    clean_environment.setenv("UV_INDEX", f"{proxy.url}+simple/")
    for name, value in {"ATTEMPTS": 3, "PAUSE": 0.02, "REQUEST_TIMEOUT": 3, "WAIT": 3}.items():
        clean_environment.setenv(f"PUBLISH_{name}", str(value))
    return Stage(checkout, package_index, proxy, clean_environment)


# --- without faults ------------------------------------------------------------------------------


def test_both_files_are_published_as_they_were_built(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stage.run() is None
    assert stage.files() == stage.checkout.files
    assert "published: " in capsys.readouterr().out


def test_what_one_run_left_undone_the_next_one_completes(stage: Stage) -> None:
    stage.proxy.play(uploads=[faults.pass_on, faults.die])
    assert stage.run() == "upload-failed"
    assert list(stage.files()) == [stage.checkout.wheel.name]
    stage.proxy.play()
    assert stage.run() is None
    assert stage.proxy.upload_count == 1
    assert stage.files() == stage.checkout.files


# --- gates ---------------------------------------------------------------------------------------


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


def test_a_wrong_token_is_refused_with_what_to_do_and_not_tried_again(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.environment.setenv("TWINE_USERNAME", "__token__")
    stage.environment.setenv("TWINE_PASSWORD", "pypi-" + "B" * 40)
    assert stage.run_as_it_is("--repository-url", stage.proxy.url) == "upload-refused"
    assert stage.proxy.upload_count == 1
    assert "a valid token" in capsys.readouterr().out
    assert stage.files() == {}


# --- faults --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A fault: what happens to uploads and to reads, and the code that the command ends with."""

    name: str
    uploads: Iterable[Fault] = ()
    reads: Iterable[Fault] = ()
    code: str | None = None
    environment: dict[str, str] = field(default_factory=dict)


exists = faults.answering(409, "Conflict", text="thing-1.0-py3-none-any.whl already exists")
brief = {"PUBLISH_WAIT": "0.2"}

CASES = [
    Case("reset mid-body", uploads=[faults.reset_mid_body]),
    Case("reset mid-body for ever", for_ever(faults.reset_mid_body), code="upload-failed"),
    Case("reset after the upload has arrived", uploads=[faults.reset_before_the_answer] * 2),
    Case("500 although it has arrived", uploads=[faults.accept_and_answer(500, "Oops")] * 2),
    Case("409 that claims it exists", [exists], code="exists-unseen", environment=brief),
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
    Case("listing resets", reads=[faults.reset, faults.pass_on, faults.reset]),
    Case(
        "listing hangs",
        reads=[faults.pass_on, faults.hang],
        environment={"PUBLISH_REQUEST_TIMEOUT": "1"},
    ),
    Case("listing 403", reads=for_ever(faults.answering(403, "Forbidden")), code="index-access"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_fault_ends_in_the_right_files_or_in_its_reason_and_running_it_again_completes_it(
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
