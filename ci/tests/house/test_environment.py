"""What environment variables change in the sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ci.tests.house.nox import load_noxfile, names_of

if TYPE_CHECKING:
    from pathlib import Path


def test_coverage_of_shards_runs_no_tests_of_its_own() -> None:
    assert names_of("coverage", SHARDS="4") == {"coverage"}
    assert names_of("coverage") == {"coverage", "tests", "wheel"}


def test_what_shards_leave_out_is_checked_beside_them() -> None:
    assert names_of("pr") - names_of("checks") == {"pr", "tests", "coverage"}
    assert names_of("checks") - names_of("pr") == {"checks"}


class Session:
    """A nox session that notes what it is told to run."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def run(self, *words: str) -> None:
        self.ran += words


@pytest.mark.parametrize(("night", "options"), [("", []), ("true", ["--upgrade"])])
def test_at_night_what_the_wheel_needs_is_upgraded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, night: str, options: list[str]
) -> None:
    monkeypatch.setenv("NIGHTLY", night)
    noxfile = load_noxfile()
    wheel = tmp_path / noxfile["UNCHECKED"] / "thing-1.0-py3-none-any.whl"
    wheel.parent.mkdir(parents=True)
    wheel.touch()
    monkeypatch.chdir(tmp_path)
    session = Session()
    noxfile["install_wheel"](session)
    assert session.ran[:3] == ["uv", "pip", "install"]
    assert session.ran[3:-1] == [*options, "--reinstall-package", "thing"]
