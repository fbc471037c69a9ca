"""The command line, as a user has it: what it prints, how it exits, and that it leaves nothing."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

import ci
from ci.errors import UserError
from ci.rehearsal import __main__ as command
from ci.rehearsal.codebuild import Failure
from ci.rehearsal.execution import Step
from ci.rehearsal.play import open_rehearsal
from ci.rehearsal.report import Report, save_picture
from ci.rehearsal.scenarios.table import FAULTS, play_faults
from ci.tests.rehearsal.toy import make_toy, template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    return make_toy(tmp_path / "toy")


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Where a rehearsal makes its folder."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.fixture
def here(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """Go to a toy, with `scratch` for temporary folders; afterwards SIGTERM is as it was."""
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    yield monkeypatch.chdir
    signal.signal(signal.SIGTERM, before)


def test_a_release_is_rehearsed_in_plain_lines_and_leaves_nothing(
    toy: Path,
    scratch: Path,
    here: Callable[[Path], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    here(toy)
    (toy / "changed").touch()
    picture = toy.parent / "end.svg"
    command.main(["--svg", str(picture)])
    said = capsys.readouterr().out
    assert "1 uncommitted changes are not part of this" in said
    assert "Publish   toy-publish runs nox -s publish" in said
    assert "toy-1.0.tar.gz from http://127.0.0.1" in said
    assert "from the event to the installed package" in said
    assert "\x1b" not in said
    assert "toy-publish" in picture.read_text(encoding="utf-8")
    assert list(scratch.iterdir()) == []
    assert {path.name for path in toy.iterdir()} >= {"changed", "buildspec.yml"}


def test_a_pull_request_is_rehearsed_when_opened_and_when_updated(
    toy: Path, here: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    here(toy)
    command.main(["pr"])
    said = capsys.readouterr().out
    assert said.count("comment on pull request 1: ") == 2
    assert said.count("Validate: reports of tests: junit.xml") == 2


def test_what_fails_is_shown_and_kept_if_asked_for(
    tmp_path: Path,
    scratch: Path,
    here: Callable[[Path], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = template()
    document["Resources"]["Pr"]["Properties"]["Environment"]["EnvironmentVariables"] = []
    here(make_toy(tmp_path / "broken", document))
    with pytest.raises(UserError, match="NOXSESSION is None, not 'pr'"):
        command.main(["pr", "--keep"])
    said = capsys.readouterr().out
    assert "stopped in Validate" in said
    (kept,) = scratch.iterdir()
    assert f"kept: {kept}" in said
    assert (kept / "checkout" / "buildspec.yml").exists()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "Ctrl-C"]
)
def test_an_interrupted_rehearsal_leaves_no_folder_and_no_process(
    tmp_path: Path, scratch: Path, number: int, code: int
) -> None:
    fifo = tmp_path / "held"
    os.mkfifo(fifo)
    toy = make_toy(tmp_path / "slow")
    (toy / "tools/nox").write_text(f"#!/bin/sh\nexec >{fifo}\necho begun\nexec sleep 600\n")
    author = ("-c", "user.name=Toy", "-c", "user.email=toy@example.com")
    subprocess.run(["git", *author, "commit", "-qam", "Sleep"], cwd=toy, check=True)
    line = [sys.executable, "-m", "ci.rehearsal"]
    root = str(Path(ci.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root, "TMPDIR": str(scratch)}
    with subprocess.Popen(line, cwd=toy, env=environment, stderr=subprocess.PIPE) as running:
        with fifo.open() as held:
            assert held.readline() == "begun\n"
            running.send_signal(number)
            assert held.read() == ""  # the build's end
        running.communicate()
    assert running.returncode == code
    assert list(scratch.iterdir()) == []


def test_help_says_what_a_rehearsal_can_not_show(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--help"])
    assert "IAM as AWS evaluates it" in capsys.readouterr().out


def test_a_failure_is_shown_with_its_stage_command_and_log(tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    log.write_text("\n".join(f"line {number}" for number in range(30)))
    text = io.StringIO()
    step = Step("Build", "Build", "toy", seconds=1.0, log=log)
    step = replace(step, failure=Failure("BUILD", "nox", "exit code 1"))
    report = Report(Console(file=text, width=200))
    report.step(step)
    report.table([step])
    said = text.getvalue()
    assert "stopped in Build, BUILD: exit code 1" in said
    assert "command: nox" in said
    assert "line 29" in said
    assert "line 9\n" not in said
    assert str(log) in said


def test_a_picture_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError) as raised:
        save_picture(tmp_path / "no folder" / "end.svg", [], {}, "end")
    assert raised.value.code == "picture-unwritable"


def test_faults_that_are_not_stopped_fail_the_run_by_name(toy: Path, scratch: Path) -> None:
    """The toy's nox checks nothing, so that most faults go through."""
    text = io.StringIO()
    with open_rehearsal(toy, scratch) as rehearsal, pytest.raises(UserError) as raised:
        play_faults(rehearsal, Report(Console(file=text, width=200)))
    said = text.getvalue()
    assert "a tag is not the version: stopped in no stage, not Build" in said
    assert "a wheel is changed after Build: stopped in no stage, not Publish" in said
    assert "the secret is absent: Publish did not print 'secret-absent'" in said
    assert "a test looks for the token everywhere: the token was found, or not looked for" in said
    assert "a released tag is moved: ok" in said
    assert "a pull request poisons the cache: ok" in said
    wrong = str(raised.value)
    assert "a tag is not the version" in wrong
    assert "a released tag is moved" not in wrong
    ended = said.count(": ok (")
    assert f"{ended} of {len(FAULTS)} faults ended as they should" in said
