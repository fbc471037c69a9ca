"""The command line, as a user has it: what it prints, how it exits, and that it leaves nothing."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

import ci
from ci.errors import UserError
from ci.rehearsal import __main__ as command
from ci.rehearsal.rehearsal import open_rehearsal
from ci.rehearsal.report import Report
from ci.rehearsal.scenarios.table import SCENARIOS, play_scenarios
from ci.tests.rehearsal.toy import make_toy, template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


# As `python -m ci.rehearsal` in a terminal, even if these tests run in the background.
_IN_TERMINAL = """
import runpy, signal
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
runpy.run_module("ci.rehearsal", run_name="__main__")
"""


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
def here(
    scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Path], None]]:
    """Go to a toy, with `scratch` for temporary folders; afterwards signals are as they were."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.setattr("ci.rehearsal.lastrun._caches", lambda: tmp_path / "caches")
    yield monkeypatch.chdir
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.slow
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
    assert "this takes about 100 s, and up to" in said
    assert "Publish              toy-publish runs nox -s publish" in said
    assert "Build/Check          release: ok after" in said
    assert "installed from http://127.0.0.1" in said
    assert "from the event to the installed package" in said
    assert "\x1b" not in said
    assert "toy-publish" in picture.read_text(encoding="utf-8")
    assert list(scratch.iterdir()) == []
    assert {path.name for path in toy.iterdir()} >= {"changed", "noxfile.py"}
    command.main([])
    assert "this takes about 100 s" not in capsys.readouterr().out


@pytest.mark.slow
def test_a_pull_request_is_rehearsed_when_opened_and_when_updated(
    toy: Path, here: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    here(toy)
    command.main(["pr"])
    said = capsys.readouterr().out
    assert (
        len(re.findall("^to pull request 1:\n  [0-9a-f]{40} SUCCEEDED$", said, re.MULTILINE)) == 2
    )
    assert said.count("Validate: reports of tests: junit.xml") == 2


@pytest.mark.slow
def test_a_failing_rehearsal_shows_the_session_s_output_and_keeps_the_logs(
    toy: Path,
    scratch: Path,
    here: Callable[[Path], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    noxfile = (toy / "noxfile.py").read_text()
    (toy / "noxfile.py").write_text(
        noxfile.replace('if session == "verify":', 'if session == "verify":\n        raise OSError')
    )
    subprocess.run(["git", "commit", "-qam", "Fail"], cwd=toy, check=True)
    here(toy)
    with pytest.raises(UserError) as raised:
        command.main([])
    assert raised.value.code == "rehearsal-stopped"
    assert raised.value.found.startswith("Verify failed in BUILD: ")
    said = capsys.readouterr().out
    assert "raise OSError" in said
    assert '"nox > Session"' not in said
    assert "to Topic:\n" in said
    (folder,) = scratch.iterdir()
    assert f"kept: {folder}/logs\n" in said
    assert [path.name for path in folder.iterdir()] == ["logs"]
    assert "raise OSError" in (folder / "logs/04-Verify.log").read_text()


@pytest.mark.slow
def test_a_template_that_grants_too_much_is_refused_before_anything_is_played(
    tmp_path: Path, here: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    document = template()
    policy = document["Resources"]["VerifyPolicy"]["Properties"]["PolicyDocument"]
    policy["Statement"].append({"Effect": "Allow", "Action": "*", "Resource": "*"})
    here(make_toy(tmp_path / "broken", document))
    with pytest.raises(UserError, match="VerifyRole can read the secret toy/pypi"):
        command.main([])
    assert "runs nox" not in capsys.readouterr().out


def test_a_full_disk_is_named_beforehand(
    toy: Path, here: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    here(toy)
    monkeypatch.setattr(command, "_DISK", float("inf"))
    with pytest.raises(UserError, match="rehearsal-disk"):
        command.main([])


@pytest.mark.parametrize(
    ("before", "after"),
    [(signal.SIG_DFL, command._interrupted), (signal.SIG_IGN, signal.SIG_IGN)],  # noqa: SLF001
    ids=["plain", "nohup"],
)
def test_a_closed_terminal_is_an_interrupt_unless_nohup_says_otherwise(
    toy: Path,
    here: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
    before: signal.Handlers,
    after: object,
) -> None:
    here(toy)
    monkeypatch.setattr(command, "_DISK", float("inf"))  # it ends where it would begin
    signal.signal(signal.SIGHUP, before)
    with pytest.raises(UserError, match="rehearsal-disk"):
        command.main([])
    assert signal.getsignal(signal.SIGHUP) == after


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)],
    ids=["SIGTERM", "Ctrl-C", "closed terminal"],
)
def test_an_interrupted_rehearsal_leaves_no_folder_and_no_process(
    tmp_path: Path, scratch: Path, number: int, code: int
) -> None:
    fifo = tmp_path / "held"
    os.mkfifo(fifo)
    toy = make_toy(tmp_path / "slow")
    sleep = f"""
import os, sys
if "nox" in sys.modules:
    import nox
    for name in ("pr", "release", "build", "publish", "verify"):
        nox.session(print, name=name, python="3.12")
elif os.fork():  # a session of its own, as nox gives those that it runs in parallel
    os.wait()
else:
    os.setsid()
    os.execlp("sh", "sh", "-c", "exec >{fifo}; echo begun; exec sleep 600")
"""
    (toy / "noxfile.py").write_text(sleep)
    subprocess.run(["git", "commit", "-qam", "Sleep"], cwd=toy, check=True)
    line = [sys.executable, "-c", _IN_TERMINAL]
    root = str(Path(ci.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root, "TMPDIR": str(scratch)}
    with subprocess.Popen(line, cwd=toy, env=environment, stderr=subprocess.PIPE) as running:
        with fifo.open() as held:
            assert held.readline() == "begun\n"
            running.send_signal(number)
            assert held.read() in {"", "begun\n"}  # both builds' end
        running.communicate()
    assert running.returncode == code
    assert list(scratch.iterdir()) == []


def test_help_says_what_a_rehearsal_can_not_show(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--help"])
    assert "IAM as AWS evaluates it" in capsys.readouterr().out


@pytest.mark.slow
def test_scenarios_that_do_not_end_as_they_should_fail_the_run_by_name(
    toy: Path, scratch: Path
) -> None:
    """The toy's noxfile checks nothing, so that most mishaps go through."""
    text = io.StringIO()
    with open_rehearsal(toy, scratch) as rehearsal, pytest.raises(UserError) as raised:
        play_scenarios(rehearsal, Report(Console(file=text, width=200)))
    said = text.getvalue()
    assert "a wheel is changed after Build: stopped in no stage, not Publish" in said
    assert "the secret is absent: Publish did not print 'secret-absent'" in said
    assert (
        "a test looks for the token everywhere: the test found the token, or did not look for it"
        in said
    )
    for name in (
        "the least convenient answers to all that AWS leaves open",
        "a full clone holds only the branch",
        "new pipelines start by themselves, with variables unresolved",
        "a released tag is moved",
        "a tag is on a commit that is not merged",
        "the same, and a tag is called origin/BRANCH",
        "a pull request poisons the cache",
    ):
        assert f"{name}: ok" in said
        assert name not in str(raised.value)
    assert "a wheel is changed after Build" in str(raised.value)
    ended = said.count(": ok (")
    assert f"{ended} of {len(SCENARIOS)} scenarios ended as they should" in said
