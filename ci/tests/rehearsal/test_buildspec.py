"""What a project's buildspec may say."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from ci.errors import UserError
from ci.rehearsal.buildspec import Buildspec, read_buildspec

PHASES = {"install": {"runtime-versions": {"python": "3.12"}}, "build": {"commands": ["ls"]}}


def read(text: str) -> Buildspec:
    return read_buildspec({"Name": "toy", "Source": {"BuildSpec": text}})


def spec(**parts: Any) -> str:  # noqa: ANN401 - whatever YAML may hold
    return yaml.safe_dump({"version": 0.2, "phases": PHASES, **parts})


@pytest.mark.parametrize("text", [spec(), json.dumps(yaml.safe_load(spec()))], ids=["YAML", "JSON"])
def test_a_project_holds_its_text(text: str) -> None:
    found = read(text)
    assert (found.shell, found.python, found.credential_helper) == ("sh", "3.12", False)
    assert found.phases["build"].commands == ("ls",)


@pytest.mark.parametrize("project", [{}, {"BuildSpec": "buildspec.yml"}], ids=["none", "a file"])
def test_a_buildspec_of_the_commit_is_refused(project: dict[str, str]) -> None:
    with pytest.raises(UserError, match="buildspec-of-commit"):
        read_buildspec({"Name": "toy", "Source": project})


@pytest.mark.parametrize(
    ("said", "is_on"), [("yes", True), (True, True), ("no", False), (False, False)]
)
def test_the_credential_helper_is_asked_for(said: object, *, is_on: bool) -> None:
    assert read(spec(env={"git-credential-helper": said})).credential_helper is is_on


@pytest.mark.parametrize("versions", [None, {}, {"runtime-versions": {}}])
def test_a_buildspec_that_leaves_the_python_to_the_image_is_refused(
    versions: dict[str, Any] | None,
) -> None:
    phases: dict[str, Any] = {"build": {"commands": ["ls"]}}
    if versions is not None:
        phases["install"] = versions
    with pytest.raises(UserError, match="runtime-versions"):
        read(spec(phases=phases))


@pytest.mark.parametrize(
    "parts",
    [
        {"version": 0.1},
        {"phases": {"deploy": {"commands": ["ls"]}}},
        {"phases": {}},
        {"phases": {**PHASES, "build": ["ls"]}},
        {"phases": {**PHASES, "build": {"commands": "ls"}}},
        {"phases": {**PHASES, "build": {"commands": ["ls"], "run-as": "joe"}}},
        {"phases": {**PHASES, "build": {"commands": ["ls"], "on-failure": "RETRY"}}},
        {"phases": {"install": {"runtime-versions": {"python": "3.12", "nodejs": 20}}}},
        {"env": {"secrets-manager": {"TOKEN": "some/secret"}}},
        {"batch": {}},
        {"artifacts": {"files": ["a"], "discard-paths": True}},
        {"artifacts": {"name": "only"}},
        {"cache": ["a"]},
    ],
)
def test_what_can_not_be_played_is_refused(parts: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="buildspec-unplayable"):
        read(spec(**parts))


def test_a_buildspec_that_is_no_yaml_is_named() -> None:
    with pytest.raises(UserError, match="buildspec-yaml"):
        read("version: [\n")
