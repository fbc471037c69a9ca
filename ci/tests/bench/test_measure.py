"""Measuring: the time of each session, the path that the end waited for, limits that are kept."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from ci.errors import UserError
from ci.tests.bench import measure
from ci.tests.bench.measure import Bar, critical_path, read_bars, run

if TYPE_CHECKING:
    from pathlib import Path


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def test_the_lines_of_nox_say_when_a_session_ran() -> None:
    lines = [
        (0.5, "Starting session lint..."),
        (0.6, "Starting session tests-3.8..."),
        (1.0, "========== ✓ lint: success =========="),
        (1.0, "Starting session of something else"),
        (3.0, "========== ✓ tests-3.8: success, 2 seconds =========="),
        (3.1, "========== 3 passed in 0.05s =========="),
    ]
    assert list(read_bars(lines)) == [Bar("lint", 0.5, 1.0), Bar("tests-3.8", 0.6, 3.0)]


def test_the_critical_path_is_what_the_end_waited_for() -> None:
    wheel, tests = Bar("wheel", 0, 1), Bar("tests", 1.01, 5)
    coverage, lint = Bar("coverage", 5.02, 6), Bar("lint", 0, 4)
    assert critical_path([lint, wheel, coverage, tests]) == [wheel, tests, coverage]
    assert critical_path([]) == []


@pytest.mark.slow
def test_a_run_is_measured(tmp_path: Path) -> None:
    code = "x = bytearray(60_000_000); import time; time.sleep(0.7); sum(range(2_000_000))"
    found = run(python(code), tmp_path, limit=60, memory=True)
    assert found.seconds >= 0.7
    assert 0 < found.cpu < found.seconds + 1
    assert found.peak > 60_000_000
    assert found.bars == ()


def test_memory_is_looked_at_only_on_demand(tmp_path: Path) -> None:
    assert run(python("pass"), tmp_path, limit=60).peak == 0


def test_a_run_that_fails_stops_the_measuring_and_shows_its_end(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="exit 3\nwhat went wrong") as raised:
        run(python("print('what went wrong'); raise SystemExit(3)"), tmp_path, limit=60)
    assert raised.value.code == "bench-run"


def ends(pid: int) -> bool:
    """Whether a process that was killed is gone in a moment; nobody may be there to reap it."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.slow
def test_a_run_that_takes_too_long_is_ended_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "_PATIENCE", 0.5)
    started = tmp_path / "started"
    child = "import time; time.sleep(600)"
    code = (
        "import subprocess, sys, pathlib\n"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}], start_new_session=True)\n"
        f"pathlib.Path({str(started)!r}).write_text(str(child.pid))\n"
        "child.wait()\n"
    )
    with pytest.raises(UserError, match="took longer than 1 s"):
        run(python(code), tmp_path, limit=1)
    assert ends(int(started.read_text()))


def test_variables_that_would_lead_nox_astray_are_not_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NOXSESSION", "SHARD", "NIGHTLY", "VIRTUAL_ENV"):
        monkeypatch.setenv(name, "x")
    seen = tmp_path / "seen"
    code = f"import os, pathlib; pathlib.Path({str(seen)!r}).write_text(' '.join(os.environ))"
    run(python(code), tmp_path, limit=60)
    assert not {"NOXSESSION", "SHARD", "NIGHTLY", "VIRTUAL_ENV"} & set(seen.read_text().split())
    assert "PATH" in seen.read_text().split()
