"""What one sees of a rehearsal."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from ci.errors import UserError
from ci.rehearsal.codebuild import Build, Failure
from ci.rehearsal.execution import Step
from ci.rehearsal.notifications import Notification
from ci.rehearsal.report import Report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FAILURE = Failure("BUILD", "python -P -m nox", "exit code 1")
LOG = """\
[Container] 10:00:00 Running command python -P -m nox
Starting session lint...
Starting session check_tag...
========== ✓ lint: success, 3 seconds ==========
All checks passed!
========== ✗ check_tag: failed, 1 second ==========
nox > Running session check_tag
error[changelog-entry]: CHANGELOG.md has no entry for 1.0
help: write one
nox > Session check_tag failed.
"""


@pytest.fixture
def text() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def report(text: io.StringIO) -> Report:
    return Report(Console(file=text, width=200, highlight=False))


@pytest.fixture
def failed(tmp_path: Path) -> Callable[[str], Step]:
    def make(log: str) -> Step:
        (tmp_path / "build.log").write_text(log)
        step = Step("Build", "Check", project="toy", seconds=2.0, log=tmp_path / "build.log")
        step.failure = FAILURE
        return step

    return make


def test_a_failure_shows_the_session_s_output_and_last_what_it_advises(
    report: Report, text: io.StringIO, failed: Callable[[str], Step]
) -> None:
    report.failures([failed(LOG)])
    said = text.getvalue()
    assert "Build/Check failed" in said
    assert "BUILD: python -P -m nox: exit code 1" in said
    assert "session check_tag:\n  nox > Running session check_tag" in said
    assert "All checks passed!" not in said
    assert said.endswith(
        "error[changelog-entry]: CHANGELOG.md has no entry for 1.0\nhelp: write one\n"
    )
    assert "Failure(" not in said


def test_of_a_long_output_the_end_is_shown(
    report: Report, text: io.StringIO, failed: Callable[[str], Step]
) -> None:
    lines = "".join(f"line {number}\n" for number in range(50))
    report.failures([failed(f"[Container] 10:00:00 Running command make\n{lines}")])
    said = text.getvalue()
    assert "(20 lines above these)\n  line 20\n" in said
    assert "line 49" in said


def test_a_step_that_failed_before_its_build_shows_why(report: Report, text: io.StringIO) -> None:
    step = Step("Build", "Check", seconds=0.1, failure=Failure("Check", "", "no such project"))
    report.failures([step])
    assert "no such project" in text.getvalue()


def test_steps_are_told_as_they_begin_and_end(
    report: Report, text: io.StringIO, failed: Callable[[str], Step]
) -> None:
    report.step(Step("Publish", "Publish", project="toy", environment={"NOXSESSION": "publish"}))
    report.step(Step("Publish", "Publish", seconds=3.2))
    report.step(failed(""))
    assert text.getvalue().splitlines() == [
        "Publish              toy runs nox -s publish",
        "Publish              ok after 3 s",
        "Build/Check          failed after 2 s",
    ]


def test_reports_and_notifications_are_listed(
    report: Report, text: io.StringIO, tmp_path: Path
) -> None:
    build = Build(reports={"tests": [tmp_path / "junit.xml"], "none": []})
    report.reports([Step("Source", "Source"), Step("Build", "Check", build=build)])
    report.sent([Notification("pull request 7", "[it] passed")])
    assert text.getvalue().splitlines() == [
        "Build/Check: reports of tests: junit.xml",
        "to pull request 7:",
        "  [it] passed",
    ]


def test_the_end_is_a_table_and_may_be_a_picture(
    report: Report, text: io.StringIO, tmp_path: Path, failed: Callable[[str], Step]
) -> None:
    steps = [failed(""), Step("Verify", "Verify", seconds=1.0)]
    report.table(steps)
    report.files({"toy.whl": "abc"}, "here")
    assert "│ Build/Check │ toy     │ -       │     2.0 │ failed  │" in text.getvalue()
    assert "installed from here\n  toy.whl\n    sha256 abc\n" in text.getvalue()
    report.save_picture(tmp_path / "end.svg")
    assert "toy.whl" in (tmp_path / "end.svg").read_text(encoding="utf-8")


def test_a_picture_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError) as raised:
        Report().save_picture(tmp_path / "no folder" / "end.svg")
    assert raised.value.code == "picture-unwritable"
