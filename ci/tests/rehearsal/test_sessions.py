"""What a build's log says of nox's sessions."""

from __future__ import annotations

import pytest

from ci.rehearsal.sessions import Sessions, failed_blocks, reasons

PARALLEL = """\
[Container] 10:00:00 Running command python -P -m nox
Starting session lint...
Starting session tests-3.8...
========== ✓ lint: success, 3 seconds ==========
nox > Running session lint
All checks passed!
nox > Session lint was successful in 3 seconds.
Starting session build...
========== ✗ tests-3.8: failed, 4 seconds ==========
nox > Running session tests-3.8
E       assert 1 == 2
error[some-code]: one is not two
help: make it two
nox > Session tests-3.8 failed.
========== ↯ build: aborted ==========
nox > Running session build
nox > Ran 3 sessions in 9 seconds:
nox > * lint: success
"""
SEQUENTIAL = """\
[Container] 10:00:00 Running command python -P -m nox
nox > Running session verify
nox > Session verify was successful in 9 seconds.
nox > Running session publish
error[secret-absent]: there is no secret
help: make it
nox > Session publish failed.
[Container] 10:00:09 Command did not exit successfully: exit code 1
"""
COMMAND = """\
[Container] 10:00:00 Running command git fetch
fetched
[Container] 10:00:00 Running command python -P -m pip install
error: no network
[Container] 10:00:01 Command did not exit successfully: exit code 1
"""


def test_sessions_begin_and_end_with_their_lines_in_parallel() -> None:
    now = iter(range(100))
    sessions = Sessions(clock=lambda: next(now))
    ended = [name for line in PARALLEL.splitlines() if (name := sessions.read(line))]
    assert ended == ["lint", "tests-3.8", "build"]
    assert sessions.running == {}
    assert sessions.failed == {"tests-3.8"}
    assert sessions.seconds == {"lint": 2, "tests-3.8": 3, "build": 2}


def test_sessions_begin_and_end_with_their_lines_one_after_the_other() -> None:
    sessions = Sessions()
    lines = SEQUENTIAL.splitlines()
    for line in lines[:4]:
        sessions.read(line)
    assert list(sessions.running) == ["publish"]
    assert list(sessions.seconds) == ["verify"]
    assert [sessions.read(line) for line in lines[4:]] == [None, None, "publish", None]


def test_only_what_failed_is_shown_in_parallel() -> None:
    ((name, block),) = failed_blocks(PARALLEL)
    assert name == "tests-3.8"
    assert block[0] == "nox > Running session tests-3.8"
    assert block[-1] == "nox > Session tests-3.8 failed."


def test_only_what_failed_is_shown_one_after_the_other() -> None:
    ((name, block),) = failed_blocks(SEQUENTIAL)
    assert name == "publish"
    assert block[0] == "nox > Running session publish"
    assert len(block) == 4


def test_the_last_command_s_output_is_shown_where_no_session_failed() -> None:
    assert failed_blocks(COMMAND) == [("", ["error: no network"])]


@pytest.mark.parametrize(
    ("log", "advice"),
    [
        (PARALLEL, ["error[some-code]: one is not two", "help: make it two"]),
        (SEQUENTIAL, ["error[secret-absent]: there is no secret", "help: make it"]),
        (COMMAND, ["error: no network"]),
        ("", []),
    ],
)
def test_the_reasons_are_what_the_failed_session_advises(log: str, advice: list[str]) -> None:
    assert reasons(log) == advice
