"""Reads a buildspec, as the "Build specification reference" of the CodeBuild guide has it.

What it may say and the rehearsal does not play is refused, never skipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import yaml

from ci.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

PHASES = ("install", "pre_build", "build", "post_build")
_KEYS = {
    "buildspec": {"version", "env", "phases", "reports", "artifacts", "cache"},
    "env": {"shell", "variables", "exported-variables", "git-credential-helper"},
    "phase": {"runtime-versions", "commands", "finally", "on-failure"},
    "runtime-versions": {"python"},
    "reports": {"files", "file-format", "base-directory"},
    "artifacts": {"files", "name", "base-directory"},
    "cache": {"paths", "key", "fallback-keys"},
}
_COVERAGE = {"CLOVERXML", "COBERTURAXML", "JACOCOXML", "SIMPLECOV"}


@dataclass(frozen=True)
class Phase:
    """A phase's commands, those of its `finally` as `last`; `aborts` says what its failure does."""

    commands: tuple[str, ...]
    last: tuple[str, ...]
    aborts: bool


@dataclass(frozen=True)
class FileSet:
    """Which files an artifact or a report group takes, below `base`; `format` is a report's."""

    patterns: tuple[str, ...]
    base: str
    format: str = "JUNITXML"

    @property
    def is_coverage(self) -> bool:
        """Whether it is a report of code coverage, not of tests."""
        return self.format in _COVERAGE


@dataclass(frozen=True)
class Buildspec:
    """A buildspec, read and found playable; `python` is that of its `runtime-versions`."""

    shell: str
    python: str
    credential_helper: bool
    variables: Mapping[str, str]
    exported: tuple[str, ...]
    phases: Mapping[str, Phase]
    artifacts: FileSet | None
    reports: Mapping[str, FileSet]
    cache: tuple[str, ...]


def read_buildspec(project: Mapping[str, Any]) -> Buildspec:
    """Read the buildspec of a CodeBuild project.

    Raises UserError for one that the commit could change, that is no YAML, or that says what
    CodeBuild or this player refuses.
    """
    text = project["Source"].get("BuildSpec", "buildspec.yml")
    if "\n" not in text and not text.startswith("{"):
        raise UserError(
            "buildspec-of-commit",
            f"the project {project['Name']} takes {text} from the commit that it builds",
            "write its text into the project in cdk/, so that no commit can change it",
        )
    try:
        return _parsed(text)
    except yaml.YAMLError as error:
        name = project["Name"]
        raise UserError(
            "buildspec-yaml",
            f"the buildspec of {name} is not valid YAML: {error}",
            "correct buildspec.yml",
        ) from None


@cache
def _parsed(text: str) -> Buildspec:
    spec = _mapping(yaml.safe_load(text), "buildspec")
    if str(spec.get("version")) != "0.2":  # in 0.1, nothing carries over between commands
        raise _refused("version", spec.get("version"), "write version: 0.2")
    env = _mapping(spec.get("env", {}), "env")
    phases = spec.get("phases") or {}
    if not phases or set(phases) - set(PHASES):
        raise _refused("phases", list(phases), f"use some of {', '.join(PHASES)}")
    return Buildspec(
        shell=env.get("shell", "sh"),  # "Shells and commands in build environments"
        python=_python(phases),
        credential_helper=env.get("git-credential-helper") in {True, "yes"},
        variables={name: str(value) for name, value in env.get("variables", {}).items()},
        exported=_strings(env, "exported-variables"),
        phases={name: _phase(name, phases[name]) for name in PHASES if name in phases},
        artifacts=_files("artifacts", spec["artifacts"]) if "artifacts" in spec else None,
        reports={name: _files("reports", found) for name, found in spec.get("reports", {}).items()},
        cache=_strings(_mapping(spec.get("cache", {}), "cache"), "paths"),
    )


def _python(phases: dict[str, Any]) -> str:
    """The Python of the install phase's runtime-versions, such as "3.12".

    Without it the image's own default runs, which changes from time to time.
    """
    install = _mapping(phases.get("install", {}), "phase")
    versions = _mapping(install.get("runtime-versions", {}), "runtime-versions")
    if "python" not in versions:
        raise _refused("runtime-versions", versions, "name the Python that the sessions need")
    return str(versions["python"])


def _refused(where: str, found: object, remedy: str) -> UserError:
    return UserError("buildspec-unplayable", f"{where} in the buildspec is {found!r}", remedy)


def _mapping(found: object, kind: str) -> dict[str, Any]:
    if not isinstance(found, dict) or set(found) - _KEYS[kind]:
        raise _refused(kind, found, f"make it a mapping of {', '.join(sorted(_KEYS[kind]))}")
    return found


def _strings(table: dict[str, Any], key: str) -> tuple[str, ...]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise _refused(key, found, "make it a list of strings")
    return tuple(found)


def _phase(name: str, found: object) -> Phase:
    table = _mapping(found, "phase")
    on_failure = table.get("on-failure", "CONTINUE" if name == "build" else "ABORT")
    if on_failure not in {"ABORT", "CONTINUE"}:
        raise _refused("on-failure", on_failure, "use ABORT or CONTINUE")
    return Phase(_strings(table, "commands"), _strings(table, "finally"), on_failure == "ABORT")


def _files(kind: str, found: object) -> FileSet:
    table = _mapping(found, kind)
    if isinstance(table.get("files"), str):
        table["files"] = [table["files"]]
    if not table.get("files"):
        raise _refused(kind, found, "name its files")
    base, form = table.get("base-directory", "."), table.get("file-format", "JUNITXML")
    return FileSet(_strings(table, "files"), base, form)
