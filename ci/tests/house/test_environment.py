"""What environment variables change in the sessions."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def nox(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    outer = {name: value for name, value in os.environ.items() if not name.startswith("NOX")}
    return subprocess.run(
        [sys.executable, "-m", "nox", "--list", *arguments],
        cwd=ROOT,
        env=outer | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def selected(session: str, **environment: str) -> set[str]:
    listed = json.loads(nox("--json", "--session", session, **environment).stdout)
    return {each["name"] for each in listed}


def test_coverage_of_shards_runs_no_tests_of_its_own() -> None:
    assert selected("coverage", SHARDS="4") == {"coverage"}
    assert selected("coverage") == {"coverage", "tests", "wheel"}


def test_what_shards_leave_out_is_checked_beside_them() -> None:
    assert selected("pr") - selected("checks") == {"pr", "tests", "coverage"}
    assert selected("checks") - selected("pr") == {"checks"}


class Session:
    """A nox session that notes what it is told to run."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def run(self, *words: str) -> None:
        self.ran += words


@pytest.mark.filterwarnings("ignore:The session")  # the noxfile is run twice
@pytest.mark.parametrize(("night", "options"), [("", []), ("true", ["--upgrade"])])
def test_at_night_what_the_wheel_needs_is_upgraded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, night: str, options: list[str]
) -> None:
    monkeypatch.setenv("NIGHTLY", night)
    monkeypatch.chdir(ROOT)
    noxfile = runpy.run_path(str(ROOT / "noxfile.py"))
    wheel = tmp_path / noxfile["UNCHECKED"] / "thing-1.0-py3-none-any.whl"
    wheel.parent.mkdir(parents=True)
    wheel.touch()
    monkeypatch.chdir(tmp_path)
    session = Session()
    noxfile["install_wheel"](session)
    assert session.ran[:3] == ["uv", "pip", "install"]
    assert session.ran[3:-1] == [*options, "--reinstall-package", "thing"]
