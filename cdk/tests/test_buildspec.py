"""The buildspec of each project: buildspec.yml's own text, without what the project never makes."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from buildspec import FILE, build_spec
from settings import ContextProblem

if TYPE_CHECKING:
    from pathlib import Path

    from ci.rehearsal.cloudformation import Template

TEXT = FILE.read_text(encoding="utf-8")


def deployed(template: Template) -> dict[str, dict[str, Any]]:
    """Each project's buildspec, by the project's path."""
    return {
        path: as_values(project["Source"]["BuildSpec"])
        for path, project in template.by_path("AWS::CodeBuild::Project").items()
    }


@cache
def as_values(document: str) -> Any:  # noqa: ANN401 - YAML
    return yaml.safe_load(document)


@cache
def as_text(document: str) -> Any:  # noqa: ANN401 - YAML
    return yaml.load(document, Loader=yaml.BaseLoader)  # noqa: S506 - it makes no objects


def without(key: str, table: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name != key}


# What each project's session always makes: its reports, its artifact, and whether it exports.
MAKES: dict[str, dict[str, object]] = {
    "pr-validation": {"reports": {"tests", "coverage"}, "cache": True},
    "pr-tests": {"reports": {"tests"}, "cache": True},
    "release": {"reports": {"tests", "coverage"}, "exports": True},
    "build": {"artifact": "dist", "exports": True},
    "publish": {},
    "verify": {},
    "staging": {},
    "nightly": {"artifact": "nightly", "cache": True},
}
IN_SHARDS = {
    "pr-validation": {"cache": True},
    "pr-tests": {"reports": {"tests"}, "artifact": "reports", "cache": True},
    "pr-coverage": {"reports": {"coverage"}},
}


def made(spec: dict[str, Any]) -> dict[str, object]:
    found = {
        "reports": set(spec.get("reports", {})),
        "artifact": spec.get("artifacts", {}).get("base-directory"),
        "exports": "exported-variables" in spec["env"],
        "cache": "cache" in spec,
    }
    return {key: value for key, value in found.items() if value}


def test_each_project_declares_only_what_its_session_makes(template: Template) -> None:
    found = {path: made(spec) for path, spec in deployed(template).items()}
    wanted = MAKES | (IN_SHARDS if "pr-coverage" in found else {})
    assert found == {path: wanted[path] for path in found}


def test_every_project_runs_the_same_commands_as_buildspec_yml_has_them(template: Template) -> None:
    whole = as_text(TEXT)
    for path, spec in deployed(template).items():
        kept = as_text(yaml.safe_dump(spec))
        assert kept["phases"] == whole["phases"], path
        assert kept["version"] == whole["version"]
        assert without("exported-variables", kept["env"]) == without(
            "exported-variables", whole["env"]
        )
        for name, report in kept.get("reports", {}).items():
            assert report == whole["reports"][name]


def test_each_artifact_and_cache_is_what_buildspec_yml_says(full: Template) -> None:
    whole, specs = as_text(TEXT), deployed(full)
    secondary = whole["artifacts"]["secondary-artifacts"]
    assert specs["build"]["artifacts"] == without("secondary-artifacts", whole["artifacts"])
    assert specs["nightly"]["artifacts"] == secondary["nightly"]
    assert specs["pr-tests"]["artifacts"] == secondary["coverage-data"]
    assert specs["nightly"]["cache"] == whole["cache"]
    outside = [path for path in whole["cache"]["paths"] if path.startswith("/root/")]
    assert specs["pr-tests"]["cache"] == specs["pr-validation"]["cache"] == {"paths": outside}


def test_what_yaml_might_read_as_something_else_stays_text(plain: Template) -> None:
    spec = deployed(plain)["publish"]
    assert spec["version"] == "0.2"
    assert spec["env"]["git-credential-helper"] == "yes"
    assert spec["env"]["variables"]["CI"] == "true"
    assert spec["phases"]["install"]["runtime-versions"]["python"] == "3.12"


def test_nothing_is_read_from_the_commit_that_is_built(template: Template) -> None:
    for project in template.by_path("AWS::CodeBuild::Project").values():
        assert project["Source"]["Type"] == "CODEPIPELINE"
        assert "\n" in project["Source"]["BuildSpec"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "buildspec-unreadable"),
        (b"\xff", "buildspec-unreadable"),
        (b"a: [", "buildspec-unreadable"),
        (b"- a", "buildspec-unreadable"),
        (b"", "buildspec-unreadable"),
        (TEXT.replace("\nreports:", "\nreport:").encode(), "buildspec-section"),
        (TEXT.replace("exported-variables:", "exported:").encode(), "buildspec-section"),
    ],
)
def test_a_buildspec_that_can_not_be_deployed_is_refused(
    tmp_path: Path, text: bytes | None, code: str
) -> None:
    file = tmp_path / "buildspec.yml"
    if text is not None:
        file.write_bytes(text)
    with pytest.raises(ContextProblem) as problem:
        build_spec(file=file)
    assert problem.value.code == code
    assert "buildspec.yml" in problem.value.found
