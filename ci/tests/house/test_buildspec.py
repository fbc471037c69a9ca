"""buildspec.yml stays a caller: small, without logic, and without anything after a failed build."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

PATH = Path(__file__).parents[3] / "buildspec.yml"


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(PATH.read_text(encoding="utf-8"))
    return document


def commands(spec: dict[str, Any]) -> list[str]:
    return [line for phase in spec["phases"].values() for line in phase.get("commands", [])]


def test_it_is_short() -> None:
    assert len(PATH.read_text(encoding="utf-8").splitlines()) < 50


def test_it_runs_in_bash_on_the_tools_python(spec: dict[str, Any]) -> None:
    assert spec["version"] == 0.2
    assert spec["env"]["shell"] == "bash"
    assert str(spec["phases"]["install"]["runtime-versions"]["python"]) == "3.12"


def test_it_installs_the_locked_nox_and_runs_it_without_naming_a_session(
    spec: dict[str, Any],
) -> None:
    install, build = (spec["phases"][name]["commands"] for name in ("install", "build"))
    assert install == ["python -m pip install --quiet --require-hashes -r ci/locks/nox.txt"]
    assert build == ["nox"]


def test_without_an_order_it_validates(spec: dict[str, Any]) -> None:
    assert spec["env"]["variables"] == {"NOXSESSION": "pr", "CI": "true"}


def test_nothing_runs_after_a_failed_build(spec: dict[str, Any]) -> None:
    assert set(spec["phases"]) == {"install", "pre_build", "build"}
    assert all("finally" not in phase for phase in spec["phases"].values())


def test_no_command_holds_logic(spec: dict[str, Any]) -> None:
    for command in commands(spec):
        assert "\n" not in command
        words = shlex.split(command, comments=True)
        assert not {"if", "for", "while", "case", "&&", "||", ";", "|", "eval"} & set(words)
        assert not any(symbol in command for symbol in ("&&", "||", ";", "|", "$(", "`"))


def test_it_asks_for_no_secret(spec: dict[str, Any]) -> None:
    assert not {"secrets-manager", "parameter-store"} & set(spec["env"])


def test_reports_and_artifacts_are_where_the_sessions_put_them(spec: dict[str, Any]) -> None:
    reports = spec["reports"]
    assert {report["file-format"] for report in reports.values()} == {"JUNITXML", "COBERTURAXML"}
    assert {report["base-directory"] for report in reports.values()} == {"reports"}
    assert spec["artifacts"] == {"base-directory": "dist", "files": ["**/*"]}


def test_what_uv_downloads_is_cached_and_nothing_of_the_checkout(spec: dict[str, Any]) -> None:
    paths = spec["cache"]["paths"]
    assert any("/.cache/uv/" in path for path in paths)
    assert any("/uv/python/" in path for path in paths)
    assert all(path.startswith("/root/") for path in paths)
